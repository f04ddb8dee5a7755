# SPDX-License-Identifier: Apache-2.0
"""The last stage of every workload: background, order, ids, queue pairs."""

from __future__ import annotations

import numpy as np

from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.workload.background import background_flows
from emu.workload.queue_pairs import PORT_DRAWN, assign_qps
from emu.workload.stream import FLOW_COLUMNS
from emu.workload.table import Table, concat, group_rows
from emu.workload.trace import IntArray

REQUEST_COLUMNS = (
    "request_id",
    "arrival_ps",
    "input_tokens",
    "output_tokens",
    "reused_tokens",
    "prefill_worker",
    "decode_worker",
    "prefill_host",
    "decode_host",
    "prefill_start_ps",
    "prefill_end_ps",
    "kv_bytes",
)


def finish_flows(
    flows: Table, workload: WorkloadSpec, fabric: Fabric, seed: int
) -> tuple[Table, Table]:
    """Adds the background, orders by post, numbers flows and QPs."""
    stop_ps = int(flows["post_ps"].max())
    extra = [f for f in background_flows(workload.background, fabric, stop_ps, seed) if len(f)]
    if "udp_sport" in flows:
        extra = [f.having(udp_sport=np.int64(PORT_DRAWN)) for f in extra]
    flows = concat([flows, *extra])
    flows = flows.take(np.argsort(flows["post_ps"], kind="stable"))
    qp_id, qps = assign_qps(flows, seed, workload.source_ports)
    flows = flows.having(flow_id=np.arange(len(flows), dtype=np.int64), qp_id=qp_id)
    return flows.select(FLOW_COLUMNS), qps


def transfers_table(flows: Table, request_id: IntArray, last_ready_ps: IntArray) -> Table:
    """One row per transfer id in ``flows``, which are 0, 1, 2 …"""
    first, transfer = group_rows([flows["transfer_id"]])
    kv_bytes = np.zeros(len(first), dtype=np.int64)
    np.add.at(kv_bytes, transfer, flows["payload_bytes"])
    ready_ps = flows["post_ps"][first]
    np.minimum.at(ready_ps, transfer, flows["post_ps"])
    return Table(
        {
            "transfer_id": np.arange(len(request_id), dtype=np.int64),
            "request_id": request_id,
            "kv_bytes": kv_bytes,
            "ready_ps": ready_ps,
            "last_ready_ps": last_ready_ps,
            "n_flows": np.bincount(transfer).astype(np.int64),
        }
    )


def empty_requests() -> Table:
    """The requests of a workload that has none."""
    return Table({name: np.zeros(0, dtype=np.int64) for name in REQUEST_COLUMNS})
