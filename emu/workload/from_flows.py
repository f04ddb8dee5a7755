# SPDX-License-Identifier: Apache-2.0
"""A plain flow list becomes a workload: transfers without requests."""

from __future__ import annotations

import numpy as np

from emu.errors import TraceError
from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.spec.nearest import hint_for
from emu.workload.frames import empty_requests, finish_flows, transfers_table
from emu.workload.readers.flows import NIC_PRIORITY
from emu.workload.scaling import (
    compress,
    compression_factor,
    ingress_bps,
    offered_load,
    span_ps,
)
from emu.workload.stream import ListedFlows
from emu.workload.table import Table
from emu.workload.trace import FlowTrace, IntArray
from emu.workload.wire import wire_bytes
from emu.workload.workload import Workload


def from_flows(
    workload: WorkloadSpec, trace: FlowTrace, fabric: Fabric, file: str, seed: int
) -> Workload:
    """Flows as they are listed; a load fraction compresses their starts.

    Raises
    ------
    TraceError
        When an endpoint is not in the fabric.
    """
    src, dst = (_endpoints(names, trace, fabric, file) for names in (trace.src, trace.dst))
    same = np.flatnonzero(src == dst)
    if len(same):
        row = int(trace.rows[same[0]])
        raise TraceError(
            f"src {trace.src[same[0]]} and dst {trace.dst[same[0]]} are the same endpoint",
            file=file,
            row=row,
            hint="two different endpoints",
        )
    total = int(wire_bytes(trace.size_bytes, fabric.spec.nic.mtu).sum())
    natural = offered_load(total, span_ps(trace.start_ps), ingress_bps(fabric, dst))
    factor = compression_factor(workload.load.fraction, natural)
    priority = np.where(
        trace.priority == NIC_PRIORITY, fabric.spec.nic.data_priority, trace.priority
    )
    flows = Table(
        {
            "transfer_id": _dense(trace.group),
            "src_endpoint": src,
            "dst_endpoint": dst,
            "lane": np.int64(0),
            "udp_sport": trace.sport,
            "payload_bytes": trace.size_bytes,
            "post_ps": compress(trace.start_ps, factor),
            "verb": np.where(trace.read, "read", "write"),
            "priority": priority.astype(np.int64),
        }
    )
    last = np.full(int(flows["transfer_id"].max()) + 1, -1, dtype=np.int64)
    np.maximum.at(last, flows["transfer_id"], flows["post_ps"])
    transfers = transfers_table(flows, np.full(len(last), -1, dtype=np.int64), last)
    finished, qps = finish_flows(flows, workload, fabric, seed)
    notes = list(trace.notes)
    if factor != 1.0:
        notes.append(f"starts of the flow list are compressed {factor:.4g} times")
    return Workload(
        request_table=empty_requests(),
        transfer_table=transfers,
        stream=ListedFlows(finished, len(qps)),
        qp_table=qps,
        offered_load=natural * factor,
        span_ps=span_ps(flows["post_ps"]),
        stats={
            "trace": trace.source,
            "trace_format": trace.format,
            "trace_origin_ps": trace.origin_ps,
            "rows_read": trace.rows_read,
            "rows_skipped": trace.skipped,
            "requests": 0,
            "transfers": len(transfers),
            "messages": len(flows),
            "background_messages": len(finished) - len(flows),
            "payload_bytes": int(trace.size_bytes.sum()),
            "wire_bytes": total,
            "time_compression": factor,
            "offered_load": natural * factor,
        },
        model=None,
        notes=notes,
    )


def _dense(group: IntArray) -> IntArray:
    """Groups renumbered 0, 1, 2 … in order of their first row."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def _endpoints(names: tuple[str, ...], trace: FlowTrace, fabric: Fabric, file: str) -> IntArray:
    known = {fabric.nodes[e].name: e for e in fabric.endpoints}
    for host in fabric.hosts:
        if len(host.nics) == 1:
            known.setdefault(host.name, host.nics[0])
    ids = np.zeros(len(names), dtype=np.int64)
    for index, name in enumerate(names):
        number = int(name) if name.isascii() and name.isdigit() else known.get(name, -1)
        if not 0 <= number < fabric.n_endpoints:
            raise TraceError(
                f"unknown endpoint '{name[:40]}'",
                file=file,
                row=int(trace.rows[index]),
                hint=f"0 to {fabric.n_endpoints - 1}, or a name; {hint_for(name, known)}",
            )
        ids[index] = number
    return ids
