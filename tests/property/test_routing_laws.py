# SPDX-License-Identifier: Apache-2.0
"""The laws of every simulation hold under every routing policy and receiver."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from emu.errors import SpecError
from tests.golden.lab import MS, US, Flow, Outcome, prepare, scenario, simulate
from tests.property.laws import (
    check_buffers,
    check_conservation,
    check_nothing_is_left,
    check_order,
    play,
)
from tests.property.scenes import FEW, experiments, fit, spec_of, traffic


@st.composite
def routed(draw: st.DrawFn, broken: bool = True) -> dict[str, Any]:
    """An experiment with a policy and a receiver, small ones among them."""
    given = draw(experiments(broken))
    policy = draw(st.sampled_from(["ecmp", "flowlet", "adaptive", "spray", "spray", "pinned"]))
    receiver = draw(st.sampled_from(["go-back-n", "in-order", "selective-repeat"]))
    feedback = receiver != "go-back-n" and draw(st.booleans())
    given["transport"] = {
        "receiver": receiver,
        "reorder_buffer": draw(st.sampled_from(["8192B", "64KB", "1MB"])),
        "reorder_full": draw(st.sampled_from(["wait", "discard"])),
        "window": draw(st.sampled_from([2, 16, 1024])),
        "loss_after": draw(st.sampled_from([1, 8, 256])),
    }
    given["balancing"] = {
        "routing": {
            "policy": policy,
            "accept_retransmissions": True,
            "flowlet": {"gap": draw(st.sampled_from(["1us", "50us"]))},
            "adaptive": {
                "remote": draw(st.sampled_from([None, {"interval": "2us", "delay": "4us"}]))
            },
            "spray": {
                "entropy": "feedback" if feedback else "oblivious",
                "values": draw(st.sampled_from([2, 7, 16384])),
                "kept": draw(st.sampled_from([1, 64])),
                "freeze": "100us",
            },
        }
    }
    return given


def prepared(given: dict[str, Any], flows: list[Flow]) -> Outcome:
    """The engine at time 0; examples in which there is nothing to choose from are left out."""
    spec = spec_of(given)
    try:
        return prepare(scenario(spec, fit(spec, flows)))
    except SpecError as error:
        assume("routing.policy" not in str(error))
        raise


def check_reordering(out: Outcome) -> None:
    raw = out.engine.reordering()
    transport = out.scenario.spec.transport
    if transport.receiver == "in-order":
        slots = transport.reorder_buffer // out.scenario.spec.topology.nic.mtu
        assert (raw["held_max_packets"] < slots).all()
        if transport.reorder_full == "wait":
            assert (raw["early_max_packets"] < slots).all(), "the sender waits"
            assert (raw["discarded_packets"] == 0).all()
    if transport.receiver == "selective-repeat":
        assert (raw["early_max_packets"] < transport.window).all(), "the sender waits"
        assert (raw["discarded_packets"] == 0).all()
        assert out.counters["nak_packets"] == 0


@FEW
@given(routed(), traffic())
def test_packets_are_conserved_and_queue_pairs_keep_order_under_every_policy(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    prepared(given, flows)
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    check_conservation(out)
    check_buffers(out)
    check_order(out)
    check_reordering(out)
    check_nothing_is_left(out)


@FEW
@given(routed(broken=False), traffic())
def test_without_faults_every_message_of_a_lossless_class_ends(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    prepared(given, flows)
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    pfc = spec.topology.switches.leaf.pfc
    if pfc.enabled and pfc.headroom == 150_000:
        assert "headroom_exceeded" not in out.drops
        if spec.transport.receiver != "go-back-n":
            lossless = out.flows[out.flows["priority"] == 3]
            assert (lossless["status"] == "done").all()
    assert set(out.drops) <= {"headroom_exceeded", "egress_limit", "buffer_full"}


@FEW
@given(routed(), traffic(), st.lists(st.integers(1, 200 * US), max_size=12))
def test_no_choice_depends_on_who_looked_before(
    given: dict[str, Any], flows: list[Flow], stops: list[int]
) -> None:
    plain, split = (prepared(given, flows) for _ in range(2))
    play(plain, [], 30 * MS)
    play(split, stops, 30 * MS)
    assert plain.flows.equals(split.flows)
    assert plain.counters == split.counters
    for name, column in plain.engine.reordering().items():
        assert (column == split.engine.reordering()[name]).all(), name
