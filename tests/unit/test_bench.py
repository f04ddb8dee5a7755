# SPDX-License-Identifier: Apache-2.0
"""The benchmark's cases are what they say."""

from __future__ import annotations

import pytest

from emu.bench import CASES, build_scenario, select
from emu.errors import InputError


def test_unknown_case_is_bad_input_and_names_the_nearest() -> None:
    with pytest.raises(InputError, match="permutation-128"):
        select(["permutation-129"])


@pytest.mark.parametrize("name", ["permutation-128", "incast-64"])
def test_every_message_leaves_its_leaf(name: str) -> None:
    scenario = build_scenario(CASES[name])
    fabric = scenario.fabric

    def leaf(endpoint: int) -> int:
        return fabric.peer_node(fabric.ports_of(endpoint)[0])

    flows = scenario.workload.flows
    pairs = zip(flows["src_endpoint"], flows["dst_endpoint"], strict=True)
    assert all(leaf(src) != leaf(dst) for src, dst in pairs)


def test_a_permutation_sends_and_receives_once_per_port() -> None:
    flows = build_scenario(CASES["permutation-128"]).workload.flows
    assert sorted(flows["src_endpoint"]) == sorted(flows["dst_endpoint"]) == list(range(128))


def test_the_incast_has_64_senders_and_one_receiver() -> None:
    flows = build_scenario(CASES["incast-64"]).workload.flows
    assert flows["src_endpoint"].nunique() == 64
    assert flows["dst_endpoint"].nunique() == 1
