# SPDX-License-Identifier: Apache-2.0
"""What `emu lab measure-convergence` can break, and the form of what it finds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

FAILURES_MIN = 20
"""Fewer say little about a distribution; the profile then says so."""
SEGMENT_MACS = 1000
"""Hosts behind one Ethernet segment: a rack of them, virtual ones included."""


@dataclass(frozen=True)
class Case:
    """One control plane and one kind of failure."""

    name: str
    title: str
    design: str
    control: str
    fault: str
    """``carrier``, ``silent``, ``leaf`` (all uplinks of a leaf), or what a leaf withdraws when it
    has lost its link to a segment of hosts: ``segment`` (one route) or ``macs`` (one per host)."""
    near: bool
    """The link is at the sender's leaf, rather than at the receiver's."""
    timer: str = ""
    """The simulator's timer that the median stands for."""
    options: tuple[tuple[str, str], ...] = ()
    macs: int = 0
    """Hosts that the routes of the case are for."""


CASES = (
    Case("bgp-local", "FRR BGP, link of the own leaf down", "l3", "frr", "carrier", True,
         "bgp_local_repair"),
    Case("bgp-remote", "FRR BGP, link of the far leaf down", "l3", "frr", "carrier", False,
         "bgp_remote_withdraw_per_hop"),
    Case("bgp-bfd-silent", "FRR BGP with BFD, link of the far leaf silent", "l3", "frr", "silent",
         False, "", (("bfd", "on"),)),
    Case("bgp-hold-silent", "FRR BGP without BFD, link of the far leaf silent", "l3", "frr",
         "silent", False),
    Case("rstp", "Open vSwitch RSTP, link of the tree down", "stretched-l2/rstp", "ovs",
         "carrier", True, "rstp_local"),
    Case("evpn-leaf-lost", "FRR EVPN, all MACs of a lost leaf withdrawn", "evpn/l2vni",
         "frr", "leaf", False),
    Case("evpn-mass-withdraw", f"FRR EVPN, segment of {SEGMENT_MACS} MACs withdrawn by one route",
         "evpn/l2vni", "frr", "segment", False, "esi_mass_withdraw", macs=SEGMENT_MACS),
    Case("evpn-mac-by-mac", f"FRR EVPN, {SEGMENT_MACS} MACs withdrawn one by one", "evpn/l2vni",
         "frr", "macs", False, macs=SEGMENT_MACS),
    Case("evpn-one-mac", "FRR EVPN, one MAC withdrawn", "evpn/l2vni", "frr", "macs", False,
         "evpn_mac_withdraw", macs=1),
    Case("controller-remote", "OpenFlow controller, link of the far leaf down", "l3",
         "controller", "carrier", False),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """The outages of one case, and what the probes show without any failure."""

    case: Case
    outages_ms: tuple[float, ...]
    noise_ms: float

    def describe(self) -> dict[str, Any]:
        """As it stands in a profile."""
        values = sorted(self.outages_ms)
        return {
            "title": self.case.title,
            "design": self.case.design,
            "control": self.case.control,
            "failure": self.case.fault,
            **({"options": dict(self.case.options)} if self.case.options else {}),
            **({"macs": self.case.macs} if self.case.macs else {}),
            "failures": len(values),
            "noise_ms": round(self.noise_ms, 2),
            "min_ms": round(values[0], 2),
            "median_ms": round(statistics.median(values), 2),
            "p95_ms": round(values[min(len(values) - 1, round(0.95 * (len(values) - 1)))], 2),
            "max_ms": round(values[-1], 2),
            "outages_ms": [round(value, 2) for value in self.outages_ms],
        }
