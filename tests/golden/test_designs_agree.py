# SPDX-License-Identifier: Apache-2.0
"""Every design's result follows from mechanism.

With one spine, single-homed hosts, no faults and no VXLAN bytes there is nothing in which
the designs can differ: one path, the same headers, no choice, no failover. So all of them
must give the same time to every flow, to the picosecond, congestion included.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.lab import NS, Flow, experiment, simulate

DESIGNS: list[dict[str, Any]] = [
    {"name": "l3"},
    {"name": "l3-host"},
    {"name": "stretched-l2", "variant": "rstp"},
    {"name": "stretched-l2", "variant": "mlag"},
    {"name": "evpn", "variant": "l2vni", "vxlan_overhead": 0},
    {"name": "evpn", "variant": "l3vni", "vxlan_overhead": 0},
]
CLOS = {"leaves": 4, "spines": 1, "hosts_per_leaf": 2, "peer_links": 0}
FLOWS = [
    *(Flow(src, 0, 400_000, at_ps=src * 700 * NS, lane=src) for src in range(1, 8)),
    *(Flow(src, (src + 3) % 8, 150_000, at_ps=src * NS, verb="read") for src in range(8)),
    *(Flow(7 - src, src, 30_000, at_ps=src * 11 * NS, priority=0, lane=9) for src in range(4)),
]
SMALL_BUFFER = {
    "buffer": "6MB",
    "pfc": {"headroom": "150KB", "headroom_pool": None, "alpha": 0.0625},
    "ecn": {"by_rate": {"400G": {"kmin": "20KB", "kmax": "80KB", "pmax": 0.2}}},
}


def _ends(design: dict[str, Any], no_arp: bool = True) -> tuple[list[int], dict[str, Any]]:
    timers = {"arp_refresh": "4h", "arp_age": "4h", "mac_age": "5min"} if no_arp else {}
    spec = experiment(CLOS, design=design, switch=SMALL_BUFFER, cc="dcqcn", timers=timers)
    out = simulate(spec, FLOWS)
    assert (out.flows["status"] == "done").all()
    return out.flows["end_ps"].tolist(), out.counters


@pytest.fixture(scope="module")
def l3() -> tuple[list[int], dict[str, Any]]:
    return _ends(DESIGNS[0])


@pytest.mark.parametrize("design", DESIGNS[1:], ids=lambda d: "/".join(map(str, d.values())))
def test_one_spine_and_equal_headers_give_identical_flow_times(
    design: dict[str, Any], l3: tuple[list[int], dict[str, Any]]
) -> None:
    ends, counters = _ends(design)
    assert ends == l3[0]
    for name in ("pfc_frames", "ecn_marked_packets", "cnp_packets"):
        assert counters[name] == l3[1][name]


def test_the_comparison_is_not_empty(l3: tuple[list[int], dict[str, Any]]) -> None:
    """The scenario has marks, notifications and pauses, or it would prove little."""
    assert l3[1]["ecn_marked_packets"] > 0
    assert l3[1]["cnp_packets"] > 0
    assert l3[1]["pfc_frames"] > 0
    assert l3[1]["dropped_packets"] == 0


def test_vxlan_bytes_are_what_separates_evpn_from_l3(
    l3: tuple[list[int], dict[str, Any]],
) -> None:
    design = {"name": "evpn", "variant": "l3vni", "vxlan_overhead": 50}
    assert _ends(design)[0][0] > l3[0][0]
