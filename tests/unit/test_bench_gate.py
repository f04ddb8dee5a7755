# SPDX-License-Identifier: Apache-2.0
"""The gate on instructions per packet-hop, and the journal that it replays."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emu.bench import CASES, build_scenario, write_journal
from emu.bench_gate import judge, read_counts
from emu.core import _core
from emu.errors import RunError
from emu.sim.build import build_engine
from emu.sim.journal import recording_engine
from emu.sim.ports import map_ports

CASE = {"packet_hops": 8, "instructions_per_packet_hop": 100.0}
UNTIL_PS = 10**12


def test_five_per_cent_more_passes_and_a_little_above_does_not() -> None:
    assert judge({"a": {**CASE, "instructions_per_packet_hop": 105.0}}, {"a": CASE}) == []
    (fault,) = judge({"a": {**CASE, "instructions_per_packet_hop": 105.1}}, {"a": CASE})
    assert fault == "a: 105.1 instructions per packet-hop, 5.1 % above the baseline of 100.0"


def test_other_packets_are_another_behaviour_whatever_the_speed() -> None:
    got = {"a": {"packet_hops": 9, "instructions_per_packet_hop": 50.0}}
    assert "the behaviour has changed" in judge(got, {"a": CASE})[0]


def test_a_case_without_baseline_is_a_fault() -> None:
    assert "no baseline" in judge({"a": CASE}, {})[0]


def test_counts_are_read_from_what_replay_and_callgrind_print() -> None:
    got = read_counts("packets 2\npacket_hops 8\n", "==7== Collected : 4000\n")
    assert got == {"packet_hops": 8, "instructions_per_packet_hop": 500.0}


def test_a_program_in_which_callgrind_found_nothing_is_an_error() -> None:
    with pytest.raises(RunError, match="symbols"):
        read_counts("packets 2\npacket_hops 8\n", "==7== Collected : 0\n")


def test_every_line_of_a_journal_is_a_call_of_the_engine(tmp_path: Path) -> None:
    write_journal("incast-64", 0.001, tmp_path / "journal")
    lines = (tmp_path / "journal").read_text().splitlines()
    assert lines[0] == "Engine 1"
    assert lines[-1].startswith("run_until ")
    names = {line.split()[0] for line in lines[1:]}
    assert names <= set(dir(_core.Engine))
    assert {"add_nic_profile", "connect", "set_switch_tables", "add_qps", "post"} <= names


def test_recording_changes_nothing() -> None:
    scenario = build_scenario(replace(CASES["incast-64"], message_bytes=50_000))
    ports = map_ports(scenario.fabric)
    plain = build_engine(scenario, ports)
    recorded = build_engine(scenario, ports, lambda seed: recording_engine(seed, io.StringIO()))
    for engine in (plain, recorded):
        engine.run_until(UNTIL_PS, stop_when_done=True)
    assert recorded.totals() == plain.totals()
    for name, column in plain.messages().items():
        np.testing.assert_array_equal(recorded.messages()[name], column)
