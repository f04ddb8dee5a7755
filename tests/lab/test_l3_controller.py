# SPDX-License-Identifier: Apache-2.0
"""l3 under the controller on os-ken."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from emu.lab.faults import apply_fault
from emu.lab.reach import unreachable_pairs
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


@pytest.fixture(scope="module")
def lab(start_lab: Callable[..., Any]) -> Any:
    return start_lab("l3", "controller")


def test_every_host_reaches_every_other(lab: Any) -> None:
    assert unreachable_pairs(lab) == []


def test_each_switch_on_the_way_takes_one_off_the_ttl(lab: Any) -> None:
    near = lab.node("h0").cmd("ping -c 1 -W 5 198.18.0.11")
    far = lab.node("h0").cmd("ping -c 1 -W 5 198.18.1.10")
    assert re.search(r"ttl=(\d+)", near)[1] == "63", near
    assert re.search(r"ttl=(\d+)", far)[1] == "61", far


def test_arp_is_answered_by_the_leaf(lab: Any) -> None:
    neighbours = lab.node("h0").cmd("ip neigh show 198.18.0.1")
    assert "02:e1:ff:00:00:01" in neighbours
    # A host of the same subnet is behind the leaf too.
    lab.node("h0").cmd("ping -c 1 -W 5 198.18.0.11")
    assert "02:e1:ff:00:00:01" in lab.node("h0").cmd("ip neigh show 198.18.0.11")


def test_flows_spread_over_both_uplinks(lab: Any) -> None:
    counts = spread(lab, "h0", "h2", UPLINKS)
    assert min(counts) >= 10, counts


def test_rest_view_shows_topology_routes_and_groups(lab: Any) -> None:
    topology = lab.controller.get("/topology")
    assert topology["runtime"] == "os-ken"
    assert {s["name"] for s in topology["switches"]} == {"leaf0", "leaf1", "spine0", "spine1"}
    assert {"from": "leaf0-p2", "to": "spine0-p0"} in topology["links"]
    routes = lab.controller.get("/routes")
    assert {"switch": "leaf1", "destination": "198.18.1.10/32", "port": "leaf1-p0"} in routes
    groups = lab.controller.get("/groups")
    to_leaf1 = next(g for g in groups if g["switch"] == "leaf0" and g["to"] == "leaf1")
    assert to_leaf1["ports"] == UPLINKS


def test_a_dead_link_far_away_leaves_the_groups_and_comes_back(lab: Any) -> None:
    def ports() -> list[str]:
        groups = lab.controller.get("/groups")
        return next(g["ports"] for g in groups if g["switch"] == "leaf0" and g["to"] == "leaf1")

    apply_fault(lab, "link down leaf1-spine0")
    assert wait_until(lambda: ports() == ["leaf0-p3"])
    assert unreachable_pairs(lab) == []
    assert spread(lab, "h0", "h2", UPLINKS)[0] == 0
    apply_fault(lab, "link up leaf1-spine0")
    assert wait_until(lambda: ports() == UPLINKS)
    assert unreachable_pairs(lab) == []


def test_a_switch_leaves_its_own_dead_port_without_the_controller(lab: Any) -> None:
    pid = next(
        entry["pid"]
        for entry in lab.journal.entries
        if entry.kind == "process" and entry["role"] == "controller-l3"
    )
    os.kill(pid, signal.SIGSTOP)
    try:
        apply_fault(lab, "link down leaf0-spine0")
        assert wait_until(lambda: spread(lab, "h0", "h2", UPLINKS)[1] >= 64)
        assert "1 received" in lab.node("h0").cmd("ping -c 1 -W 5 198.18.0.11")
    finally:
        os.kill(pid, signal.SIGCONT)
        apply_fault(lab, "link up leaf0-spine0")
    assert wait_until(lambda: not unreachable_pairs(lab))
