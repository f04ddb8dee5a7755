# SPDX-License-Identifier: Apache-2.0
"""The page that compares both backends, and the scenarios behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.lab.agreement import SCENARIOS, TITLES, Figures, difference, page, row_of
from emu.lab.run import LabOptions
from emu.spec import load_experiment

HERE = Path(__file__).resolve().parents[3] / "experiments" / "agreement"
SAME = dict.fromkeys(TITLES, 100.0)


def test_every_scenario_has_a_file_with_five_seeds_and_a_control_for_each_design() -> None:
    assert len(SCENARIOS) >= 8
    assert {s.name for s in SCENARIOS} == {f.stem for f in HERE.glob("*.yaml")}
    for scenario in SCENARIOS:
        spec = load_experiment(HERE / f"{scenario.name}.yaml")
        assert len(spec.seeds) >= 5
        assert {v.design.key for v in spec.variants()} == set(scenario.control)


@pytest.mark.parametrize(
    ("changed", "agrees"),
    [
        ({}, True),
        ({"fct_median_us": 105.0}, True),
        ({"fct_median_us": 105.1}, False),
        ({"fct_p99_us": 89.9}, False),
        ({"pause_us": 115.0}, True),
        ({"pause_us": 116.0}, False),
        ({"ecn_marked": 200.0}, True),
    ],
)
def test_agreement_is_within_the_wanted_limits(changed: dict[str, float], agrees: bool) -> None:
    sim, lab = Figures(SAME, 0, 0, ""), Figures({**SAME, **changed}, 0, 0, "0 %")
    row = row_of(SCENARIOS[0], "l3", "static", "?", 5, sim, lab)
    assert row["agrees"] is agrees
    text = page([row], LabOptions())
    assert ("**over**" in text) is not agrees
    assert text.startswith("# Agreement")


def test_a_difference_from_nothing_is_not_a_number() -> None:
    assert difference(0.0, 0.0) == 0.0
    assert difference(0.0, 3.0) == float("inf")
    assert difference(4.0, 3.0) == -0.25
