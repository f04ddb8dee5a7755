# SPDX-License-Identifier: Apache-2.0
"""The workload of one variant, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from emu.workload.models import ModelShape
from emu.workload.stream import FlowStream
from emu.workload.table import Table, concat

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Workload:
    """Tables with dense ids, the flows in order of time, and what there is to say about them.

    Fabric time 0 is the first post. Arrivals and prefill starts lie before what they
    lead to and may be negative.

    Attributes
    ----------
    request_table : request_id, arrival_ps, input_tokens, output_tokens, reused_tokens,
        prefill_worker, decode_worker, prefill_host, decode_host, prefill_start_ps,
        prefill_end_ps, kv_bytes (what this request puts on the wire as payload);
        empty for a plain flow list.
    transfer_table : transfer_id, request_id (-1 without a request), kv_bytes, ready_ps (first
        post), last_ready_ps (prefill end), n_flows.
    stream : flow_id, transfer_id (-1 background), qp_id, src_endpoint, dst_endpoint,
        payload_bytes, post_ps, verb, priority; in order of (post_ps, flow_id), made as they
        come due.
    qp_table : qp_id, src_endpoint, dst_endpoint, udp_sport, priority; src sends the data.
    requests, transfers, qps, flows : the same tables, and all flows, as DataFrames.
    offered_load : payload and RoCE headers per second over ``span_ps``, as a fraction
        of the ingress rate of the receiving endpoints.
    span_ps : time from the first to the last transfer's readiness and one mean gap.
    stats : counts and figures for the report, JSON types only.
    model : shape of the model, None for a plain flow list.
    notes : sentences for the report's method section.
    """

    request_table: Table
    transfer_table: Table
    stream: FlowStream
    qp_table: Table
    offered_load: float
    span_ps: int
    stats: dict[str, Any]
    model: ModelShape | None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def flow_table(self) -> Table:
        """All flows in one table; whoever can takes the stream instead."""
        return concat(list(self.stream.blocks()))

    @cached_property
    def requests(self) -> pd.DataFrame:
        return self.request_table.frame()

    @cached_property
    def transfers(self) -> pd.DataFrame:
        return self.transfer_table.frame()

    @cached_property
    def qps(self) -> pd.DataFrame:
        return self.qp_table.frame()

    @cached_property
    def flows(self) -> pd.DataFrame:
        return self.flow_table.frame()
