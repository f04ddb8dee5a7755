# SPDX-License-Identifier: Apache-2.0
"""Results that others published, beside ours."""

from __future__ import annotations

from dataclasses import dataclass

from emu.report.numerals import interval_text, number
from emu.report.routing.comparison import Comparison

__all__ = ["PUBLISHED", "Published", "beside_ours"]


@dataclass(frozen=True)
class Published:
    """A result from elsewhere, and why ours need not equal it."""

    claim: str
    source: str
    policies: tuple[str, ...]
    difference: str
    broken: bool = False
    """It is about a fabric with a fault, so that ours is too."""


PUBLISHED = (
    Published(
        "CONGA: flow completion times 5 times better than ECMP's with one link failed",
        "Alizadeh et al., SIGCOMM 2014, abstract",
        ("flowlet",),
        "mean over TCP flows of all sizes, most of them short, at a load that the fabric that is "
        "left can hardly carry; here 2 of the 16 links to one leaf are gone, which leaves room, "
        "and a queue pair that moves a KV cache has no silences in which a flowlet could move",
        broken=True,
    ),
    Published(
        "ConWeave: mean completion time -42.3 %, p99 -66.8 %",
        "SIGCOMM 2023, abstract",
        ("flowlet", "adaptive"),
        "ConWeave reroutes within a flow and puts it in order again in the switch; here the NIC "
        "bears the order",
    ),
    Published(
        "Spectrum-X: 95 % against 60 % of the throughput",
        "a vendor's claim, second-hand",
        ("adaptive",),
        "throughput of collectives at full load; here transfers arrive at a serving system's load, "
        "so that links are idle between them",
    ),
    Published(
        "More queue pairs and their source ports in the hash: up to +40 % on all-reduce over ECMP",
        "Meta, SIGCOMM 2024, second-hand",
        ("ecmp",),
        "collectives of few large flows that wait for each other; a transfer here is several "
        "queue pairs already, and waits for its slowest",
    ),
    Published(
        "STrack: up to 6 times on synthetic traffic, 27.4 % on collectives over RoCEv2",
        "arXiv 2407.15266",
        ("spray",),
        "a transport of its own with its own congestion control; here DCQCN stays",
    ),
)


def beside_ours(comparison: Comparison) -> list[tuple[Published, str]]:
    """Each published result with our tails over ECMP's, on every design that has the policy."""
    rows = []
    for published in PUBLISHED:
        ours = [
            f"{case.title}, {design.label}: {number(ratio.value)}× ({interval_text(ratio)})"
            for case in comparison.results.data.cases
            if comparison.policy(case) in published.policies
            and comparison.is_broken(case) == published.broken
            for design in comparison.results.data.designs
            if (ratio := comparison.gain(design, case)) is not None
        ]
        rows.append((published, "; ".join(ours) or "not among these runs"))
    return rows
