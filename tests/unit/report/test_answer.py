# SPDX-License-Identifier: Apache-2.0
"""The written answer claims what the intervals allow and nothing more."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emu.report.analysis.answer import write
from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.wording import listed, small, standing
from emu.report.dataset import Dataset
from emu.report.numerals import number
from emu.report.results import Column, Results, best_group
from emu.telemetry import Run, find_runs

NAMES = ["L3", "L3 to host", "L2 RSTP", "EVPN"]


@pytest.mark.parametrize(
    ("leaders", "said"),
    [
        ([], "no design's tail parts from all the others'"),
        (["L3"], "L3 has the shortest tail"),
        (["L3", "EVPN"], "L3 and EVPN share the shortest tail"),
        (["L3", "L3 to host", "EVPN"], "L2 RSTP has a longer tail than all other designs"),
    ],
)
def test_standing_names_the_smaller_side(leaders: list[str], said: str) -> None:
    assert standing(leaders, NAMES) == said


def test_listed() -> None:
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == (
        "a",
        "a and b",
        "a, b and c",
    )


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("bounds", "lower_is_better", "best"),
    [
        ([(1, 2), (3, 4), (5, 6)], True, {0}),
        ([(1, 2), (3, 4), (5, 6)], False, {2}),
        ([(1, 3.5), (3, 4), (5, 6)], True, {0, 1}),  # a pair that parts from the rest
        ([(1, 3.5), (3, 5.5), (5, 6)], True, set()),  # a chain that nowhere parts
        ([(0, 0), (0, 0), (0, 0)], True, set()),
        ([(0, 0), (0, 0), (4, 9)], True, {0, 1}),
        ([(1, 2)], True, set()),
    ],
)
def test_best_is_marked_only_where_intervals_part(
    bounds: list[tuple[float, float]], lower_is_better: bool, best: set[int]
) -> None:
    assert best_group([interval(*b) for b in bounds], lower_is_better) == best


@pytest.mark.parametrize(
    ("by_seed", "n_seeds", "marked"),
    [(True, 2, False), (True, 3, False), (True, 4, True), (False, 1, False), (False, 2, True)],
)
def test_few_seeds_mark_nothing(by_seed: bool, n_seeds: int, marked: bool) -> None:
    column = Column("x", "", "count", True, [interval(1, 2), interval(3, 4)], by_seed=by_seed)
    assert column.best(n_seeds) == ({0} if marked else set())


def test_one_seed_claims_no_difference(synthetic: ModuleType, tmp_path: Path) -> None:
    designs = [
        synthetic.Design("l3", "l3", 0.2, 0.0, 1.0),
        synthetic.Design("stretched-l2/rstp", "stretched-l2/rstp", 9.0, 0.0, 0.25),
    ]
    synthetic.write_runs(
        tmp_path, designs=designs, loads=(0.5,), seeds=(1,), fault=False, transfers=400
    )
    answer = write(Results.compute(Dataset.from_runs(map(Run, find_runs([tmp_path])[0]))))
    assert "No design's tail parts" in answer.headline
    text = " ".join(p.text for p in answer.paragraphs)
    assert "from one seed this experiment cannot tell" in text
    assert "better than" not in text


def test_unknown_values_are_never_best() -> None:
    nan = float("nan")
    assert best_group([Interval(nan, nan, nan), interval(1, 2), interval(3, 4)], True) == {1}


@pytest.fixture
def calm(synthetic: ModuleType, tmp_path: Path) -> Results:
    """Two designs far apart, one case, no fault."""
    designs = [
        synthetic.Design("l3", "l3", 0.2, 0.0, 1.0),
        synthetic.Design("stretched-l2/rstp", "stretched-l2/rstp", 8.0, 0.0, 0.25),
    ]
    synthetic.write_runs(
        tmp_path, designs=designs, loads=(0.5,), seeds=(1, 2, 3), fault=False, transfers=150
    )
    return Results.compute(Dataset.from_runs(map(Run, find_runs([tmp_path])[0])))


def test_one_case_needs_no_place(calm: Results) -> None:
    answer = write(calm)
    l3, l2 = (number(r.slowdown.tail.value) for r in calm.everything)
    assert answer.sentences == (
        "No design lost a packet.",
        f"L3 keeps its tail shorter than L2 RSTP: P99 slowdown {l3}× against {l2}×.",
    )
    headings = [p.heading for p in answer.paragraphs]
    assert headings[:3] == ["Lossless?", "Whose tail is shortest?", "Where does L3 stand?"]
    assert "its interval parts from all others" in answer.paragraphs[1].text
    assert "better than L2 RSTP" in answer.paragraphs[2].text


def test_where_l3_does_not_win_the_headline_says_so(synthetic: ModuleType, tmp_path: Path) -> None:
    designs = [
        synthetic.Design("l3", "l3", 6.0, 0.0, 1.0),
        synthetic.Design("l3-host", "l3-host", 0.2, 0.0, 1.0),
    ]
    synthetic.write_runs(
        tmp_path, designs=designs, loads=(0.5,), seeds=(1, 2, 3), fault=False, transfers=150
    )
    answer = write(Results.compute(Dataset.from_runs(map(Run, find_runs([tmp_path])[0]))))
    assert "L3 does not win" in answer.headline
    assert "L3 to host beats it" in answer.headline


def test_loss_and_fault_are_told(runs_dir: Path) -> None:
    answer = write(Results.compute(Dataset.from_runs(map(Run, find_runs([runs_dir])[0]))))
    assert answer.headline.startswith("Without a fault no design lost a packet; with one,")
    told = {p.heading: p.text for p in answer.paragraphs}
    assert "no route" in told["Lossless?"]
    assert "leaf1-spine2[0] goes down, 20 ms into the run" in told["What did the fault cost?"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("Load 40 %", "load 40 %"), ("MTU 1024B", "MTU 1024B"), ("X", "x"), ("", "")],
)
def test_small_keeps_abbreviations(text: str, said: str) -> None:
    assert small(text) == said


def test_signals_are_told_for_every_design(calm: Results) -> None:
    text = {p.heading: p.text for p in write(calm).paragraphs}.get(
        "What told the senders to slow down?", ""
    )
    paused = [r.design.label for r in calm.everything if r.loss.pause_ps.value > 0]
    assert paused
    assert all(f"{label} " in text for label in paused)
