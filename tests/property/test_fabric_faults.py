# SPDX-License-Identifier: Apache-2.0
"""Random fabrics, designs and faults: where a network has settled, it works."""

from __future__ import annotations

from itertools import groupby, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.fabric.build import build_fabric
from emu.fabric.designs import DESIGNS
from emu.fabric.faults import resolve_faults
from emu.fabric.forwarding import FLOOD, ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.homing import homes_of
from emu.fabric.walk import State, walk
from emu.spec.design import DesignSpec, design_keys
from emu.spec.fault import FaultSpec, LinkDown, LinkFlap, SwitchDown
from emu.spec.timers import TimersSpec
from emu.spec.topology import TopologySpec

ENTROPIES = (1, 77_777)


@st.composite
def clos_parameters(draw: st.DrawFn) -> dict[str, Any]:
    tiers = draw(st.sampled_from([2, 2, 3]))
    clos: dict[str, Any] = {
        "tiers": tiers,
        "leaves": draw(st.sampled_from([2, 4])),
        "spines": draw(st.integers(1, 4)) if tiers == 2 else draw(st.sampled_from([1, 2])),
        "homing": draw(st.sampled_from(["single", "dual"])),
        "hosts_per_leaf": draw(st.integers(1, 2)),
        "parallel_links": draw(st.integers(1, 2)),
        "peer_links": 1,
        "host_rate": "400G",
        "fabric_rate": "400G",
        "host_cable": "3m",
        "fabric_cable": "30m",
    }
    if tiers == 3:
        clos["pods"] = 2
        clos["super_spines"] = draw(st.sampled_from([2, 4]))
        clos["planes"] = draw(st.sampled_from([1, clos["spines"]]))
    return clos


def build(clos: dict[str, Any]) -> Fabric:
    spec = {
        "name": "random",
        "clos": clos,
        "switches": {"leaf": "tomahawk4"},
        "nic": "connectx7",
    }
    return build_fabric(TopologySpec.model_validate(spec))


def draw_faults(data: st.DataObject, fabric: Fabric, restored: bool) -> list[FaultSpec]:
    links = [link.name for link in fabric.links if link.kind != "peer"]
    switches = [fabric.nodes[s].name for s in fabric.switches]
    faults: list[FaultSpec] = []
    for _ in range(data.draw(st.integers(1, 3))):
        at = f"{data.draw(st.integers(0, 400))}ms"
        lasts: dict[str, Any] = {}
        if restored or data.draw(st.booleans()):
            lasts["for"] = f"{data.draw(st.integers(1, 3000))}ms"
        kind = data.draw(st.sampled_from(["link", "link", "switch", "flap"]))
        if kind == "switch":
            switch = data.draw(st.sampled_from(switches))
            faults.append(SwitchDown(kind="switch-down", switch=switch, at=at, **lasts))
        elif kind == "link":
            link = data.draw(st.sampled_from(links))
            faults.append(LinkDown(kind="link-down", link=link, at=at, **lasts))
        else:
            link = data.draw(st.sampled_from(links))
            period = f"{data.draw(st.sampled_from([1, 3, 50, 1500]))}ms"
            faults.append(LinkFlap(kind="link-flap", link=link, at=at, period=period, count=3))
    return faults


def make_plan(fabric: Fabric, key: str, faults: list[FaultSpec]) -> ForwardingPlan:
    design = DesignSpec.model_validate(key)
    return DESIGNS[design.name](fabric, design, TimersSpec(), resolve_faults(fabric, faults), 1)


def floods(tables: dict[int, dict[int, tuple[int, ...]]]) -> set[tuple[int, int, tuple[int, ...]]]:
    """Flood tables to compare: an ingress that floods nowhere is like none."""
    return {(row, key, out) for row, table in tables.items() for key, out in table.items() if out}


def usable_leaves(fabric: Fabric, dead: set[int]) -> list[list[int]]:
    """Per endpoint the leaves that it can reach and that lead on, or any live one."""
    uplinks: dict[int, list[int]] = {}
    for link in fabric.links:
        if link.kind == "fabric":
            uplinks.setdefault(fabric.ports[link.a].node - fabric.n_endpoints, []).append(link.id)
    result = []
    for own in homes_of(fabric):
        linked = [home.leaf for home in own if home.link not in dead]
        led = [leaf for leaf in linked if not dead.issuperset(uplinks.get(leaf, ()))]
        result.append(led if led and len(own) > 1 else linked)
    return result


def up_down_reach(fabric: Fabric, dead: set[int]) -> dict[int, set[int]]:
    """Leaf row to leaf rows by climbing first and descending then, links of one tier unused."""
    up: dict[int, set[int]] = {s - fabric.n_endpoints: set() for s in fabric.switches}
    for link in fabric.links:
        if link.kind == "fabric" and link.id not in dead:
            low, high = (fabric.ports[p].node - fabric.n_endpoints for p in (link.a, link.b))
            up[low].add(high)
    above = {}
    for row in up:
        seen, stack = {row}, [row]
        while stack:
            for other in up[stack.pop()] - seen:
                seen.add(other)
                stack.append(other)
        above[row] = seen
    return {a: {b for b in up if above[a] & above[b]} for a in up}


def connected(fabric: Fabric, dead: set[int]) -> dict[int, set[int]]:
    """Switch row to switch rows over live links between tiers."""
    beside: dict[int, set[int]] = {s - fabric.n_endpoints: set() for s in fabric.switches}
    for link in fabric.links:
        if link.kind == "fabric" and link.id not in dead:
            low, high = (fabric.ports[p].node - fabric.n_endpoints for p in (link.a, link.b))
            beside[low].add(high)
            beside[high].add(low)
    reach = {}
    for row in beside:
        seen, stack = {row}, [row]
        while stack:
            for other in beside[stack.pop()] - seen:
                seen.add(other)
                stack.append(other)
        reach[row] = seen
    return reach


@pytest.mark.parametrize("key", design_keys())
@given(data=st.data(), clos=clos_parameters())
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_pair_that_is_still_connected_is_reachable_once_a_fault_has_settled(
    key: str, data: st.DataObject, clos: dict[str, Any]
) -> None:
    fabric = build(clos)
    plan = make_plan(fabric, key, draw_faults(data, fabric, restored=False))
    state = State(fabric, plan).apply(plan.timeline)
    bridged = key.startswith("stretched-l2")
    reach = (connected if bridged else up_down_reach)(fabric, state.dead_links)
    leaves = usable_leaves(fabric, state.dead_links)
    for src, dst in permutations(fabric.endpoints, 2):
        if not leaves[src] or not leaves[dst]:
            continue
        if not all(b in reach[a] for a in leaves[src] for b in leaves[dst]):
            continue
        for entropy in ENTROPIES:
            result = walk(state, src, dst, entropy)
            assert len(result.delivered) == 1, (key, src, dst, result)
            assert "link_down" not in result.lost, (key, src, dst, result)
            if not bridged:
                assert result.lost == {}, (key, src, dst, result)
                _assert_up_down(fabric, result.delivered[0])


def _assert_up_down(fabric: Fabric, path: tuple[int, ...]) -> None:
    tiers = [fabric.nodes[fabric.ports[p].node].tier for p in path] + [0]
    top = tiers.index(max(tiers))
    assert tiers[: top + 1] == sorted(tiers[: top + 1])
    assert tiers[top:] == sorted(tiers[top:], reverse=True)
    assert len(set(path)) == len(path)


@pytest.mark.parametrize("key", design_keys())
@given(data=st.data(), clos=clos_parameters())
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_when_all_is_repaired_the_original_plan_is_back(
    key: str, data: st.DataObject, clos: dict[str, Any]
) -> None:
    fabric = build(clos)
    plan = make_plan(fabric, key, draw_faults(data, fabric, restored=True))
    times = [update.at_ps for update in plan.timeline]
    assert times == sorted(times)
    state = State(fabric, plan).apply(plan.timeline)
    assert state.dead_links == set()
    assert state.groups == plan.groups
    assert floods(state.flood) == floods(plan.flood)
    assert state.flood_tunnels == plan.flood_tunnels
    np.testing.assert_array_equal(state.port_group, plan.port_group)
    np.testing.assert_array_equal(state.endpoint_group, plan.endpoint_group)
    if plan.bridged.all():
        # Flushed addresses are learned again from traffic, not by the plan.
        same = (state.fib == plan.fib) | (state.fib == FLOOD)
        assert same.all()
    else:
        np.testing.assert_array_equal(state.fib, plan.fib)


@pytest.mark.parametrize("key", design_keys())
@given(data=st.data(), clos=clos_parameters())
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_at_no_moment_a_packet_is_delivered_twice_or_circles(
    key: str, data: st.DataObject, clos: dict[str, Any]
) -> None:
    fabric = build(clos)
    plan = make_plan(fabric, key, draw_faults(data, fabric, restored=True))
    state = State(fabric, plan)
    homes = homes_of(fabric)
    hurt: set[int] = set()
    pairs = list(permutations(fabric.endpoints, 2))[:: max(1, fabric.n_endpoints - 2)]
    for _, batch in groupby(plan.timeline, key=lambda update: update.at_ps):
        state.apply(batch)
        hurt |= state.dead_links
        for src, dst in pairs:
            result = walk(state, src, dst, 12_345)
            assert len(result.delivered) <= 1, (key, src, dst, result)
            if any(home.link not in hurt for home in homes[dst]):
                # Two leaves that both have just lost a host send to each other for a while.
                assert "hop_limit" not in result.lost, (key, src, dst, result)
