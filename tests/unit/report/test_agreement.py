# SPDX-License-Identifier: Apache-2.0
"""Two backends side by side: limits, late runs, and the packet that tells why they differ.

What stands for the lab here is the simulator with another hash, or with other repair times, whose
record is made to look like one of the lab.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.errors import InputError, RunError
from emu.report.agreement import (
    TITLES,
    Comparison,
    Figures,
    agreement_page,
    comparisons,
    difference,
    lab_report,
)
from emu.sim import run_experiment
from emu.spec import ExperimentSpec, load_experiment

REPOSITORY = Path(__file__).resolve().parents[3]
SAME = dict.fromkeys(TITLES, 100.0)
LAB: dict[str, Any] = {
    "dilation": 8000.0, "dilation_origin": "given", "control": "frr", "runs": "FRR",
    "late": False, "late_share": 0.0, "lateness_ps": 0, "base_rtt_ps": 6_000_000,
    "held_share": 0.0, "lost_share": 0.0, "swallowed_last_ps": {"leaf0": 60_000_000},
    "counters": {"turnaround": {"p50_ns": 300_000, "p999_ns": 900_000}, "bad_icrc": 0},
}  # fmt: skip
Make = Callable[..., Path]


def scenario(name: str, **changes: Any) -> ExperimentSpec:
    """An agreement scenario with one design and seed, and top-level changes."""
    spec = load_experiment(REPOSITORY / "experiments" / "agreement" / f"{name}.yaml")
    raw = {**spec._raw, "designs": ["l3"], "seeds": [4], **changes}
    return ExperimentSpec.model_validate(raw, context=spec._context)


def as_lab(folder: Path, **changes: Any) -> Path:
    """The runs below look like the lab's."""
    for path in folder.glob("*/seed-*/run.json"):
        meta = json.loads(path.read_text())
        meta |= {"backend": "lab", "lab": {**LAB, **changes}}
        if folder.parent.name.startswith("collided"):
            meta["spec"]["faults"] = []  # it stands for a hash
        path.write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="module")
def collided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same flows; in the second both that leave leaf0 meet on one of its uplinks."""
    out = tmp_path_factory.mktemp("collided")
    run_experiment(scenario("designs"), out / "sim")
    at_once = dict.fromkeys(("loss_of_signal", "bgp_local_repair"), "0s")
    cut = [{"kind": "link-down", "link": "leaf0-spine0", "at": "0s"}]
    run_experiment(scenario("designs", faults=cut, timers=at_once), out / "lab")
    return out / "sim", as_lab(out / "lab")


@pytest.fixture(scope="module")
def repaired_later(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dead link, repaired 20 us after it was noticed instead of 10."""
    out = tmp_path_factory.mktemp("repaired")
    spec = scenario("link-failure", seeds=[5])
    run_experiment(spec, out / "sim")
    timers = {**spec._raw["timers"], "bgp_local_repair": "20us"}
    run_experiment(scenario("link-failure", seeds=[5], timers=timers), out / "lab")
    return out / "sim", as_lab(out / "lab", control="static")


class Given(Comparison):
    """A comparison of figures that no run has."""

    sides = (Figures(SAME, 0, None), Figures(SAME, 0, 0.0))
    trace = None
    design, control, dilation = "l3", "static", 8000.0


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
    some: Any = ("a run",)
    row = Given("scenario", some, some)
    row.__dict__["apart"] = {
        name: difference(SAME[name], {**SAME, **changed}[name]) for name in TITLES
    }
    assert row.agrees is agrees
    text = agreement_page([row])
    assert ("**over**" in text) is not agrees
    assert text.startswith("# Agreement")


def test_a_difference_from_nothing_is_not_a_number() -> None:
    assert difference(0.0, 0.0) == 0.0
    assert difference(0.0, 3.0) == float("inf")
    assert difference(4.0, 3.0) == -0.25


def test_a_packet_shows_where_the_ways_part(collided: tuple[Path, Path]) -> None:
    (row,) = comparisons("designs", *collided)
    assert "ecn_marked" in row.noted
    found = row.trace
    assert found is not None
    assert "take other links in the lab, as its switches (FRR) hash" in found.reason
    uplinks = [step for step in found.steps if step.place.startswith("leaves leaf0 to spine")]
    assert [(s.sim_ps is None, s.lab_ps is None) for s in uplinks] in (
        [(True, False), (False, True)], [(False, True), (True, False)],
    )  # fmt: skip
    assert found.steps[0].place == "arrives at leaf0"
    assert found.steps[-1].place.startswith("leaves leaf1 to h")
    times = [step.sim_ps for step in found.steps if step.sim_ps is not None]
    assert times == sorted(times)
    text = agreement_page([row])
    assert f"Packet {found.psn} of {found.src} to {found.dst}" in text
    assert "| arrives at leaf0 |" in text


def test_a_packet_shows_who_repaired_later(repaired_later: tuple[Path, Path]) -> None:
    (row,) = comparisons("link-failure", *repaired_later)
    assert row.apart["drops"] > 0.05
    found = row.trace
    assert found is not None
    assert found.reason.startswith(
        "The packet shown is last seen at leaf0 in the lab and goes on in the simulator."
    )
    last = next(step for step in found.steps if step.place.startswith("leaves leaf1 to h"))
    assert last.sim_ps is not None
    assert last.lab_ps is None
    assert "160 ms of wall time apart" in found.reason


def test_equal_runs_need_no_explanation(collided: tuple[Path, Path], tmp_path: Path) -> None:
    run_experiment(scenario("designs"), tmp_path / "lab")
    (row,) = comparisons("designs", collided[0], as_lab(tmp_path / "lab"))
    assert not any(row.apart.values())
    assert row.agrees
    assert row.trace is None
    assert "Where they differ" not in agreement_page([row])


def test_a_late_run_is_named_and_does_not_count(
    collided: tuple[Path, Path], tmp_path: Path
) -> None:
    run_experiment(scenario("designs"), tmp_path / "lab")
    lab = as_lab(tmp_path / "lab", late=True)
    (row,) = comparisons("designs", collided[0], lab)
    assert row.lab == ()
    assert not row.agrees
    assert "Late and therefore left out: seed 4" in agreement_page([row])
    page = lab_report(collided[0], lab, tmp_path / "page").read_text()
    assert "Late, and therefore not published: l3 (base, seed 4)." in page
    assert "Late: not published." in page


def test_the_page_tells_answer_packet_health_and_limits(
    collided: tuple[Path, Path], repaired_later: tuple[Path, Path], tmp_path: Path
) -> None:
    path = lab_report(
        *repaired_later, tmp_path / "page", scenarios=[("designs", *collided)],
        spread=repaired_later[0], at_rate=repaired_later[0],
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert text.index('id="answer"') < text.index('id="variants"')
    assert "1 of 1 agreement scenarios are within 5 %" in text
    assert "leaf0 240 ms" in text  # 30 us after the failure, at a dilation of 8000
    assert "hash with a function of their own" in text
    assert (
        "of real switches"
        not in json.loads((tmp_path / "page" / "agreement.json").read_text())["answer"][0]
    )
    assert "What the lab cannot tell" in text
    assert (tmp_path / "page" / "tables" / "agreement.csv").read_text().count("\n") == 3
    again = lab_report(*repaired_later, tmp_path / "page")
    assert again == path


def test_several_failures_stand_apart(tmp_path: Path) -> None:
    link = "leaf0-spine0"
    cases = [
        {
            "name": "cut-cable",
            "set": {"faults": [{"kind": "link-down", "link": link, "at": "5us"}]},
        },
        {
            "name": "half-rate",
            "set": {"faults": [{"kind": "slow-link", "link": link, "at": "5us"}]},
        },
    ]
    spec = scenario("link-failure", base=False, cases=cases)
    for side in ("sim", "lab"):
        run_experiment(spec, tmp_path / side)
    lab = as_lab(tmp_path / "lab", swallowed_last_ps={})
    text = lab_report(tmp_path / "sim", lab, tmp_path / "page", command="mine").read_text("utf-8")
    assert "What failures cost" in text
    assert f"Cut cable: {link}" in text
    assert f"Half rate: {link}" in text
    assert '<th scope="row">l3, half-rate</th>' in text
    assert "<pre>mine</pre>" in text


def test_the_page_replaces_nothing_but_itself(collided: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not this report"):
        lab_report(*collided, tmp_path / "page")
    with pytest.raises(InputError):
        lab_report(tmp_path / "nothing", collided[1], tmp_path / "other")
