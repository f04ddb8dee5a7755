# SPDX-License-Identifier: Apache-2.0
"""stretched-l2: Open vSwitch's RSTP, the controller's tree, and MLAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emu.lab.designs.stretched_ovs import port_states
from emu.lab.faults import apply_fault
from emu.lab.reach import unreachable_pairs
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


@pytest.fixture(scope="module")
def rstp(start_lab: Callable[..., Any]) -> Any:
    return start_lab("stretched-l2/rstp", "ovs")


def test_rstp_leaves_one_tree_and_repairs_it(rstp: Any) -> None:
    assert unreachable_pairs(rstp) == []
    states = port_states(rstp)
    assert list(states.values()).count("Discarding") == 1
    # One tree: all flows of two leaves take one uplink.
    counts = spread(rstp, "h0", "h2", UPLINKS)
    assert min(counts) < 5, counts
    used = "spine0" if counts[0] > counts[1] else "spine1"
    apply_fault(rstp, f"link down leaf0-{used}")
    assert wait_until(lambda: not unreachable_pairs(rstp))
    apply_fault(rstp, f"link up leaf0-{used}")
    assert wait_until(lambda: list(port_states(rstp).values()).count("Discarding") == 1)
    assert wait_until(lambda: not unreachable_pairs(rstp))


@pytest.fixture(scope="module")
def tree(start_lab: Callable[..., Any]) -> Any:
    return start_lab("stretched-l2/rstp", "controller", options={"mac_age_s": "5"})


def test_the_controllers_tree_uses_one_spine_and_moves_to_the_other(tree: Any) -> None:
    assert unreachable_pairs(tree) == []
    assert tree.controller.get("/tree") == ["leaf0-p2", "leaf1-p2", "spine0-p0", "spine0-p1"]
    assert spread(tree, "h0", "h2", UPLINKS) == [64, 0]
    apply_fault(tree, "link down leaf1-spine0")
    assert wait_until(lambda: "spine1-p0" in tree.controller.get("/tree"))
    assert wait_until(lambda: not unreachable_pairs(tree))
    apply_fault(tree, "link up leaf1-spine0")
    assert wait_until(lambda: "spine1-p0" not in tree.controller.get("/tree"))
    assert wait_until(lambda: not unreachable_pairs(tree))


def test_a_silent_hosts_mac_ages_out_and_is_flooded_to(tree: Any) -> None:
    mac = tree.plan.ports[tree.find("h3").ports[0]].mac

    def known() -> bool:
        return mac in [entry["mac"] for entry in tree.controller.get("/macs")]

    assert wait_until(lambda: not known())
    # A flood reaches it all the same, and its answer is learned.
    assert unreachable_pairs(tree) == []
    assert wait_until(known)


@pytest.fixture(scope="module")
def mlag(start_lab: Callable[..., Any]) -> Any:
    return start_lab("stretched-l2/mlag")


def test_mlag_spreads_over_both_spines_and_outlives_one(mlag: Any) -> None:
    assert unreachable_pairs(mlag) == []
    assert min(spread(mlag, "h0", "h2", UPLINKS)) >= 10
    apply_fault(mlag, "switch down spine0")
    assert wait_until(lambda: not unreachable_pairs(mlag))
    assert wait_until(lambda: spread(mlag, "h0", "h2", UPLINKS)[1] >= 64)
    apply_fault(mlag, "switch up spine0")
    assert wait_until(lambda: min(spread(mlag, "h0", "h2", UPLINKS)) >= 10)
    assert unreachable_pairs(mlag) == []


def test_bridged_packets_keep_their_macs(mlag: Any) -> None:
    # The hash goes by way of the source MAC, and the MAC has to be back afterwards.
    mlag.node("h2").cmd("ping -c 1 -W 5 198.18.0.10")
    mac = mlag.plan.ports[mlag.find("h0").ports[0]].mac
    assert mac in mlag.node("h2").cmd("ip neigh show 198.18.0.10")
    assert mac in [entry["mac"] for entry in mlag.controller.get("/macs")]
    assert len(mlag.controller.get("/macs")) == 4
