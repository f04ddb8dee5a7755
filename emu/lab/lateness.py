# SPDX-License-Identifier: Apache-2.0
"""Was the lab on time? What a run's report says of it, and the line that it must not cross."""

from __future__ import annotations

from typing import Any

from emu.fabric.graph import Fabric, NodeKind
from emu.sim.build import switch_profile
from emu.sim.ideal import serialisation_ps
from emu.spec import ExperimentSpec

LATE_RTT_SHARE = 0.05
"""A run whose lateness is a larger share of the base round-trip time is marked ``late``."""
LATE_QUANTILE = 0.999
"""The lateness of a run: so much of its packets came at most so late to their queues."""
LOST_SHARE_MAX = 0.001
"""Without a fault, a larger share of packets that never came back marks it, too."""


def base_rtt_ps(fabric: Fabric, spec: ExperimentSpec) -> int:
    """Round-trip time on the empty fabric over its longest path that a leaf-spine uses.

    A full data frame there and an ACK back, leaf to leaf over one spine tier: links,
    serialisation at every hop, pipelines, and the NICs' receive latency.
    """
    nic = spec.topology.nic
    access = [fabric.ports[fabric.ports_of(e)[0]] for e in fabric.endpoints]
    edge = max(access, key=lambda port: port.delay_ps)
    trunks = [fabric.ports[link.a] for link in fabric.links if link.kind == "fabric"]
    hops = [edge, edge]
    switches = [NodeKind.LEAF]
    if trunks:
        trunk = max(trunks, key=lambda port: port.delay_ps)
        hops += [trunk, trunk]
        switches += [NodeKind.SPINE, NodeKind.LEAF]
    pipelines = sum(switch_profile(spec, kind).pipeline_latency for kind in switches)

    def way(frame_bytes: int) -> int:
        links = sum(p.delay_ps + serialisation_ps(frame_bytes + 8, p.rate_bps) for p in hops)
        return links + pipelines + nic.latency_rx

    return way(nic.mtu + 62) + way(66)


def judge(report: dict[str, Any], rtt_ps: int, faults: bool) -> dict[str, Any]:
    """The part of run.json that says how punctual the run was.

    Parameters
    ----------
    report : dict
        Counters of the traffic manager.
    rtt_ps : int
        What lateness is measured against.
    faults : bool
        Whether the scenario breaks something: packets that a switch swallows are then its
        doing and no sign of an overloaded machine.
    """
    packets = max(1, int(report["packets"]))
    lateness_ps = int(report["late_p999_ps"])
    lost = int(report["lost"]) / packets
    late = lateness_ps > LATE_RTT_SHARE * rtt_ps or (not faults and lost > LOST_SHARE_MAX)
    return {
        "late": late,
        "base_rtt_ps": rtt_ps,
        "lateness_ps": lateness_ps,
        "late_share": int(report["late"]) / packets,
        "held_share": int(report["held"]) / packets,
        "lost_share": lost,
    }


def verdict(lab: dict[str, Any]) -> str:
    """One line for a person."""
    share, rtt = lab["lateness_ps"] / lab["base_rtt_ps"], lab["base_rtt_ps"] / 1e6
    return (
        f"{'LATE' if lab['late'] else 'in time'}: {100 * lab['late_share']:.2g} % of packets late, "
        f"{100 * LATE_QUANTILE:g} % of them at most {100 * share:.2g} % of the base RTT "
        f"({rtt:.3g} us), limit {100 * LATE_RTT_SHARE:g} %; fabric time waited for "
        f"{100 * lab['held_share']:.2g} %"
    )
