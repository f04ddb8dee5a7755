# SPDX-License-Identifier: Apache-2.0
"""The answer says on which assumed times it rests, and where it flips."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emu.report.analysis.answer import write
from emu.report.analysis.sensitivity import sensitivities, spoken_time
from emu.report.dataset import Dataset
from emu.report.figures import timers
from emu.report.limits import limits
from emu.report.results import Results
from emu.telemetry import Run, find_runs

TIMER = "bgp_remote_withdraw_per_hop"


def told(folder: Path, moves: dict[str, bool] | None = None) -> Results:
    """Results of runs that say which timers move them."""
    for path in folder.rglob("run.json"):
        meta = json.loads(path.read_text())
        for name, entry in meta["timers"].items():
            moved = name == TIMER and not meta["design"].startswith("stretched")
            entry["moves"] = (moves or {}).get(name, moved)
        path.write_text(json.dumps(meta))
    return Results.compute(Dataset.from_runs(map(Run, find_runs([folder])[0])))


@pytest.fixture
def varied(synthetic: ModuleType, tmp_path: Path) -> Path:
    """L3 and L2 RSTP, one fault, a timer at three values for L3 alone."""
    designs = [
        next(d for d in synthetic.DESIGNS if d.key == k) for k in ("l3", "stretched-l2/rstp")
    ]
    synthetic.write_runs(tmp_path, designs=designs, loads=(0.5,), seeds=(1, 2),
                         transfers=200, withdraw_ms=(20, 5000))  # fmt: skip
    for path in list(tmp_path.rglob("run.json")):
        meta = json.loads(path.read_text())
        labels = meta["labels"]
        if meta["design"].startswith("stretched") and any("timers." in key for key in labels):
            for file in path.parent.iterdir():
                file.unlink()
            path.parent.rmdir()
    return tmp_path


def test_a_design_that_a_timer_does_not_move_stands_at_every_value(varied: Path) -> None:
    (entry,) = sensitivities(told(varied))
    assert entry.values == ("20ms", "50ms", "5000ms")
    assert entry.designs == ("L3", "L2 RSTP")
    standing = [rows[1] for rows in entry.timed.rows.values()]
    assert all(result is standing[0] for result in standing)


def test_a_run_that_does_not_say_what_moves_it_is_not_reused(varied: Path) -> None:
    results = Results.compute(Dataset.from_runs(map(Run, find_runs([varied])[0])))
    (entry,) = sensitivities(results)
    assert entry.designs == ("L3",)


def test_the_answer_names_what_was_not_varied(varied: Path) -> None:
    results = told(varied, moves={"loss_of_signal": True})
    known = results.data.runs[0].meta["timers"]
    text = {p.heading: p.text for p in write(results).paragraphs}["Does it rest on assumed times?"]
    if "loss_of_signal" in known:
        assert "Not varied, though it moves these runs: loss_of_signal." in text
        assert any("loss_of_signal" in said for said in limits(results))
    else:
        assert "No other assumed time" in text


def test_the_headline_says_whether_the_order_flips(varied: Path) -> None:
    results = told(varied)
    (entry,) = sensitivities(results)
    headline = write(results).headline
    assert ("it flips within the published range of" in headline) == entry.flips
    assert (TIMER in headline) == (entry.flips or any(entry.leaders.values()))
    (figure,) = timers.draw(results)
    assert ("the answer flips" in figure.finding) == entry.flips


@pytest.mark.parametrize(
    ("text", "said"), [("189ms", "189 ms"), ("0s", "0"), ("3s", "3 s"), ("los", "los")]
)
def test_spoken_time(text: str, said: str) -> None:
    assert spoken_time(text) == said


def test_it_is_said_when_no_timer_moves_the_runs(synthetic: ModuleType, tmp_path: Path) -> None:
    synthetic.write_runs(tmp_path, designs=synthetic.DESIGNS[:2], loads=(0.5,), seeds=(1, 2),
                         transfers=200)  # fmt: skip
    results = told(tmp_path, moves={TIMER: False})
    text = {p.heading: p.text for p in write(results).paragraphs}["Does it rest on assumed times?"]
    assert text == "No assumed time changes what is forwarded in these runs."
