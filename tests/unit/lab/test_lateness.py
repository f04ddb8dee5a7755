# SPDX-License-Identifier: Apache-2.0
"""When a lab run is marked late."""

from __future__ import annotations

from pathlib import Path

from emu.lab.lateness import LATE_RTT_SHARE, base_rtt_ps, judge, verdict
from emu.sim.scenario import make_scenario
from emu.spec import load_experiment

HERE = Path(__file__).resolve().parents[3] / "experiments" / "agreement"
COUNTS = {"packets": 10_000, "late": 40, "lost": 0, "held": 3, "late_p999_ps": 0}


def test_base_rtt_is_the_sum_of_an_empty_path_and_back() -> None:
    spec = load_experiment(HERE / "one-flow.yaml")
    scenario = make_scenario(spec.variants()[0], 1)
    nic, pipeline = spec.topology.nic, spec.topology.switches.leaf.pipeline_latency
    ports = [scenario.fabric.ports[link.a] for link in scenario.fabric.links]
    flight = 2 * min(p.delay_ps for p in ports) + 2 * max(p.delay_ps for p in ports)
    per_byte_ps = 20  # 400 Gbit/s
    there = flight + 3 * pipeline + nic.latency_rx + 4 * (4096 + 62 + 8) * per_byte_ps
    back = flight + 3 * pipeline + nic.latency_rx + 4 * (66 + 8) * per_byte_ps
    assert base_rtt_ps(scenario.fabric, spec) == there + back


def test_a_run_is_late_beyond_the_stated_share_of_the_base_rtt() -> None:
    rtt = 6_000_000
    limit = int(LATE_RTT_SHARE * rtt)
    assert not judge({**COUNTS, "late_p999_ps": limit}, rtt, faults=False)["late"]
    assert judge({**COUNTS, "late_p999_ps": limit + 1}, rtt, faults=False)["late"]


def test_packets_that_never_come_back_mark_a_run_only_if_nothing_was_broken() -> None:
    lost = {**COUNTS, "lost": 11}
    assert judge(lost, 6_000_000, faults=False)["late"]
    assert not judge(lost, 6_000_000, faults=True)["late"]


def test_verdict_says_share_and_limit() -> None:
    line = verdict(judge({**COUNTS, "late_p999_ps": 600_000}, 6_000_000, faults=False))
    assert line.startswith("LATE: 0.4 % of packets late")
    assert "10 % of the base RTT" in line
    assert "limit 5 %" in line
