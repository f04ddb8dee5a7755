# SPDX-License-Identifier: Apache-2.0
"""What each switch forwards after a fault, step by step, against timelines by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from emu.fabric.designs import DESIGNS
from emu.fabric.faults import resolve_faults
from emu.fabric.forwarding import (
    DROP,
    FLOOD,
    TUNNEL_BIT,
    BlackHole,
    FlushMacs,
    ForwardingPlan,
    LinkLoss,
    LinkState,
    NicStorm,
    Note,
    PortDetected,
    ReceiverRate,
    SetEndpointGroup,
    SetFib,
    SetFlood,
    SetFloodTunnels,
    SetGroup,
    SetPortGroup,
    SilentHost,
    Update,
)
from emu.fabric.graph import Fabric
from emu.fabric.walk import State, walk
from emu.spec.design import DesignSpec, design_keys
from emu.spec.fault import FaultSpec
from emu.spec.timers import TimersSpec

ANY_FAULT: TypeAdapter[FaultSpec] = TypeAdapter(FaultSpec)
MS = 10**9
TIMERS = TimersSpec.model_validate(
    {
        "loss_of_signal": "1ms",
        "bgp_local_repair": "10ms",
        "bgp_remote_withdraw_per_hop": "50ms",
        "bgp_restore": "1s",
        "host_repair": "1ms",
        "active_standby_failover": "100ms",
        "rstp_local": "500ms",
        "mlag_failover": "200ms",
        "lacp_member": "189ms",
        "esi_mass_withdraw": "100ms",
        "evpn_mac_withdraw": "500ms",
        "evpn_startup": "60s",
    }
)


def plan(fabric: Fabric, key: str, *faults: dict[str, Any], **timers: Any) -> ForwardingPlan:
    design = DesignSpec.model_validate(key)
    given = [ANY_FAULT.validate_python({"at": "100ms", **fault}) for fault in faults]
    chosen = TIMERS.model_copy(update=timers)
    return DESIGNS[design.name](fabric, design, chosen, resolve_faults(fabric, given), 1)


def text(fabric: Fabric, result: ForwardingPlan, update: Update) -> str:
    """One update as `milliseconds node: what`."""
    n = fabric.n_endpoints

    def ports(group: int) -> str:
        return "{" + " ".join(_far(fabric, p) for p in result.groups[group]) + "}"

    def value(v: int) -> str:
        if v in (DROP, FLOOD):
            return {DROP: "drop", FLOOD: "flood"}[v]
        if v & TUNNEL_BIT:
            return f"tunnel{result.tunnels[v & ~TUNNEL_BIT]}"
        return ports(v)

    at = f"{update.at_ps / MS:g}"
    match update:
        case LinkState():
            return f"{at} {fabric.links[update.link].name}: {'up' if update.up else 'down'}"
        case PortDetected():
            node = fabric.nodes[fabric.ports[update.port].node].name
            state = "up" if update.up else "down"
            return f"{at} {node}: sees {_far(fabric, update.port)} {state}"
        case SetFib():
            name = fabric.nodes[update.switch + n].name
            routes = ",".join(fabric.nodes[r].name if r < n else f"v{r - n}" for r in update.routes)
            return f"{at} {name}: {routes} -> {value(update.value)}"
        case SetGroup():
            members = "{" + " ".join(_far(fabric, p) for p in update.ports) + "}"
            return f"{at} {ports(update.group)} becomes {members}"
        case SetEndpointGroup():
            return f"{at} {fabric.nodes[update.endpoint].name}: sends to {ports(update.group)}"
    return f"{at} {type(update).__name__}"


def _far(fabric: Fabric, port: int) -> str:
    return fabric.nodes[fabric.peer_node(port)].name


def lines(fabric: Fabric, result: ForwardingPlan) -> list[str]:
    return [text(fabric, result, u) for u in result.timeline if not isinstance(u, Note)]


def test_l3_link_down_is_repaired_here_first_and_withdrawn_there_later(make_clos):
    fabric = make_clos(leaves=3, spines=2, hosts_per_leaf=1)
    result = plan(fabric, "l3", {"kind": "link-down", "link": "leaf0-spine1[0]", "for": "2s"})
    assert lines(fabric, result) == [
        "100 leaf0-spine1[0]: down",
        "101 leaf0: sees spine1 down",
        "101 spine1: sees leaf0 down",
        "111 leaf0: h1.0,h2.0 -> {spine0}",
        "111 spine1: h0.0 -> drop",
        "161 leaf1: h0.0 -> {spine0}",
        "161 leaf2: h0.0 -> {spine0}",
        "2100 leaf0-spine1[0]: up",
        "2101 leaf0: sees spine1 up",
        "2101 spine1: sees leaf0 up",
        "3101 leaf0: h1.0,h2.0 -> {spine0 spine1}",
        "3101 spine1: h0.0 -> {leaf0}",
        "3151 leaf1: h0.0 -> {spine0 spine1}",
        "3151 leaf2: h0.0 -> {spine0 spine1}",
    ]


def test_l3_with_parallel_links_only_the_two_ends_shrink_a_group(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1, parallel_links=2)
    result = plan(fabric, "l3", {"kind": "link-down", "link": "leaf0-spine0[1]"})
    assert lines(fabric, result) == [
        "100 leaf0-spine0[1]: down",
        "101 leaf0: sees spine0 down",
        "101 spine0: sees leaf0 down",
        "111 leaf0: h1.0 -> {spine0}",
        "111 spine0: h0.0 -> {leaf0}",
    ]


def test_l3_spine_down_is_seen_by_every_leaf_itself(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=1)
    result = plan(fabric, "l3", {"kind": "switch-down", "switch": "spine0"})
    fib = [line for line in lines(fabric, result) if "->" in line and "spine0:" not in line]
    assert fib[:2] == [
        "111 leaf0: h1.0 -> {spine1}",
        "111 leaf1: h0.0 -> {spine1}",
    ]


def test_l3_bfd_takes_three_intervals(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=1)
    fault = {"kind": "link-down", "link": "leaf0-spine1[0]"}
    result = plan(fabric, "l3", fault, detection="bfd")
    assert "1000 leaf0: sees spine1 down" in lines(fabric, result)
    assert "1010 leaf0: h1.0 -> {spine0}" in lines(fabric, result)


def test_a_flap_shorter_than_detection_changes_no_route(make_clos):
    fabric = make_clos(leaves=2, spines=2)
    fault = {"kind": "link-flap", "link": "leaf0-spine1[0]", "period": "1ms", "count": 3}
    result = plan(fabric, "l3", fault)
    states = [(u.at_ps / MS, u.up) for u in result.timeline if isinstance(u, LinkState)]
    assert states == [
        (100, False),
        (100.5, True),
        (101, False),
        (101.5, True),
        (102, False),
        (102.5, True),
    ]
    assert not [u for u in result.timeline if isinstance(u, SetFib | PortDetected)]


def test_faults_on_one_link_overlap_without_a_flash_of_life(make_clos):
    fabric = make_clos(leaves=2, spines=2)
    link = {"kind": "link-down", "link": "leaf0-spine1[0]"}
    result = plan(
        fabric,
        "l3",
        {**link, "at": "100ms", "for": "50ms"},
        {**link, "at": "150ms", "for": "50ms"},
        {"kind": "switch-down", "switch": "spine1", "at": "180ms", "for": "100ms"},
    )
    own = fabric.link("leaf0-spine1[0]").id
    states = [(u.at_ps / MS, u.up) for u in result.timeline
              if isinstance(u, LinkState) and u.link == own]  # fmt: skip
    assert states == [(100, False), (280, True)]


def test_l3_active_standby_moves_the_host_and_its_route(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1, homing="dual")
    result = plan(fabric, "l3", {"kind": "link-down", "link": "h0.0-leaf0"})
    assert lines(fabric, result) == [
        "100 h0.0-leaf0: down",
        "101 h0.0: sees leaf0 down",
        "101 leaf0: sees h0.0 down",
        "111 leaf0: h0.0 -> drop",
        "161 spine0: h0.0 -> drop",
        "201 h0.0: sends to {leaf1}",
        "201 leaf1: h0.0 -> {h0.0}",
        "251 spine0: h0.0 -> {leaf1}",
        "301 leaf0: h0.0 -> {spine0}",
    ]


def test_l3_host_keeps_sending_on_its_other_port(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1, homing="dual")
    result = plan(fabric, "l3-host", {"kind": "link-down", "link": "h0.0-leaf0"})
    assert lines(fabric, result) == [
        "100 h0.0-leaf0: down",
        "101 h0.0: sees leaf0 down",
        "101 leaf0: sees h0.0 down",
        "102 h0.0: sends to {leaf1}",
        "111 leaf0: h0.0 -> drop",
        "161 leaf0: h0.0 -> {spine0}",
        "161 spine0: h0.0 -> {leaf1}",
    ]


def test_hosts_leave_a_leaf_that_has_lost_its_uplinks(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1, homing="dual", peer_links=1)
    fault = {"kind": "link-down", "link": "leaf0-spine0"}
    sends = {
        key: [line for line in lines(fabric, plan(fabric, key, fault)) if "sends" in line]
        for key in design_keys()
    }
    assert sends["l3"] == ["201 h0.0: sends to {leaf1}"]
    assert sends["stretched-l2/rstp"] == ["201 h0.0: sends to {leaf1}"]
    told = ["162 h0.0: sends to {leaf1}", "162 h1.0: sends to {leaf1}"]
    assert sends["l3-host"] == sends["evpn/l2vni"] == sends["evpn/l3vni"] == told
    # The peer link leads on.
    assert sends["stretched-l2/mlag"] == []


def test_evpn_mass_withdrawal_takes_one_leaf_out_of_the_segment(make_clos):
    fabric = make_clos(leaves=4, spines=1, hosts_per_leaf=1, homing="dual")
    result = plan(fabric, "evpn/l2vni", {"kind": "link-down", "link": "h0.0-leaf0"})
    fib = [line for line in lines(fabric, result) if "->" in line]
    assert fib == [
        "111 leaf0: h0.0 -> tunnel(1,)",
        "211 leaf2: h0.0 -> tunnel(1,)",
        "211 leaf3: h0.0 -> tunnel(1,)",
    ]
    # The mate makes up for the lost copies and forwards for the segment.
    floods = [u for u in result.timeline if isinstance(u, SetFlood | SetFloodTunnels)]
    assert {(u.at_ps / MS, u.switch) for u in floods} == {(111, 0), (211, 1)}


def test_evpn_single_homed_address_is_withdrawn_and_flooded(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1)
    fault = {"kind": "link-down", "link": "h0.0-leaf0"}
    bridged = [x for x in lines(fabric, plan(fabric, "evpn/l2vni", fault)) if "->" in x]
    routed = [x for x in lines(fabric, plan(fabric, "evpn/l3vni", fault)) if "->" in x]
    assert bridged == ["111 leaf0: h0.0 -> flood", "611 leaf1: h0.0 -> flood"]
    assert routed == ["111 leaf0: h0.0 -> drop", "211 leaf1: h0.0 -> drop"]


def test_evpn_underlay_loses_a_vtep_path_as_l3_loses_a_route(make_clos):
    fabric = make_clos(leaves=3, spines=2, hosts_per_leaf=1)
    result = plan(fabric, "evpn/l3vni", {"kind": "link-down", "link": "leaf0-spine1[0]"})
    assert [line for line in lines(fabric, result) if "->" in line] == [
        "111 leaf0: v1,v2 -> {spine0}",
        "111 spine1: v0 -> drop",
        "161 leaf1: v0 -> {spine0}",
        "161 leaf2: v0 -> {spine0}",
    ]


def test_evpn_leaf_that_restarts_waits_before_it_takes_its_hosts_back(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1, homing="dual")
    fault = {"kind": "switch-down", "switch": "leaf0", "for": "1s"}
    sends = [line for line in lines(fabric, plan(fabric, "evpn/l2vni", fault)) if "sends" in line]
    assert sends == [
        "102 h0.0: sends to {leaf1}",
        "102 h1.0: sends to {leaf1}",
        "62101 h0.0: sends to {leaf0 leaf1}",
        "62101 h1.0: sends to {leaf0 leaf1}",
    ]


def test_rstp_unblocks_flushes_and_floods(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=1)
    result = plan(fabric, "stretched-l2/rstp", {"kind": "switch-down", "switch": "spine0"})
    before = [u for u in result.timeline if 101 * MS < u.at_ps < 601 * MS]
    after = [u for u in result.timeline if u.at_ps >= 601 * MS]
    assert {u.at_ps for u in before if isinstance(u, SetGroup)} == {290 * MS}
    assert {u.at_ps for u in after} == {601 * MS}
    assert not [u for u in before if isinstance(u, FlushMacs | SetPortGroup)]
    flushed = {fabric.nodes[u.switch + 2].name for u in after if isinstance(u, FlushMacs)}
    assert flushed == {"leaf0", "leaf1", "spine0", "spine1"}
    assert [u for u in after if isinstance(u, SetPortGroup)]
    state = State(fabric, result)
    assert walk(state.until(100 * MS), 0, 1, 1).lost == {"link_down": 1}
    assert walk(state.until(300 * MS), 0, 1, 1).lost == {"no_route": 1}
    found = walk(state.until(601 * MS), 0, 1, 1)
    assert len(found.delivered) == 1
    assert (state.fib[:2, :2] == FLOOD).any()


def test_rstp_without_loss_of_signal_waits_for_three_hellos(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=1)
    fault = {"kind": "switch-down", "switch": "spine0"}
    result = plan(fabric, "stretched-l2/rstp", fault, detection="bfd")
    flushes = {u.at_ps for u in result.timeline if isinstance(u, FlushMacs)}
    assert flushes == {6100 * MS}


def test_a_bridge_forgets_a_host_whose_link_is_down(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=2)
    result = plan(fabric, "stretched-l2/rstp", {"kind": "link-down", "link": "h0.0-leaf0"})
    found = walk(State(fabric, result).until(101 * MS), 2, 0, 1)
    assert found.delivered == []
    # What is addressed to it now goes to its neighbours.
    assert found.lost["not_mine"] == 1


def test_mlag_moves_nothing_but_a_lag_and_uses_the_peer_link(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=1, peer_links=1)
    result = plan(fabric, "stretched-l2/mlag", {"kind": "link-down", "link": "leaf0-spine0[0]"})
    assert lines(fabric, result)[:3] == [
        "100 leaf0-spine0[0]: down",
        "101 leaf0: sees spine0 down",
        "101 spine0: sees leaf0 down",
    ]
    groups = [line for line in lines(fabric, result) if "becomes" in line]
    assert groups == [
        "290 {spine0 spine1} becomes {spine1}",
        "290 {leaf0} becomes {}",
        "301 {leaf0} becomes {spine1}",
    ]
    assert not [u for u in result.timeline if isinstance(u, FlushMacs | SetPortGroup | SetFib)]
    state = State(fabric, result).apply(result.timeline)
    for entropy in range(20):
        path = walk(state, 1, 0, entropy * 2654435761).path
        assert [fabric.nodes[fabric.ports[p].node].name for p in path][-2:] == ["spine1", "leaf0"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("l3", {}),
        ("l3-host", {"leaf0": 0, "spine0": 50, "leaf1": 100}),
        ("stretched-l2/rstp", {"leaf0": 1, "spine0": 1, "leaf1": 1}),
        ("stretched-l2/mlag", {"leaf0": 1, "spine0": 1, "leaf1": 1}),
        ("evpn/l2vni", {"leaf0": 1, "leaf1": 501}),
        ("evpn/l3vni", {"leaf0": 0, "leaf1": 100}),
    ],
)
def test_silent_host(make_clos, key, expected):
    """Milliseconds after the MAC age until each switch no longer knows the host."""
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1)
    result = plan(fabric, key, {"kind": "silent-host", "host": "h0"})
    assert [u for u in result.timeline if isinstance(u, SilentHost)] == [
        SilentHost(100 * MS, "silent-host-0", 0, True)
    ]
    gone = {
        fabric.nodes[u.switch + 2].name: u.at_ps // MS - 100
        for u in result.timeline
        if isinstance(u, SetFib) and u.at_ps < 1000 * MS
    }
    assert gone == expected
    values = {u.value for u in result.timeline if isinstance(u, SetFib) and u.at_ps < 1000 * MS}
    floods = key in ("stretched-l2/rstp", "stretched-l2/mlag", "evpn/l2vni")
    assert values <= ({FLOOD} if floods else {DROP})


def test_l3_drops_a_silent_host_when_its_arp_entry_expires(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1)
    fault = {"kind": "silent-host", "host": "h0"}
    minute = 60 * 1000 * MS
    result = plan(fabric, "l3", fault, arp_age=10 * minute, mac_age=5 * minute)
    drops = [u for u in result.timeline if isinstance(u, SetFib)]
    assert [(u.at_ps - 100 * MS, u.switch, u.value) for u in drops] == [(5 * minute, 0, DROP)]


def test_faults_that_leave_links_up_change_no_route(make_clos):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=1)
    faults = [
        {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.1, "for": "50ms"},
        {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.5, "at": "120ms"},
        {"kind": "slow-receiver", "host": "h1", "rate": "10G", "for": "1s"},
        {"kind": "nic-storm", "host": "h1", "for": "1s"},
        {"kind": "black-hole", "switch": "leaf1", "to": ["h0"], "for": "1s"},
    ]
    for key in design_keys():
        updates = [u for u in plan(fabric, key, *faults).timeline if not isinstance(u, Note)]
        kinds = {type(u) for u in updates}
        assert kinds == {LinkLoss, ReceiverRate, NicStorm, BlackHole}
    losses = [u for u in updates if isinstance(u, LinkLoss)]
    for port in {u.port for u in losses}:
        loss = [(u.at_ps / MS, round(u.loss, 9)) for u in losses if u.port == port]
        assert loss == [(100, 0.1), (120, 0.55), (150, 0.5)]
    assert len(losses) == 6  # both directions
    rates = [(u.at_ps / MS, u.rate_bps) for u in updates if isinstance(u, ReceiverRate)]
    assert rates == [(100, 10**10), (1100, 0)]
    holes = [u for u in updates if isinstance(u, BlackHole)]
    assert {(u.at_ps / MS, u.on, u.routes) for u in holes} == {
        (100, True, (0,)),
        (1100, False, None),
    }


def test_every_fault_leaves_a_note_when_it_begins_and_ends(make_clos):
    fabric = make_clos()
    fault = {"kind": "link-down", "link": "leaf0-spine0", "name": "cut", "for": "1s"}
    notes = [u for u in plan(fabric, "l3", fault).timeline if isinstance(u, Note)]
    assert [(u.at_ps / MS, u.text) for u in notes] == [
        (100, "link-down cut begins"),
        (1100, "link-down cut ends"),
    ]


@pytest.mark.parametrize("key", ["stretched-l2/rstp", "stretched-l2/mlag"])
def test_a_link_that_is_back_before_its_lag_noticed_never_left_it(make_clos, key):
    fabric = make_clos(leaves=2, spines=2, peer_links=1, parallel_links=2)
    fault = {"kind": "link-down", "link": "leaf0-spine0[0]", "for": "60ms"}
    kinds = {type(u) for u in plan(fabric, key, fault).timeline}
    assert kinds == {LinkState, PortDetected, Note}


def test_addresses_age_one_by_one_only_where_no_switches_share_them(make_clos):
    single = make_clos(leaves=2, spines=2, peer_links=1)
    dual = make_clos(leaves=2, spines=2, peer_links=1, homing="dual")
    ages = {
        key: (plan(single, key).mac_age_ps > 0, plan(dual, key).mac_age_ps > 0)
        for key in design_keys()
        if plan(dual, key).bridged.any()
    }
    assert ages == {
        "stretched-l2/rstp": (True, True),
        "stretched-l2/mlag": (False, False),
        "evpn/l2vni": (True, False),
    }
