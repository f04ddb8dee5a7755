# SPDX-License-Identifier: Apache-2.0
"""evpn on Open vSwitch: VTEPs under controllers/evpn.py with FRR as route reflector."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from emu.lab.designs.evpn_controller import agent
from emu.lab.faults import apply_fault
from emu.lab.frr import Router
from emu.lab.namespaces import interfaces, socket_in
from emu.lab.reach import unreachable_pairs
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


@pytest.fixture(scope="module")
def lab(start_lab: Callable[..., Any]) -> Any:
    return start_lab("evpn/l2vni", "controller")


def _mac(lab: Any, host: str) -> str:
    return str(lab.plan.ports[lab.find(host).ports[0]].mac)


def test_routes_go_to_the_reflector_and_come_back_to_the_other_vtep(lab: Any) -> None:
    space = lab.paths.namespace("mgmt")
    reflector = Router("reflector", space, lab.paths.folder / "frr" / "reflector")
    routes = reflector.vtysh("show bgp l2vpn evpn")
    assert f"[2]:[0]:[48]:[{_mac(lab, 'h0')}]:[32]:[198.18.0.10]" in routes
    assert "[3]:[0]:[32]:[198.19.0.2]" in routes
    learned = agent(lab, lab.find("leaf1")).get("/macs")
    assert {"mac": _mac(lab, "h0"), "ip": "198.18.0.10", "vtep": "198.19.0.1"} in learned


def test_hosts_of_two_leaves_are_in_one_segment(lab: Any) -> None:
    assert unreachable_pairs(lab) == []
    far = lab.node("h0").cmd("ping -c 1 -W 5 198.18.1.10")
    # No hop of the underlay shows.
    assert "ttl=64" in far
    assert _mac(lab, "h2") in lab.node("h0").cmd("ip neigh show 198.18.1.10")


def test_tunnelled_flows_spread_over_both_uplinks_and_avoid_a_dead_one(lab: Any) -> None:
    assert min(spread(lab, "h0", "h2", UPLINKS)) >= 8
    apply_fault(lab, "link down leaf1-spine0")
    assert wait_until(lambda: spread(lab, "h0", "h2", UPLINKS)[0] == 0)
    assert wait_until(lambda: not unreachable_pairs(lab))
    apply_fault(lab, "link up leaf1-spine0")
    assert wait_until(lambda: min(spread(lab, "h0", "h2", UPLINKS)) >= 8)


def test_arp_for_a_known_address_is_answered_by_the_leaf(lab: Any) -> None:
    h2 = lab.plan.ports[lab.find("h2").ports[0]]
    space = lab.paths.namespace("h2")
    lab.node("h0").cmd("ip neigh flush dev eth0")
    before = interfaces(space)[h2.interface]["rx_packets"]
    with socket_in(lab.paths.namespace("h0"), socket.AF_INET) as udp:
        udp.sendto(b"emu", ("198.18.1.10", 9))
    assert wait_until(lambda: h2.mac in lab.node("h0").cmd("ip neigh show 198.18.1.10"))
    # Only the datagram came, and no request: h2 was never asked.
    after = interfaces(space)[h2.interface]["rx_packets"]
    assert after - before <= 1


def test_a_host_that_goes_away_is_withdrawn(lab: Any) -> None:
    other = agent(lab, lab.find("leaf0"))

    def known() -> bool:
        return _mac(lab, "h3") in [row["mac"] for row in other.get("/macs")]

    assert known()
    apply_fault(lab, "link down h3.0-leaf1")
    assert wait_until(lambda: not known())
    apply_fault(lab, "link up h3.0-leaf1")
