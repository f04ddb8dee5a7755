# SPDX-License-Identifier: Apache-2.0
"""Wrong static routes, and the static check for circles of buffers that they can close."""

from __future__ import annotations

import pytest

from emu.errors import SpecError
from emu.fabric.dependency import deadlock_circles
from emu.fabric.designs import DESIGNS
from emu.fabric.faults import resolve_faults
from emu.fabric.walk import State, walk
from emu.fabric.wrong_routes import add_wrong_routes
from emu.spec.design import DesignSpec, design_keys
from emu.spec.fault import LinkDown, WrongRoute
from emu.spec.timers import TimersSpec

MS = 1_000_000_000


def wrong(switch: str, to: str, via: str, **when: str) -> WrongRoute:
    return WrongRoute.model_validate(
        {"kind": "wrong-route", "switch": switch, "to": [to], "via": via, "at": "1ms", **when}
    )


def planned(fabric, key, faults=()):
    resolved = resolve_faults(fabric, faults)
    design = DesignSpec.model_validate(key)
    plan = DESIGNS[design.name](fabric, design, TimersSpec(), resolved, 1)
    return add_wrong_routes(fabric, plan, resolved)


def names(fabric, path):
    return [fabric.nodes[fabric.peer_node(port)].name for port in path]


# h0, h1 on leaf0; h2, h3 on leaf1; h4, h5 on leaf2.
BOUNCE = [
    ("leaf0", "h4", "spine0"), ("spine0", "h4", "leaf1"), ("leaf1", "h4", "spine1"),
    ("leaf1", "h5", "spine1"), ("spine1", "h5", "leaf0"), ("leaf0", "h5", "spine0"),
]  # fmt: skip


@pytest.fixture(scope="module")
def fabric(make_clos):
    return make_clos(leaves=3)


def test_a_wrong_route_is_in_force_while_its_fault_lasts(fabric):
    plan = planned(fabric, "l3", [wrong("spine0", "h4", "leaf1", **{"for": "2ms"})])
    right = walk(State(fabric, plan), 0, 4, entropy=5)
    entropy = next(e for e in range(99) if "spine0" in
                   names(fabric, walk(State(fabric, plan), 0, 4, entropy=e).path))  # fmt: skip
    assert right.path is not None
    during = walk(State(fabric, plan).until(2 * MS), 0, 4, entropy=entropy)
    assert during.lost or names(fabric, during.path)[1:3] == ["spine0", "leaf1"]
    after = walk(State(fabric, plan).until(3 * MS), 0, 4, entropy=entropy)
    assert names(fabric, after.path) == ["leaf0", "spine0", "leaf2", "h4.0"]


def test_a_static_route_beats_what_the_design_learns_meanwhile(fabric):
    dead = LinkDown.model_validate(
        {"kind": "link-down", "link": "leaf0-spine0", "at": "2ms", "for": "10ms"}
    )
    plan = planned(fabric, "l3", [wrong("leaf0", "h4", "spine0", **{"for": "5ms"}), dead])
    healthy = planned(fabric, "l3", [dead])
    group = State(fabric, plan).until(4 * MS)
    assert names(fabric, group.groups[group.fib[0, 4]]) == ["spine0"]  # into the dead link
    mended, other = State(fabric, plan).until(6 * MS), State(fabric, healthy).until(6 * MS)
    assert mended.groups[mended.fib[0, 4]] == other.groups[other.fib[0, 4]]


def test_in_evpn_the_route_is_that_of_the_tunnel_end(fabric):
    plan = planned(fabric, "evpn/l2vni", [wrong("spine0", "h4", "leaf1")])
    before, during = State(fabric, plan), State(fabric, plan).until(MS)
    changed = (before.fib != during.fib).nonzero()
    assert {int(row) for row in changed[0]} == {3}  # spine0
    assert changed[1].tolist() == [fabric.n_endpoints + 2]  # the VTEP of leaf2


def test_a_bridge_has_no_routes(fabric):
    with pytest.raises(SpecError, match=r"faults\.0\.switch: leaf0 bridges in design stretched-l2"):
        planned(fabric, "stretched-l2/rstp", [wrong("leaf0", "h4", "spine0")])


def test_the_way_must_be_a_neighbour(fabric):
    with pytest.raises(SpecError) as caught:
        planned(fabric, "l3", [wrong("leaf0", "h4", "spin1")])
    assert str(caught.value) == (
        "faults.0.via: there is no link from leaf0 to a switch 'spin1' in this fabric\n"
        "hint: did you mean spine1? known: spine0, spine1"
    )


@pytest.mark.parametrize("key", design_keys())
@pytest.mark.parametrize("homing", ["single", "dual"])
def test_no_design_has_a_circle_of_buffers(make_clos, key, homing):
    fabric = make_clos(homing=homing, peer_links=2)
    assert deadlock_circles(fabric, planned(fabric, key)) == []


def test_nor_has_a_fabric_of_three_tiers(make_clos):
    fabric = make_clos(tiers=3, pods=2, super_spines=2, leaves=2)
    for key in ("l3", "evpn/l3vni"):
        assert deadlock_circles(fabric, planned(fabric, key)) == []


@pytest.mark.parametrize("key", ["l3", "evpn/l2vni"])
def test_two_paths_that_go_up_twice_close_a_circle(fabric, key):
    faults = [wrong(*one, **{"for": "2ms"}) for one in BOUNCE]
    (circle,) = deadlock_circles(fabric, planned(fabric, key, faults))
    assert circle.at_ps == MS
    owners = [fabric.nodes[fabric.ports[port].node].name for port in circle.ports]
    first = owners.index("leaf0")
    assert owners[first:] + owners[:first] == ["leaf0", "spine0", "leaf1", "spine1"]


def test_one_of_them_alone_does_not(fabric):
    assert (
        deadlock_circles(fabric, planned(fabric, "l3", [wrong(*one) for one in BOUNCE[:3]])) == []
    )
