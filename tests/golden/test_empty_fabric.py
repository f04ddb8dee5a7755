# SPDX-License-Identifier: Apache-2.0
"""Time of one message on an empty fabric, to the picosecond, by hand.

At 400 Gb/s a byte takes 20 ps. A frame has arrived frame + 8 bytes (preamble) after its
start; the next may start frame + 20 bytes (preamble and gap) after it. Frames of a WRITE
with 4096 bytes of payload each, FCS included: only 62 + 16 + 4 + 4096 = 4178, first 4174,
middle 4158, last 4162; of a READ response: only, first and last 4162, middle 4158; a READ
request 78. Cables: 15 ns to a host, 150 ns in the fabric; a switch takes 500 ns, a NIC
600 ns each way.

The first frame is the longest, so behind it the others leave every switch back to back:
each further switch adds what the *first* frame takes to be received there.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from emu.sim.ideal import EmptyFabric
from tests.golden.lab import MS, NS, Flow, experiment, scenario, simulate

BYTE = 20
HOST, FABRIC = 15 * NS, 150 * NS
SWITCH, NIC = 500 * NS, 600 * NS
ONLY, FIRST, MIDDLE, LAST = 4178, 4174, 4158, 4162
ASK, ANSWER = 78, 4162


def seen(frame: int) -> int:
    """A whole frame received."""
    return (frame + 8) * BYTE


def gap(frame: int) -> int:
    """From the start of a frame to that of the next."""
    return (frame + 20) * BYTE


HEADER = (64 + 8) * BYTE
"""What a cut-through switch waits for."""

TO_LEAF = HOST + SWITCH
TO_SPINE = FABRIC + SWITCH
TO_HOST = HOST + NIC

# What the path adds beside serialisation, from the first switch to the last.
SAME_LEAF = TO_LEAF
OTHER_LEAF = TO_LEAF + 2 * TO_SPINE
THREE_TIERS = TO_LEAF + 4 * TO_SPINE

TWO = {"leaves": 2}
THREE = {"tiers": 3, "leaves": 1, "pods": 2, "super_spines": 1}

STORE_AND_FORWARD = [
    # fabric, destination, packets, verb, by hand
    (TWO, 1, 1, "write", NIC + 1 * seen(ONLY) + SAME_LEAF + seen(ONLY) + TO_HOST),
    (TWO, 1, 2, "write", NIC + 1 * seen(FIRST) + SAME_LEAF + gap(FIRST) + seen(LAST) + TO_HOST),
    (
        TWO, 1, 3, "write",
        NIC + 1 * seen(FIRST) + SAME_LEAF + gap(FIRST) + gap(MIDDLE) + seen(LAST) + TO_HOST,
    ),
    (TWO, 2, 1, "write", NIC + 3 * seen(ONLY) + OTHER_LEAF + seen(ONLY) + TO_HOST),
    (TWO, 2, 2, "write", NIC + 3 * seen(FIRST) + OTHER_LEAF + gap(FIRST) + seen(LAST) + TO_HOST),
    (
        TWO, 2, 3, "write",
        NIC + 3 * seen(FIRST) + OTHER_LEAF + gap(FIRST) + gap(MIDDLE) + seen(LAST) + TO_HOST,
    ),
    (THREE, 2, 1, "write", NIC + 5 * seen(ONLY) + THREE_TIERS + seen(ONLY) + TO_HOST),
    (
        THREE, 2, 3, "write",
        NIC + 5 * seen(FIRST) + THREE_TIERS + gap(FIRST) + gap(MIDDLE) + seen(LAST) + TO_HOST,
    ),
    (
        TWO, 1, 1, "read",
        NIC + 1 * seen(ASK) + SAME_LEAF + seen(ASK) + TO_HOST
        + 1 * seen(ANSWER) + SAME_LEAF + seen(ANSWER) + TO_HOST,
    ),
    (
        TWO, 2, 3, "read",
        NIC + 3 * seen(ASK) + OTHER_LEAF + seen(ASK) + TO_HOST
        + 3 * seen(ANSWER) + OTHER_LEAF + gap(ANSWER) + gap(MIDDLE) + seen(ANSWER) + TO_HOST,
    ),
    (
        THREE, 3, 2, "read",
        NIC + 5 * seen(ASK) + THREE_TIERS + seen(ASK) + TO_HOST
        + 5 * seen(ANSWER) + THREE_TIERS + gap(ANSWER) + seen(ANSWER) + TO_HOST,
    ),
]  # fmt: skip

CUT_THROUGH = [
    (TWO, 1, 1, "write", NIC + 1 * HEADER + SAME_LEAF + seen(ONLY) + TO_HOST),
    (TWO, 1, 2, "write", NIC + 1 * HEADER + SAME_LEAF + gap(FIRST) + seen(LAST) + TO_HOST),
    (TWO, 2, 1, "write", NIC + 3 * HEADER + OTHER_LEAF + seen(ONLY) + TO_HOST),
    (
        TWO, 2, 3, "write",
        NIC + 3 * HEADER + OTHER_LEAF + gap(FIRST) + gap(MIDDLE) + seen(LAST) + TO_HOST,
    ),
    (
        THREE, 2, 3, "write",
        NIC + 5 * HEADER + THREE_TIERS + gap(FIRST) + gap(MIDDLE) + seen(LAST) + TO_HOST,
    ),
    (
        TWO, 2, 1, "read",
        NIC + 3 * HEADER + OTHER_LEAF + seen(ASK) + TO_HOST
        + 3 * HEADER + OTHER_LEAF + seen(ANSWER) + TO_HOST,
    ),
]  # fmt: skip


def _check(
    forwarding: str, clos: dict[str, int], dst: int, packets: int, verb: str, by_hand: int
) -> None:
    spec = experiment(clos, switch={"forwarding": forwarding})
    # The data of a READ flows from its responder, here endpoint 0 as well.
    out = simulate(spec, [Flow(0, dst, packets * 4096, verb=verb)])
    assert int(out.flows["end_ps"][0]) == by_hand
    yardstick = EmptyFabric(out.scenario.fabric, out.scenario.spec)
    assert yardstick.flow_ps(0, dst, packets * 4096, verb) == by_hand
    assert float(out.transfers["slowdown"][0]) == 1.0


@pytest.mark.parametrize(("clos", "dst", "packets", "verb", "by_hand"), STORE_AND_FORWARD)
def test_store_and_forward_by_hand(
    clos: dict[str, int], dst: int, packets: int, verb: str, by_hand: int
) -> None:
    _check("store-and-forward", clos, dst, packets, verb, by_hand)


@pytest.mark.parametrize(("clos", "dst", "packets", "verb", "by_hand"), CUT_THROUGH)
def test_cut_through_by_hand(
    clos: dict[str, int], dst: int, packets: int, verb: str, by_hand: int
) -> None:
    _check("cut-through", clos, dst, packets, verb, by_hand)


def test_the_figure_itself() -> None:
    """One number as a number, so that the formulas above cannot all be wrong together."""
    spec = experiment()
    assert int(simulate(spec, [Flow(0, 1, 4096)]).flows["end_ps"][0]) == 1_897_440
    assert int(simulate(spec, [Flow(0, 2, 8192)]).flows["end_ps"][0]) == 3_448_200


FABRICS: dict[str, dict[str, Any]] = {
    "two tiers": {"leaves": 3, "spines": 2, "parallel_links": 2},
    "three tiers": {"tiers": 3, "leaves": 2, "spines": 2, "pods": 2, "super_spines": 2,
                    "hosts_per_leaf": 1},
    "dual-homed": {"leaves": 4, "spines": 2, "homing": "dual", "peer_links": 1},
    "rails": {"leaves": 2, "hosts_per_leaf": None, "hosts": 2, "nics_per_host": 2,
              "placement": "rail"},
    "slow hosts": {"host_rate": "100G"},
    "slow fabric": {"fabric_rate": "100G"},
    "odd cables": {"host_delay": "17ns", "fabric_delay": "333ns"},
}  # fmt: skip
SIZES = [1, 3, 64, 4095, 4096, 4097, 8192, 40_961, 262_144]


@pytest.mark.parametrize("forwarding", ["store-and-forward", "cut-through"])
@pytest.mark.parametrize("name", FABRICS)
def test_the_engine_agrees_with_the_yardstick_for_every_pair(name: str, forwarding: str) -> None:
    spec = experiment(FABRICS[name], switch={"forwarding": forwarding}, design="l3")
    n = scenario(spec, [Flow(0, 1, 1)]).fabric.n_endpoints
    pairs = list(permutations(range(n), 2))
    verbs: list[Callable[[int], str]] = [lambda i: "write" if i % 2 else "read"]
    flows = [
        Flow(src, dst, SIZES[i % len(SIZES)], at_ps=i * MS, verb=verbs[0](i), lane=i)
        for i, (src, dst) in enumerate(pairs)
    ]
    out = simulate(spec, flows)
    yardstick = EmptyFabric(out.scenario.fabric, out.scenario.spec)
    took = (out.flows["end_ps"] - out.flows["post_ps"]).tolist()
    ideal = [yardstick.flow_ps(flow.src, flow.dst, flow.size, flow.verb) for flow in flows]
    if name == "dual-homed":
        # l3 has one active leaf per host: a detour where another home would be nearer.
        assert all(ps >= least for ps, least in zip(took, ideal, strict=True))
        assert out.transfers["slowdown"].min() == 1.0
    else:
        assert took == ideal
        assert set(out.transfers["slowdown"]) == {1.0}


def test_cut_through_never_outruns_the_wire() -> None:
    """From a slow link to a fast one a switch has to wait: bits leave no earlier than they came."""
    spec = experiment({"fabric_rate": "100G"}, switch={"forwarding": "cut-through"})
    out = simulate(spec, [Flow(0, 2, 4096)])
    slow = (ONLY + 8) * 80  # at 100 Gb/s, on the two fabric links
    through = (64 + 8) * 80  # the spine has no faster port and cuts through
    by_hand = NIC + HEADER + TO_LEAF + through + TO_SPINE + slow + TO_SPINE + seen(ONLY) + TO_HOST
    assert int(out.flows["end_ps"][0]) == by_hand
