# SPDX-License-Identifier: Apache-2.0
"""Targets of faults by name."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from emu.errors import SpecError
from emu.fabric.faults import ResolvedFault, resolve_faults
from emu.spec.fault import FaultSpec

ANY_FAULT: TypeAdapter[FaultSpec] = TypeAdapter(FaultSpec)


def resolve(fabric, **fault) -> ResolvedFault:
    (found,) = resolve_faults(fabric, [ANY_FAULT.validate_python({"at": "1ms", **fault})])
    return found


@pytest.fixture(scope="module")
def fabric(make_clos):
    return make_clos(parallel_links=2, nics_per_host=2)


@pytest.mark.parametrize("name", ["leaf1-spine0[1]", "spine0-leaf1[1]"])
def test_a_link_has_one_name_and_its_mirror_image(fabric, name):
    found = resolve(fabric, kind="link-down", link=name)
    assert [fabric.links[i].name for i in found.links] == ["leaf1-spine0[1]"]


def test_without_a_number_all_parallel_links_are_meant(fabric):
    found = resolve(fabric, kind="link-down", link="leaf1-spine0")
    assert [fabric.links[i].name for i in found.links] == ["leaf1-spine0[0]", "leaf1-spine0[1]"]


def test_access_link(fabric):
    found = resolve(fabric, kind="link-degraded", link="h3.1-leaf1", loss=0.01)
    assert [fabric.links[i].name for i in found.links] == ["h3.1-leaf1"]
    assert found.loss == 0.01


def test_a_switch_takes_all_its_links_along(fabric):
    found = resolve(fabric, kind="switch-down", switch="spine1")
    assert len(found.links) == 8
    assert fabric.nodes[found.switch].name == "spine1"


def test_a_line_card_takes_its_share_of_the_ports(fabric):
    cards = [resolve(fabric, kind="line-card-down", switch="spine1", cards=3, card=i).links
             for i in range(3)]  # fmt: skip
    assert [len(links) for links in cards] == [3, 3, 2]
    whole = resolve(fabric, kind="switch-down", switch="spine1").links
    assert [link for links in cards for link in links] == list(whole)


def test_one_direction_of_a_link_is_named_by_its_sender(fabric):
    both = resolve(fabric, kind="link-degraded", link="leaf1-spine0[1]", loss=0.01)
    one = resolve(fabric, kind="link-degraded", link="leaf1-spine0[1]", loss=0.01, sender="spine0")
    owners = [fabric.nodes[fabric.ports[p].node].name for p in both.ports]
    assert owners == ["leaf1", "spine0"]
    assert one.ports == both.ports[1:]


def test_a_slow_switch_slows_all_its_links(fabric):
    one = resolve(fabric, kind="slow-link", link="h3.1-leaf1", share=0.25)
    every = resolve(fabric, kind="slow-link", switch="spine1")
    assert ([fabric.links[i].name for i in one.links], one.share) == (["h3.1-leaf1"], 0.25)
    assert (len(every.links), every.share) == (8, 0.5)


def test_a_host_is_all_its_nics_and_a_nic_is_one(fabric):
    host = resolve(fabric, kind="silent-host", host="h2")
    nic = resolve(fabric, kind="silent-host", host="h2.1")
    assert [fabric.nodes[e].name for e in host.endpoints] == ["h2.0", "h2.1"]
    assert [fabric.nodes[e].name for e in nic.endpoints] == ["h2.1"]


def test_a_black_hole_takes_hosts_by_range(fabric):
    some = resolve(fabric, kind="black-hole", switch="leaf0", to=["h[0-1]", "h7"])
    everything = resolve(fabric, kind="black-hole", switch="leaf0")
    assert {fabric.nodes[e].host for e in some.endpoints} == {0, 1, 7}
    assert everything.endpoints == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            {"kind": "link-down", "link": "leaf1-spine9[0]"},
            "faults.0.link: there is no link 'leaf1-spine9[0]' in this fabric",
        ),
        (
            {"kind": "switch-down", "switch": "spin1"},
            "faults.0.switch: there is no switch 'spin1' in this fabric\n"
            "hint: did you mean spine1?",
        ),
        (
            {"kind": "slow-receiver", "host": "h99", "rate": "10G"},
            "faults.0.host: there is no host 'h99' in this fabric",
        ),
        (
            {"kind": "nic-storm", "host": "leaf0"},
            "faults.0.host: there is no host 'leaf0' in this fabric",
        ),
        (
            {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.1, "sender": "leaf1"},
            "faults.0.sender: there is no end of the link 'leaf1' in this fabric",
        ),
        (
            {"kind": "black-hole", "switch": "leaf0", "to": ["gpu*"]},
            "faults.0.to: there is no host that matches 'gpu*' in this fabric",
        ),
    ],
)
def test_an_unknown_target_is_refused_with_the_nearest_name(fabric, fault, message):
    with pytest.raises(SpecError) as caught:
        resolve(fabric, **fault)
    assert str(caught.value).startswith(message)


def test_all_unknown_targets_are_reported_at_once(fabric):
    faults = [
        ANY_FAULT.validate_python({"kind": "switch-down", "switch": name, "at": "1ms"})
        for name in ("leaf9", "leaf0", "leaf8")
    ]
    with pytest.raises(SpecError) as caught:
        resolve_faults(fabric, faults)
    assert [fault.field for fault in caught.value.faults] == ["faults.0.switch", "faults.2.switch"]
