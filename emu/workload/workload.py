# SPDX-License-Identifier: Apache-2.0
"""The workload of one variant, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from emu.workload.models import ModelShape
from emu.workload.stream import FlowStream


@dataclass(frozen=True)
class Workload:
    """Tables with dense ids, the flows in order of time, and what there is to say about them.

    Fabric time 0 is the first post. Arrivals and prefill starts lie before what they
    lead to and may be negative.

    Attributes
    ----------
    requests : request_id, arrival_ps, input_tokens, output_tokens, reused_tokens,
        prefill_worker, decode_worker, prefill_host, decode_host, prefill_start_ps,
        prefill_end_ps, kv_bytes (what this request puts on the wire as payload);
        empty for a plain flow list.
    transfers : transfer_id, request_id (-1 without a request), kv_bytes, ready_ps (first
        post), last_ready_ps (prefill end), n_flows.
    stream : flow_id, transfer_id (-1 background), qp_id, src_endpoint, dst_endpoint,
        payload_bytes, post_ps, verb, priority; in order of (post_ps, flow_id), made as they
        come due.
    qps : qp_id, src_endpoint, dst_endpoint, udp_sport, priority; src sends the data.
    offered_load : payload and RoCE headers per second over ``span_ps``, as a fraction
        of the ingress rate of the receiving endpoints.
    span_ps : time from the first to the last transfer's readiness and one mean gap.
    stats : counts and figures for the report, JSON types only.
    model : shape of the model, None for a plain flow list.
    notes : sentences for the report's method section.
    """

    requests: pd.DataFrame
    transfers: pd.DataFrame
    stream: FlowStream
    qps: pd.DataFrame
    offered_load: float
    span_ps: int
    stats: dict[str, Any]
    model: ModelShape | None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def flows(self) -> pd.DataFrame:
        """All flows in one table; whoever can takes the stream instead."""
        return pd.concat(list(self.stream.blocks()), ignore_index=True)
