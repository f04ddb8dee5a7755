# SPDX-License-Identifier: Apache-2.0
"""The benchmark's cases are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu import bench_start
from emu.bench import CASES, build_scenario, select
from emu.bench_start import measure_start
from emu.errors import InputError, RunError


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


def test_the_start_of_a_run_is_measured_until_its_first_packet() -> None:
    found = measure_start(2)
    assert 0.1 < found["cpu_s"] <= found["cpu_s_max"] < 30


def test_a_start_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_start, "BASE", tmp_path / "none.yaml")
    with pytest.raises(RunError, match="ended with exit code 2"):
        measure_start(1)
