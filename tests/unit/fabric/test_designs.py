# SPDX-License-Identifier: Apache-2.0
"""Designs without faults: who reaches whom, over which links, at what cost."""

from __future__ import annotations

import time
from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.designs import DESIGNS
from emu.fabric.forwarding import (
    DROP,
    FLOOD,
    GROUPS_MAX,
    INGRESS_TUNNEL,
    LOCAL,
    PORT_BLOCKED,
    TUNNEL_BIT,
    ForwardingPlan,
    SetFib,
)
from emu.fabric.graph import Fabric, NodeKind
from emu.fabric.walk import State, Walk, walk
from emu.spec.design import DesignSpec, design_keys
from emu.spec.loader import load_topology
from emu.spec.timers import TimersSpec
from emu.spec.topology import TopologySpec

ROUTED = ["l3", "l3-host", "evpn/l2vni", "evpn/l3vni"]


def plan(fabric: Fabric, key: str, **options: object) -> ForwardingPlan:
    name, _, variant = key.partition("/")
    design = DesignSpec.model_validate({"name": name, "variant": variant, **options})
    return DESIGNS[name](fabric, design, TimersSpec(), [], 1)


def names(fabric: Fabric, path: tuple[int, ...]) -> list[str]:
    return [fabric.nodes[fabric.ports[p].node].name for p in path]


def one(fabric: Fabric, key: str, src: int, dst: int, entropy: int = 1) -> Walk:
    return walk(State(fabric, plan(fabric, key)), src, dst, entropy)


SHAPES = {
    "leaf-spine": {"leaves": 4, "spines": 2, "peer_links": 1},
    "four-spines": {"leaves": 2, "spines": 4, "parallel_links": 2, "peer_links": 1},
    "dual": {"leaves": 4, "spines": 2, "homing": "dual", "peer_links": 1},
    "rail": {"leaves": 4, "placement": "rail", "hosts": 2, "nics_per_host": 4, "peer_links": 1},
    "three-tiers": {
        "tiers": 3,
        "pods": 2,
        "leaves": 2,
        "spines": 2,
        "super_spines": 4,
        "planes": 2,
        "peer_links": 1,
    },
}


@pytest.mark.parametrize("key", design_keys())
@pytest.mark.parametrize("shape", SHAPES)
def test_every_pair_is_reached_once_and_nothing_is_lost(make_clos, key, shape):
    fabric = make_clos(**SHAPES[shape])
    state = State(fabric, plan(fabric, key))
    for src, dst in permutations(fabric.endpoints, 2):
        result = walk(state, src, dst, src * 31 + dst)
        assert len(result.delivered) == 1
        assert result.lost == {}


@pytest.mark.parametrize("tiers", [2, 3])
def test_with_one_way_only_all_designs_take_it(make_clos, tiers):
    shape = {"leaves": 2, "spines": 1}
    if tiers == 3:
        shape |= {"tiers": 3, "pods": 2, "super_spines": 1}
    fabric = make_clos(**shape)
    paths = {}
    for key in design_keys():
        state = State(fabric, plan(fabric, key))
        paths[key] = [
            walk(state, a, b, entropy).path
            for a, b in permutations(fabric.endpoints, 2)
            for entropy in (3, 4)
        ]
    assert all(found == paths["l3"] for found in paths.values())


@pytest.mark.parametrize("key", ROUTED)
def test_routed_flows_spread_evenly_over_all_uplinks(make_clos, key):
    fabric = make_clos(leaves=2, spines=4, parallel_links=2)
    state = State(fabric, plan(fabric, key))
    used = Counter(walk(state, 0, 3, entropy * 2654435761).path[1] for entropy in range(4000))
    leaf = fabric.of_kind(NodeKind.LEAF)[0]
    uplinks = [p for p in fabric.ports_of(leaf) if fabric.ports[p].peer > p][-8:]
    assert set(used) == set(uplinks)
    # 500 each; five standard deviations of a fair choice.
    assert all(390 < count < 610 for count in used.values()), used


def test_one_spanning_tree_uses_one_spine(make_clos):
    fabric = make_clos(leaves=4, spines=3)
    result = plan(fabric, "stretched-l2/rstp")
    state = State(fabric, result)
    above = {
        names(fabric, walk(state, a, b, entropy).path)[2]
        for a in (0, 1)
        for b in (4, 7)
        for entropy in range(50)
    }
    assert above == {"spine0"}
    blocked = {fabric.links[i].name for i in result.blocked_links}
    # The other spines hang from the lowest leaf only.
    assert blocked == {f"leaf{i}-spine{j}[0]" for i in (1, 2, 3) for j in (1, 2)}
    for link in result.blocked_links:
        ends = (fabric.links[link].a, fabric.links[link].b)
        assert [result.port_group[p] for p in ends] == [PORT_BLOCKED, PORT_BLOCKED]


def test_parallel_links_are_one_lag_and_none_of_them_is_blocked(make_clos):
    fabric = make_clos(leaves=2, spines=1, parallel_links=4)
    result = plan(fabric, "stretched-l2/rstp")
    assert result.blocked_links == []
    state = State(fabric, result)
    assert len({walk(state, 0, 3, e * 2654435761).path[1] for e in range(200)}) == 4


def test_mlag_uses_a_pair_of_spines_and_blocks_the_others(make_clos):
    fabric = make_clos(leaves=4, spines=4, peer_links=1)
    result = plan(fabric, "stretched-l2/mlag")
    state = State(fabric, result)
    above = {names(fabric, walk(state, 0, 7, e * 2654435761).path)[2] for e in range(100)}
    assert above == {"spine0", "spine1"}
    blocked = {fabric.links[i].name for i in result.blocked_links}
    assert blocked == {f"leaf{i}-spine{j}[0]" for i in (1, 2, 3) for j in (2, 3)}
    assert "a LAG spans two spines at most: the other spines only wait" in result.notes


@pytest.mark.parametrize(
    ("clos", "message"),
    [
        ({"spines": 2}, "no two of the spines spine0 to spine1 are joined by a peer link"),
        (
            {"spines": 1, "leaves": 2, "homing": "dual"},
            "stretched-l2/mlag: the leaves leaf0 and leaf1 share hosts and have no peer link",
        ),
    ],
)
def test_mlag_without_peer_links_is_refused(make_clos, clos, message):
    with pytest.raises(SpecError, match=message):
        plan(make_clos(**clos), "stretched-l2/mlag")


def test_what_two_homes_are_used_for(make_clos):
    fabric = make_clos(leaves=2, spines=2, homing="dual", peer_links=1)
    in_use = {
        key: [len(r.groups[g]) for r in (plan(fabric, key),) for g in r.endpoint_group]
        for key in design_keys()
    }
    n = fabric.n_endpoints
    assert in_use["l3"] == in_use["stretched-l2/rstp"] == [1] * n
    for key in ("l3-host", "stretched-l2/mlag", "evpn/l2vni", "evpn/l3vni"):
        assert in_use[key] == [2] * n


@pytest.mark.parametrize("key", ["l3", "stretched-l2/rstp"])
def test_active_ports_are_shared_between_the_leaves_of_a_pair(make_clos, key):
    fabric = make_clos(leaves=2, spines=1, hosts_per_leaf=4, homing="dual")
    result = plan(fabric, key)
    leaves = Counter(
        fabric.nodes[fabric.peer_node(result.groups[g][0])].name for g in result.endpoint_group
    )
    assert leaves == {"leaf0": 4, "leaf1": 4}
    access = {link.id for link in fabric.links if link.kind == "access"}
    assert len(access & set(result.blocked_links)) == fabric.n_endpoints


@pytest.mark.parametrize("key", ["l3-host", "stretched-l2/mlag", "evpn/l2vni", "evpn/l3vni"])
def test_all_active_hosts_receive_on_both_ports(make_clos, key):
    fabric = make_clos(leaves=4, spines=2, homing="dual", peer_links=1)
    state = State(fabric, plan(fabric, key))
    last = {walk(state, 0, 7, e * 2654435761).path[-1] for e in range(100)}
    assert len(last) == 2


def test_tunnels_join_leaves_and_spines_know_no_host(make_clos):
    fabric = make_clos(leaves=3, spines=2)
    result = plan(fabric, "evpn/l3vni", vxlan_overhead=54)
    n = fabric.n_endpoints
    spines = [s - n for s in fabric.of_kind(NodeKind.SPINE)]
    assert (result.fib[spines, :n] == DROP).all()
    assert list(result.vtep_of_switch) == [0, 1, 2, -1, -1]
    assert result.fib[0, n] == LOCAL
    value = int(result.fib[0, 4])
    assert value & TUNNEL_BIT
    assert result.tunnels[value & ~TUNNEL_BIT] == (2,)
    assert result.overhead_bytes == 54


def test_only_bridged_designs_can_flood(make_clos):
    fabric = make_clos(leaves=4, spines=2, peer_links=1)
    for key in design_keys():
        result = plan(fabric, key)
        can = bool(result.flood or result.flood_tunnels or (result.fib == FLOOD).any())
        assert can == (key in ("stretched-l2/rstp", "stretched-l2/mlag", "evpn/l2vni")), key
        assert result.bridged.any() == can
        assert (result.arp.period_ps > 0) == key.startswith("stretched")
        assert result.ttl == (not key.startswith("stretched"))


def test_broadcast_load_grows_with_the_hosts(make_clos):
    small = plan(make_clos(leaves=2, hosts_per_leaf=2), "stretched-l2/rstp").arp
    large = plan(make_clos(leaves=2, hosts_per_leaf=8), "stretched-l2/rstp").arp
    assert small.period_ps == 4 * large.period_ps


def forget(fabric: Fabric, result: ForwardingPlan, endpoint: int) -> State:
    """Every bridge that knew the address has forgotten it."""
    rows = np.flatnonzero(result.bridged).tolist()
    updates = [SetFib(0, "test", row, (endpoint,), FLOOD) for row in rows]
    return State(fabric, result).apply(updates)


@pytest.mark.parametrize("key", ["stretched-l2/rstp", "stretched-l2/mlag", "evpn/l2vni"])
@pytest.mark.parametrize("homing", ["single", "dual"])
def test_an_unknown_address_reaches_every_endpoint_once(make_clos, key, homing):
    fabric = make_clos(leaves=4, spines=4, homing=homing, peer_links=1)
    result = plan(fabric, key)
    state = forget(fabric, result, 5)
    for entropy in range(20):
        found = walk(state, 0, 5, entropy * 2654435761)
        assert len(found.delivered) == 1
        # All but the sender get a copy, and throw it away.
        assert found.lost.get("not_mine", 0) == fabric.n_endpoints - 2
        assert set(found.lost) <= {"not_mine", "nowhere_to_flood"}


@pytest.mark.parametrize("key", ["l3", "l3-host", "evpn/l3vni"])
def test_an_unknown_address_is_dropped_where_hosts_are_routed(make_clos, key):
    fabric = make_clos(leaves=4, spines=2)
    result = plan(fabric, key)
    state = State(fabric, result).apply([SetFib(0, "test", 0, (5,), DROP)])
    found = walk(state, 0, 5, 1)
    assert found.lost == {"no_route": 1}


def test_replication_leaves_out_the_other_leaf_of_the_pair(make_clos):
    single = plan(make_clos(leaves=4, spines=2), "evpn/l2vni")
    dual = plan(make_clos(leaves=4, spines=2, homing="dual"), "evpn/l2vni")
    assert single.flood_tunnels[0] == (1, 2, 3)
    assert dual.flood_tunnels[0] == (2, 3)
    # Designated forwarders: out of a tunnel each leaf serves half of the hosts they share.
    assert len(dual.flood[0][INGRESS_TUNNEL]) == len(dual.flood[1][INGRESS_TUNNEL]) == 2


@pytest.mark.parametrize("key", design_keys())
def test_groups_belong_to_one_node_and_values_are_in_range(make_clos, key):
    fabric = make_clos(leaves=4, spines=2, homing="dual", peer_links=1)
    result = plan(fabric, key)
    assert len(result.groups) < GROUPS_MAX
    for ports in result.groups:
        assert len({fabric.ports[p].node for p in ports}) <= 1
    for row in range(fabric.n_switches):
        for value in np.unique(result.fib[row]).tolist():
            if value < TUNNEL_BIT:
                owners = {fabric.ports[p].node for p in result.groups[value]}
                assert owners <= {row + fabric.n_endpoints}
            elif value not in (DROP, FLOOD, LOCAL):
                assert (value & ~TUNNEL_BIT) < len(result.tunnels)


def test_hash_seeds_differ_between_switches_and_follow_the_seed(make_clos):
    fabric = make_clos(leaves=8, spines=4)
    design, timers = DesignSpec.model_validate("l3"), TimersSpec()
    first, again, other = (DESIGNS["l3"](fabric, design, timers, [], s) for s in (1, 1, 2))
    assert len(set(first.hash_seed.tolist())) == fabric.n_switches
    assert (first.hash_seed == again.hash_seed).all()
    assert not (first.hash_seed == other.hash_seed).any()


@pytest.mark.parametrize("key", design_keys())
@pytest.mark.parametrize(
    "links",
    [
        [("a.0", "l1"), ("b.0", "l1")],
        [("a.0", "l1"), ("b.0", "l2"), ("l1", "s"), ("s", "t"), ("l2", "t")],
    ],
    ids=["one-leaf", "uneven-tiers"],
)
def test_drawn_fabrics_work_in_every_design(key, links):
    kinds = {"l1": "leaf", "l2": "leaf", "s": "spine", "t": "super-spine"}
    used = {end for link in links for end in link}
    nodes = [{"name": n, "kind": k} for n, k in kinds.items() if n in used]
    nodes += [{"name": "a", "kind": "host"}, {"name": "b", "kind": "host"}]
    spec = TopologySpec.model_validate(
        {
            "name": "drawn",
            "explicit": {
                "nodes": nodes,
                "links": [{"a": a, "b": b, "rate": "100G", "cable": "3m"} for a, b in links],
            },
            "switches": {"leaf": "tomahawk4"},
            "nic": "connectx7",
        }
    )
    fabric = build_fabric(spec)
    state = State(fabric, plan(fabric, key))
    for src, dst in ((0, 1), (1, 0)):
        assert len(walk(state, src, dst, 1).delivered) == 1


@pytest.mark.slow
def test_plans_for_8192_nics_take_seconds(repository):
    spec = load_topology(str(repository / "topologies" / "clos3-8192x400G.yaml"))
    fabric = build_fabric(spec)
    for key in ("l3", "evpn/l2vni", "stretched-l2/rstp"):
        began = time.process_time()
        result = plan(fabric, key)
        # About one second each; the margin is for a loaded machine.
        assert time.process_time() - began < 15, key
        state = State(fabric, result)
        for src, dst in ((0, 8191), (4095, 1), (17, 18)):
            assert len(walk(state, src, dst, 7).delivered) == 1
