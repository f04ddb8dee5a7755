# SPDX-License-Identifier: Apache-2.0
"""Laws under every kind of fault: random small fabrics, designs, policies and traffic.

Nothing is lost without a reason that is counted, what ends can be told from what is under way,
buffers are empty when all is over, and what a fault cannot do it does not do.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.spec import FAULT_KINDS, ExperimentSpec
from tests.golden.lab import Flow, prepare, scenario, simulate
from tests.property.laws import check_conservation, check_nothing_is_left, check_order
from tests.property.scenes import (
    DESIGNS,
    few,
    fit,
    hasty,
    switches,
    traffic,
)

SOME = few(6)
ROUTED = [d for d in DESIGNS if d["name"] != "stretched-l2"]
TREE = [{"name": "stretched-l2", "variant": "rstp"}]

FAULTS: dict[str, list[dict[str, Any]]] = {
    "link-down": [{"link": "leaf0-spine0"}, {"link": "leaf1-spine1", "for": "50us"}],
    "link-flap": [{"link": "leaf0-spine0", "period": "30us", "count": 3}],
    "switch-down": [{"switch": "spine0"}, {"switch": "leaf1", "for": "60us"}],
    "line-card-down": [
        {"switch": "leaf0", "cards": 2},
        {"switch": "spine0", "cards": 2, "card": 1},
    ],
    "link-degraded": [
        {"link": "leaf0-spine0", "loss": 0.02},
        {"link": "leaf0-spine0", "pre_fec_ber": 2e-3, "for": "80us"},
        {"link": "leaf1-spine1", "pre_fec_ber": 1e-3, "fec": "kr4", "sender": "spine1"},
    ],
    "slow-link": [{"switch": "spine0", "share": 0.25}, {"link": "leaf0-spine1", "for": "40us"}],
    "ecn-off": [{"switch": "leaf1"}, {"switch": "spine0", "for": "40us"}],
    "mtu-mismatch": [
        {"link": "leaf1-spine0", "mtu": "1500B", "for": "90us"},
        {"link": "leaf0-spine1", "mtu": "4120B", "receiver": "leaf0"},
    ],
    "pfc-priority": [
        {"switch": "leaf0", "priorities": [0], "for": "30us"},
        {"switch": "leaf1", "priorities": []},
        {"switch": "spine0", "priorities": [0, 3], "for": "70us"},
    ],
    "same-hash-seed": [{}, {"switches": ["leaf*"], "for": "30us"}],
    "bridging-loop": [{"link": "leaf1-spine1", "for": "40us"}],
    "slow-receiver": [{"host": "h1", "rate": "20G"}, {"host": "h2", "rate": "5G", "for": "90us"}],
    "nic-storm": [{"host": "h1", "for": "300us"}],
    "black-hole": [{"switch": "leaf0", "for": "60us"}, {"switch": "spine0", "to": ["h0", "h1"]}],
    "silent-host": [{"host": "h0", "for": "100us"}],
    "wrong-route": [{"switch": "leaf1", "to": ["h0", "h1"], "via": "spine0", "for": "90us"}],
}
REASONS: dict[str, set[str]] = {
    "link-down": {"link_down"},
    "link-flap": {"link_down"},
    "switch-down": {"link_down"},
    "line-card-down": {"link_down"},
    "link-degraded": {"link_error"},
    "mtu-mismatch": {"mtu_exceeded"},
    "black-hole": {"black_hole"},
    "silent-host": {"host_silent"},
    "bridging-loop": {"stp_blocked"},
    "nic-storm": {"receiver_overflow"},
    "slow-receiver": {"receiver_overflow"},
}
"""Reasons that only such a fault gives rise to."""
ANYWHERE = {
    "headroom_exceeded", "egress_limit", "buffer_full", "no_route", "hop_limit", "same_port",
    "stp_blocked",
}  # fmt: skip
"""What any change of forwarding or lack of buffer may lead to."""


@st.composite
def broken(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A fabric and a design that can have the fault, and a policy that the design can have."""
    fault = {"kind": kind, "at": f"{draw(st.integers(0, 60))}us"} | draw(
        st.sampled_from(FAULTS[kind])
    )
    allowed = TREE if kind == "bridging-loop" else ROUTED if kind == "wrong-route" else DESIGNS
    design = draw(st.sampled_from(allowed))
    tree = design.get("variant") == "rstp"
    policy = "ecmp" if tree else draw(st.sampled_from(["ecmp", "flowlet", "adaptive", "spray"]))
    receiver = draw(st.sampled_from(["in-order", "selective-repeat"]))
    return {
        "clos": {
            "leaves": draw(st.sampled_from([2, 4])),
            "spines": 2,
            "hosts_per_leaf": 2,
            "homing": draw(st.sampled_from(["single", "dual"])),
            "parallel_links": draw(st.integers(1, 2)),
            "peer_links": 1,
        },
        "design": design,
        "switch": draw(switches()),
        "cc": draw(st.sampled_from(["none", "dcqcn"])),
        "faults": [fault],
        "routing": {"policy": policy},
        "receiver": receiver if policy in ("adaptive", "spray") else "go-back-n",
        "ack_interval": draw(st.sampled_from([1, 16])),
    }


def build(given: dict[str, Any]) -> ExperimentSpec:
    return hasty(
        given,
        cc=given["cc"],
        transport={"receiver": given["receiver"]},
        routing=given["routing"],
        stop={"drain": "50ms"},
    )


def test_every_kind_has_an_example() -> None:
    assert set(FAULTS) == set(FAULT_KINDS)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_nothing_is_lost_without_a_reason(kind: str) -> None:
    @SOME
    @given(broken(kind), traffic())
    def law(given_: dict[str, Any], flows: list[Flow]) -> None:
        spec = build(given_)
        out = simulate(spec, fit(spec, flows))
        check_conservation(out)
        check_order(out)
        foreign = set().union(*(REASONS.get(k, set()) for k in FAULTS if k != kind))
        strange = set(out.drops) & foreign - REASONS.get(kind, set()) - ANYWHERE
        assert not strange, f"{kind} has no such losses: {strange}"
        # What is sent again was lost, was late, or is waited for in vain.
        if not out.drops and spec.routing.policy == "ecmp" and kind in ("ecn-off", "slow-link"):
            assert (out.flows["status"] == "done").all()
        check_nothing_is_left(out)

    law()


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_after_the_last_packet_changes_nothing(kind: str) -> None:
    @settings(SOME, max_examples=2)
    @given(broken(kind), traffic())
    def law(given_: dict[str, Any], flows: list[Flow]) -> None:
        late = [{**fault, "at": "40ms"} for fault in given_["faults"]]
        spec = build({**given_, "faults": late})
        calm = build({**given_, "faults": []})
        assert simulate(spec, fit(spec, flows)).flows.equals(simulate(calm, fit(calm, flows)).flows)

    law()


def test_the_same_fault_and_seed_give_the_same_run() -> None:
    @settings(SOME, max_examples=10)
    @given(st.sampled_from(FAULT_KINDS).flatmap(broken), traffic())
    def law(given_: dict[str, Any], flows: list[Flow]) -> None:
        spec = build(given_)
        one, two = (simulate(spec, fit(spec, flows)) for _ in range(2))
        assert one.flows.equals(two.flows)
        assert one.counters == two.counters
        assert prepare(scenario(spec, fit(spec, flows))).engine.now_ps == 0

    law()
