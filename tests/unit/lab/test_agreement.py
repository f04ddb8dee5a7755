# SPDX-License-Identifier: Apache-2.0
"""The scenarios behind the page that compares both backends."""

from __future__ import annotations

from pathlib import Path

from emu.lab.agreement import SCENARIOS
from emu.lab.run import LabOptions
from emu.spec import load_experiment

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"


def test_every_scenario_has_a_file_with_five_seeds_and_a_control_for_each_design() -> None:
    assert len(SCENARIOS) >= 8
    assert {s.name for s in SCENARIOS} == {f.stem for f in EXPERIMENTS.glob("agreement/*.yaml")}
    for scenario in SCENARIOS:
        spec = load_experiment(EXPERIMENTS / "agreement" / f"{scenario.name}.yaml")
        assert len(spec.seeds) >= 5
        assert {v.design.key for v in spec.variants()} == set(scenario.control)


def test_the_report_runs_what_it_promises_with_and_without_a_failure() -> None:
    spec = load_experiment(EXPERIMENTS / "lab-report.yaml")
    wanted = {
        ("l3", "controller"), ("l3", "frr"), ("l3", "adaptive"), ("stretched-l2/rstp", "ovs"),
        ("stretched-l2/mlag", "controller"), ("evpn/l2vni", "frr"),
    }  # fmt: skip
    variants = spec.variants()
    for faults in (False, True):
        some = [v for v in variants if bool(v.spec.faults) is faults]
        assert {(v.design.key, v.design.control) for v in some} >= wanted
    counts = [len(getattr(spec.topology.explicit, part)) for part in ("nodes", "links")]
    assert counts == [14, 17]


def test_options_win_over_what_the_experiment_says_of_a_design() -> None:
    (first, *_) = load_experiment(EXPERIMENTS / "lab-report.yaml").designs
    assert LabOptions().control_of(first) == "controller"
    assert LabOptions(control="frr").control_of(first) == "frr"
    assert LabOptions(control="frr", controls={"l3": "static"}).control_of(first) == "static"
