# SPDX-License-Identifier: Apache-2.0
"""Builders: every cable of a fabric is where its parameters say."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.graph import Fabric, NodeKind
from emu.spec.loader import load_topology
from emu.spec.topology import TopologySpec


def leaves_of(fabric: Fabric, name: str) -> list[str]:
    """Names of the leaves that a NIC is linked to, in port order."""
    ports = fabric.ports_of(fabric.node(name).id)
    return [fabric.nodes[fabric.peer_node(p)].name for p in ports]


def switch_links(fabric: Fabric) -> Counter[tuple[str, str]]:
    """Links between switches of different tiers, by the names of their ends."""
    nodes = [
        tuple(fabric.nodes[fabric.ports[p].node].name for p in (link.a, link.b))
        for link in fabric.links
        if link.kind == "fabric"
    ]
    return Counter((a, b) for a, b in nodes)


def test_endpoints_come_first_and_ids_are_positions(make_clos):
    fabric = make_clos()
    assert [n.id for n in fabric.nodes] == list(range(len(fabric.nodes)))
    assert [p.id for p in fabric.ports] == list(range(len(fabric.ports)))
    assert [link.id for link in fabric.links] == list(range(len(fabric.links)))
    assert all(fabric.nodes[e].kind is NodeKind.ENDPOINT for e in fabric.endpoints)
    assert all(fabric.nodes[s].kind is not NodeKind.ENDPOINT for s in fabric.switches)


def test_both_ends_of_a_link_agree(make_clos):
    fabric = make_clos(homing="dual", peer_links=2, parallel_links=3)
    for link in fabric.links:
        a, b = fabric.ports[link.a], fabric.ports[link.b]
        assert (a.peer, b.peer) == (b.id, a.id)
        assert a.link == b.link == link.id
        assert (a.rate_bps, a.delay_ps, a.cable_m) == (b.rate_bps, b.delay_ps, b.cable_m)
        assert fabric.ports_of(a.node)[a.index] == a.id


def test_each_leaf_has_the_parallel_links_to_each_spine(make_clos):
    links = switch_links(make_clos(leaves=3, spines=2, parallel_links=2))
    assert links == {(f"leaf{i}", f"spine{j}"): 2 for i in range(3) for j in range(2)}


def test_names_of_links_and_ports(make_clos):
    fabric = make_clos(parallel_links=2, nics_per_host=2)
    assert fabric.link("leaf1-spine1[1]").kind == "fabric"
    assert fabric.link("h0.1-leaf0").kind == "access"
    assert fabric.ports[fabric.link("h0.1-leaf0").b].name == "leaf0:Ethernet4"
    assert fabric.node("h3.1").nic == 1


def test_oversubscription_gives_the_number_of_links(make_clos):
    fabric = make_clos(leaves=2, spines=2, hosts_per_leaf=8, oversubscription=2.0)
    assert set(switch_links(fabric).values()) == {2}


def test_rack_placement_keeps_all_nics_of_a_host_at_one_leaf(make_clos):
    fabric = make_clos(leaves=2, hosts_per_leaf=2, nics_per_host=4)
    assert {leaves_of(fabric, f"h2.{nic}")[0] for nic in range(4)} == {"leaf1"}


def test_rail_placement_puts_each_nic_at_the_leaf_of_its_rail(make_clos):
    fabric = make_clos(leaves=8, placement="rail", hosts=4, nics_per_host=4)
    assert [leaves_of(fabric, f"h1.{nic}")[0] for nic in range(4)] == [f"leaf{i}" for i in range(4)]
    assert [leaves_of(fabric, f"h3.{nic}")[0] for nic in range(4)] == [
        f"leaf{i}" for i in range(4, 8)
    ]


def test_dual_homed_nics_reach_both_leaves_of_a_pair(make_clos):
    fabric = make_clos(leaves=4, hosts_per_leaf=2, homing="dual")
    assert leaves_of(fabric, "h3.0") == ["leaf0", "leaf1"]
    assert leaves_of(fabric, "h4.0") == ["leaf2", "leaf3"]
    assert len(fabric.hosts) == 8


def test_dual_homed_rails_take_a_pair_of_leaves_each(make_clos):
    fabric = make_clos(leaves=4, placement="rail", hosts=3, nics_per_host=2, homing="dual")
    assert leaves_of(fabric, "h2.1") == ["leaf2", "leaf3"]


def test_three_tiers_link_spines_to_their_plane_only(make_clos):
    fabric = make_clos(tiers=3, pods=2, leaves=2, spines=2, super_spines=4, planes=2, super_links=2)
    links = switch_links(fabric)
    assert links["spine0", "super0"] == links["spine0", "super2"] == 2
    assert ("spine0", "super1") not in links
    assert links["spine3", "super1"] == 2
    assert ("leaf0", "spine2") not in links
    assert links["leaf2", "spine2"] == 1


def test_peer_links_join_pairs_of_one_tier(make_clos):
    fabric = make_clos(leaves=4, spines=3, peer_links=1)
    assert [link.name for link in fabric.links if link.kind == "peer"] == [
        "leaf0-leaf1[0]",
        "leaf2-leaf3[0]",
        "spine0-spine1[0]",
    ]


def test_delay_follows_from_the_cable_at_the_speed_that_sonic_uses(make_clos):
    fabric = make_clos(host_cable="3m", fabric_cable="40m")
    assert fabric.ports[fabric.link("leaf0-spine0[0]").a].delay_ps == 202_020
    assert fabric.ports[fabric.link("h0.0-leaf0").a].delay_ps == 15_152


def test_a_given_delay_is_taken_as_it_is(make_clos):
    fabric = make_clos(fabric_cable=None, fabric_delay="600ns")
    port = fabric.ports[fabric.link("leaf0-spine0[0]").a]
    assert port.delay_ps == 600_000
    assert port.cable_m == pytest.approx(118.8)


def test_default_roles_are_the_two_halves(make_clos):
    roles = [host.role for host in make_clos(leaves=2, hosts_per_leaf=2).hosts]
    assert roles == ["prefill", "prefill", "decode", "decode"]


def test_explicit_fabric_keeps_what_the_file_says():
    link = {"rate": "100G", "cable": "10m"}
    spec = TopologySpec.model_validate(
        {
            "name": "drawn",
            "explicit": {
                "nodes": [
                    {"name": "s1", "kind": "spine"},
                    {"name": "l1", "kind": "leaf"},
                    {"name": "l2", "kind": "leaf"},
                    {"name": "a", "kind": "host", "nics": 2},
                    {"name": "b", "kind": "host"},
                ],
                "links": [
                    {"a": "s1", "b": "l1", "count": 2, **link},
                    {"a": "l2", "b": "s1", "rate": "400G", "delay": "1us"},
                    {"a": "l1", "b": "l2", **link},
                    {"a": "a.0", "b": "l1", **link},
                    {"a": "l1", "b": "a.1", **link},
                    {"a": "b.0", "b": "l2", **link},
                ],
            },
            "switches": {"leaf": "tomahawk4"},
            "nic": "connectx7",
        }
    )
    fabric = build_fabric(spec)
    assert [n.name for n in fabric.nodes] == ["a.0", "a.1", "b.0", "l1", "l2", "s1"]
    assert [(link.name, link.kind) for link in fabric.links] == [
        ("l1-s1[0]", "fabric"),
        ("l1-s1[1]", "fabric"),
        ("l2-s1[0]", "fabric"),
        ("l1-l2[0]", "peer"),
        ("a.0-l1", "access"),
        ("a.1-l1", "access"),
        ("b.0-l2", "access"),
    ]
    assert fabric.ports[fabric.link("l2-s1[0]").a].delay_ps == 1_000_000


def test_8192_nics_are_built_in_seconds(repository):
    spec = load_topology(str(repository / "topologies" / "clos3-8192x400G.yaml"))
    began = time.process_time()
    fabric = build_fabric(spec)
    assert fabric.n_endpoints == 8192
    # About half a second; the margin is for a loaded machine.
    assert time.process_time() - began < 5


def explicit(nodes: dict[str, str], links: list[tuple[str, str]]) -> TopologySpec:
    return TopologySpec.model_validate(
        {
            "name": "drawn",
            "explicit": {
                "nodes": [{"name": name, "kind": kind} for name, kind in nodes.items()],
                "links": [{"a": a, "b": b, "rate": "100G", "cable": "3m"} for a, b in links],
            },
            "switches": {"leaf": "tomahawk4"},
            "nic": "connectx7",
        }
    )


def test_leaves_that_only_a_peer_link_joins_are_refused():
    spec = explicit(
        {"l1": "leaf", "l2": "leaf", "a": "host", "b": "host"},
        [("a.0", "l1"), ("b.0", "l2"), ("l1", "l2")],
    )
    with pytest.raises(SpecError, match="no path climbs from l1 and descends to l2"):
        build_fabric(spec)


def test_a_single_leaf_is_a_fabric():
    spec = explicit({"l1": "leaf", "a": "host", "b": "host"}, [("a.0", "l1"), ("b.0", "l1")])
    assert build_fabric(spec).n_switches == 1


def test_a_leaf_may_be_linked_to_a_super_spine_directly():
    spec = explicit(
        {"l1": "leaf", "l2": "leaf", "s": "spine", "t": "super-spine", "a": "host", "b": "host"},
        [("a.0", "l1"), ("b.0", "l2"), ("l1", "s"), ("s", "t"), ("l2", "t")],
    )
    assert build_fabric(spec).n_switches == 4
