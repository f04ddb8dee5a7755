# SPDX-License-Identifier: Apache-2.0
"""What an operator can turn at ECMP: tables that remember, and weights by what is left."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.walk import State, walk
from emu.spec import ExperimentSpec
from tests.golden.lab import MS, US, Flow, experiment, simulate

FAST = {
    "loss_of_signal": "1us", "bgp_local_repair": "1us", "bgp_remote_withdraw_per_hop": "1us",
    "bgp_restore": "1us", "lacp_member": "1us", "mlag_failover": "1us",
}  # fmt: skip
AFTER_PS = 50 * US


def planned(spec: ExperimentSpec, seed: int = 1) -> tuple[Fabric, ForwardingPlan]:
    (variant,) = spec.variants()
    fabric = build_fabric(variant.spec.topology)
    return fabric, plan_design(fabric, variant.spec, seed)


def paths(
    fabric: Fabric, plan: ForwardingPlan, at_ps: int, entropies: list[int]
) -> dict[tuple[int, int, int], tuple[int, ...]]:
    """Path of each packet between NICs of different leaves, at a moment."""
    state = State(fabric, plan).until(at_ps)
    found = {}
    for src, dst in ((0, fabric.n_endpoints - 1), (fabric.n_endpoints - 1, 0)):
        for entropy in entropies:
            path = walk(state, src, dst, entropy).path
            assert path is not None
            found[src, dst, entropy] = path
    return found


def hashed(clos: dict[str, Any], faults: list[dict[str, Any]], **knobs: Any) -> ExperimentSpec:
    design = knobs.pop("design", "l3")
    return experiment(
        clos, design=design, routing={"ecmp": knobs}, faults=faults, timers=FAST,
        stop={"at": "10ms"},
    )  # fmt: skip


@pytest.mark.parametrize("design", ["l3", "l3-host", "evpn/l2vni", "stretched-l2/mlag"])
def test_a_lost_next_hop_moves_its_own_flows_and_its_return_brings_back_the_same(
    design: str,
) -> None:
    """Of the flows that leave leaf0: those of the dead uplink move, nobody else, twice over."""
    clos: dict[str, Any] = {"leaves": 4, "spines": 5, "hosts_per_leaf": 2}
    if design.endswith("mlag"):
        clos = {**clos, "spines": 2, "parallel_links": 3, "peer_links": 1}
    fault = {"kind": "link-down", "link": "leaf0-spine1[0]", "at": "1ms", "for": "3ms"}
    spec = hashed(clos, [fault], resilient=True, design=design)
    fabric, plan = planned(spec)
    entropies = random.Random(7).sample(range(1 << 32), 300)
    before = paths(fabric, plan, 0, entropies)
    during = paths(fabric, plan, 3_900 * US, entropies)
    after = paths(fabric, plan, 9 * MS, entropies)
    (dead,) = [link for link in fabric.links if link.name == "leaf0-spine1[0]"]
    used = {key for key, path in before.items() if {dead.a, dead.b} & set(path)}
    moved = {key for key in before if before[key] != during[key]}
    assert moved == used
    assert len(used) > 20
    assert after == before
    assert len({during[key] for key in used}) > 2, "over several of those that are left"


def test_a_plain_hash_moves_others_as_well() -> None:
    fault = {"kind": "link-down", "link": "leaf0-spine1[0]", "at": "1ms"}
    fabric, plan = planned(hashed({"spines": 5}, [fault]))
    entropies = random.Random(7).sample(range(1 << 32), 300)
    before, during = (paths(fabric, plan, at, entropies) for at in (0, 9 * MS))
    (dead,) = [link for link in fabric.links if link.name == "leaf0-spine1[0]"]
    hit = sum(bool({dead.a, dead.b} & set(path)) for path in before.values())
    moved = sum(before[key] != during[key] for key in before)
    assert moved > 1.5 * hit


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([8, 64]))
def test_each_loss_in_a_row_moves_only_whom_it_hits(seed: int, spines: int, buckets: int) -> None:
    rng = random.Random(seed)
    order = rng.sample(range(spines), spines - 1)
    faults = [
        {"kind": "link-down", "link": f"leaf0-spine{s}[0]", "at": f"{1 + i}ms"}
        for i, s in enumerate(order)
    ]
    fabric, plan = planned(hashed({"spines": spines}, faults, resilient=True, buckets=buckets))
    entropies = rng.sample(range(1 << 32), 60)
    before = paths(fabric, plan, 0, entropies)
    for i, spine in enumerate(order):
        now = paths(fabric, plan, (i + 1) * MS + AFTER_PS * 10, entropies)
        (dead,) = [link for link in fabric.links if link.name == f"leaf0-spine{spine}[0]"]
        for key, path in before.items():
            assert (now[key] != path) == bool({dead.a, dead.b} & set(path))
        before = now


def test_the_engine_forwards_by_the_table() -> None:
    """What the other uplinks carry grows by what the dead one's flows bring, and by no other."""
    clos = {"leaves": 2, "spines": 4, "hosts_per_leaf": 8}
    flows = [Flow(src, src + 8, 40_000, at_ps=20 * US) for src in range(8)]
    fault = {"kind": "link-down", "link": "leaf0-spine0[0]", "at": "0s"}
    loads = {}
    for faults in ([], [fault]):
        out = simulate(hashed(clos, faults, resilient=True), flows, seed=2)
        assert (out.flows["status"] == "done").all()
        loads[len(faults)] = [
            out.queue("leaf0", f"spine{s}")["tx_payload_bytes"] // 40_000 for s in range(4)
        ]
    assert loads[0][0] > 0
    assert loads[1][0] == 0
    moved = [b - a for a, b in zip(loads[0][1:], loads[1][1:], strict=True)]
    assert min(moved) >= 0
    assert sum(moved) == loads[0][0]


def share_of_spines(plan: ForwardingPlan, fabric: Fabric, at_ps: int) -> Counter[str]:
    """Members of leaf0's group towards the last NIC, by spine."""
    state = State(fabric, plan).until(at_ps)
    row = fabric.node("leaf0").id - fabric.n_endpoints
    group = state.groups[int(state.fib[row, fabric.n_endpoints - 1])]
    return Counter(fabric.nodes[fabric.peer_node(port)].name for port in group)


def test_a_leaf_weighs_spines_by_what_is_left_behind_them() -> None:
    """One of spine0's two links to the destination's leaf is gone: half its share goes."""
    clos = {"leaves": 3, "spines": 3, "parallel_links": 2}
    fault = {"kind": "link-down", "link": "leaf2-spine0[1]", "at": "1ms", "for": "3ms"}
    fabric, plan = planned(hashed(clos, [fault], weights="capacity"))
    whole = {"spine0": 2, "spine1": 2, "spine2": 2}
    assert share_of_spines(plan, fabric, 0) == whole
    assert share_of_spines(plan, fabric, 2 * MS) == {"spine0": 2, "spine1": 4, "spine2": 4}
    assert share_of_spines(plan, fabric, 9 * MS) == whole
    fabric, plan = planned(hashed(clos, [fault]))
    assert share_of_spines(plan, fabric, 2 * MS) == whole, "plain ECMP does not know"


def test_a_leaf_with_fewer_links_of_its_own_does_not_overload_those_it_has() -> None:
    """Of its two links to spine0 one is left, which gets no more than any other link."""
    clos = {"leaves": 3, "spines": 3, "parallel_links": 2}
    fault = {"kind": "link-down", "link": "leaf0-spine0[1]", "at": "1ms"}
    fabric, plan = planned(hashed(clos, [fault], weights="capacity"))
    assert share_of_spines(plan, fabric, 2 * MS) == {"spine0": 1, "spine1": 2, "spine2": 2}


def test_capacity_is_what_all_tiers_leave() -> None:
    """Three tiers: a spine that lost two of its four super-spines gets half the share."""
    clos = {
        "tiers": 3, "pods": 2, "leaves": 2, "spines": 2, "super_spines": 4, "hosts_per_leaf": 1,
    }  # fmt: skip
    faults = [{"kind": "link-down", "link": f"spine0-super{i}[0]", "at": "1ms"} for i in (1, 3)]
    fabric, plan = planned(hashed(clos, faults, weights="capacity"))
    state = State(fabric, plan).until(2 * MS)
    row = fabric.peer_node(fabric.ports_of(0)[0]) - fabric.n_endpoints
    group = state.groups[int(state.fib[row, fabric.n_endpoints - 1])]
    shares = Counter(fabric.nodes[fabric.peer_node(port)].name for port in group)
    assert sorted(shares.values()) == [1, 2]


@pytest.mark.parametrize("design", ["l3", "l3-host", "evpn/l2vni"])
def test_without_a_failure_weights_change_nothing(design: str) -> None:
    _, equal = planned(hashed({"spines": 4, "parallel_links": 2}, [], design=design))
    _, weighted = planned(
        hashed({"spines": 4, "parallel_links": 2}, [], design=design, weights="capacity")
    )
    assert equal.groups == weighted.groups
    assert (equal.fib == weighted.fib).all()


def test_weighted_paths_carry_more_after_an_asymmetric_failure() -> None:
    """Sixteen flows towards a leaf that one spine reaches at half rate end sooner."""
    clos = {"leaves": 2, "spines": 2, "parallel_links": 4, "hosts_per_leaf": 8}
    faults = [{"kind": "link-down", "link": f"leaf1-spine0[{i}]", "at": "0s"} for i in range(3)]
    flows = [
        Flow(src, src + 8, 200_000, at_ps=50 * US, lane=lane)
        for src in range(8)
        for lane in range(8)
    ]
    ends = {}
    for weights in ("equal", "capacity"):
        out = simulate(hashed(clos, faults, weights=weights), flows)
        assert (out.flows["status"] == "done").all()
        ends[weights] = out.flows["end_ps"].max() - 50 * US
    assert ends["capacity"] < 0.7 * ends["equal"]


def test_bridges_have_no_weights() -> None:
    spec = hashed(
        {"leaves": 4, "peer_links": 1}, [], weights="capacity", design="stretched-l2/mlag"
    )
    with pytest.raises(SpecError, match="bridges have no routes"):
        planned(spec)


def test_a_table_has_a_bucket_for_everyone() -> None:
    with pytest.raises(SpecError, match="buckets is 2 and leaf0 has 4 equal next hops"):
        planned(hashed({"spines": 4}, [], resilient=True, buckets=2))


def test_resilience_and_weights_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="choose one of them"):
        hashed({}, [], resilient=True, weights="capacity")
