# SPDX-License-Identifier: Apache-2.0
"""The designs that an operator would deploy: FRR on every switch, the kernel forwarding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emu.lab.designs.routers import router
from emu.lab.faults import apply_fault
from emu.lab.launch import run
from emu.lab.namespaces import enter, interfaces
from emu.lab.reach import unreachable_pairs
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


@pytest.fixture(scope="module", params=["l3", "l3-host", "evpn/l2vni"])
def lab(start_lab: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    return start_lab(request.param, "frr")


def _next_hops(lab: Any) -> int:
    """Ways of leaf0 to leaf1's loopback."""
    space = lab.paths.namespace("leaf0")
    route = run(enter(space, ["ip", "route", "show", lab.find("leaf1").loopback]))
    return route.count("dev leaf0-p")


def test_hosts_reach_each_other_over_both_uplinks(lab: Any) -> None:
    assert unreachable_pairs(lab) == []
    assert min(spread(lab, "h0", "h2", UPLINKS)) >= 10


def test_multipath_survives_a_flap(lab: Any) -> None:
    assert _next_hops(lab) == 2
    apply_fault(lab, "link down leaf0-spine0")
    assert wait_until(lambda: _next_hops(lab) == 1)
    assert wait_until(lambda: not unreachable_pairs(lab))
    apply_fault(lab, "link up leaf0-spine0")
    assert wait_until(lambda: _next_hops(lab) == 2)
    assert wait_until(lambda: min(spread(lab, "h0", "h2", UPLINKS)) >= 10)


def test_a_dead_link_of_the_far_leaf_is_gone_around(lab: Any) -> None:
    apply_fault(lab, "link down leaf1-spine0")
    assert wait_until(lambda: _next_hops(lab) == 1)
    assert wait_until(lambda: spread(lab, "h0", "h2", UPLINKS)[0] == 0)
    assert wait_until(lambda: not unreachable_pairs(lab))
    apply_fault(lab, "link up leaf1-spine0")
    assert wait_until(lambda: _next_hops(lab) == 2)


def test_macs_come_by_bgp_only(lab: Any) -> None:
    if lab.variant.design == "l3-host":
        told = router(lab, lab.find("h0")).show("show bgp ipv4 unicast")["routes"]
        assert set(told) == {"0.0.0.0/0", "198.18.0.10/32"}
        remote = run(enter(lab.paths.namespace("leaf0"), ["ip", "route", "show", "198.18.1.10"]))
        assert remote.count("dev leaf0-p") == 2
        return
    if lab.variant.design == "l3":
        assert "vxlan10" not in interfaces(lab.paths.namespace("leaf0"))
        return
    routes = router(lab, lab.find("leaf0")).vtysh("show bgp l2vpn evpn route type macip")
    h2 = lab.plan.ports[lab.find("h2").ports[0]].mac
    assert f"[2]:[0]:[48]:[{h2}]" in routes
    remote = run(enter(lab.paths.namespace("leaf0"), ["bridge", "fdb", "show", "dev", "vxlan10"]))
    assert f"{h2} extern_learn master br0" in remote or f"{h2} dst 198.19.0.2" in remote
    # With the address in the route, the leaf can answer ARP for a host of the other leaf.
    assert wait_until(lambda: f"198.18.1.10 lladdr {h2}" in _neighbours(lab))


def _neighbours(lab: Any) -> str:
    return run(enter(lab.paths.namespace("leaf0"), ["ip", "neigh", "show", "dev", "br0"]))
