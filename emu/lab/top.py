# SPDX-License-Identifier: Apache-2.0
"""Live view of a running lab: what each port did since the last look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emu.fabric.graph import Fabric
from emu.lab.feed import PRIORITIES, Snapshot
from emu.sim.ports import map_ports


@dataclass(frozen=True)
class PortRow:
    """One port and priority over one interval of fabric time."""

    port: str
    priority: int
    tx_bps: float
    """Rate in the fabric's time, preamble and gaps included."""
    queue_bytes: int
    ecn_marked: int
    pfc_tx: int
    pfc_rx: int
    paused: float
    """Share of the interval."""
    drops: int


def port_rows(fabric: Fabric, before: Snapshot, after: Snapshot) -> list[PortRow]:
    """Ports that have done anything yet, in the order of the fabric.

    Counters are those of the run under way: a new run begins at zero, and ``before`` then
    counts as zero too.
    """
    elapsed = after.header["fabric_ps"] - before.header["fabric_ps"]
    fresh = elapsed < 0 or before.rows.shape != after.rows.shape
    old = np.zeros_like(after.rows) if fresh else before.rows
    elapsed = after.header["fabric_ps"] if fresh else elapsed
    change = Snapshot(after.header, after.rows - old)
    to_engine = map_ports(fabric).to_engine
    out = []
    for port in fabric.ports:
        number = int(to_engine[port.id])
        drops = int(change.column("drops_packets")[number].sum())
        for priority in range(PRIORITIES):
            if not after.rows[number, priority].any():
                continue

            def delta(name: str, at: tuple[int, int] = (number, priority)) -> int:
                return int(change.column(name)[at])

            out.append(
                PortRow(
                    port=port.name,
                    priority=priority,
                    tx_bps=8e12 * delta("tx_bytes") / elapsed if elapsed > 0 else 0.0,
                    queue_bytes=int(after.column("queue_bytes")[number, priority]),
                    ecn_marked=delta("ecn_marked_packets"),
                    pfc_tx=delta("pfc_tx_frames"),
                    pfc_rx=delta("pfc_rx_frames"),
                    paused=delta("paused_ps") / elapsed if elapsed > 0 else 0.0,
                    drops=drops,
                )
            )
            drops = 0  # counted per port: shown once
    return out


def headline(snapshot: Snapshot) -> str:
    """Fabric time and punctuality in one line."""
    head = snapshot.header
    return (
        f"fabric time {head['fabric_ps'] / 1e6:.1f} us, {head['unfinished']} messages under way, "
        f"{head['packets']} packets through switches, {head['late']} late, {head['lost']} lost, "
        f"p99 {head['turnaround_p99_ns'] / 1e6:.2f} ms, fabric time waited "
        f"{head['held_ns'] / 1e6:.0f} ms for switches and {head['slipped_ns'] / 1e6:.0f} ms for "
        "this process"
    )
