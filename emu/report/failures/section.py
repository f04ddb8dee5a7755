# SPDX-License-Identifier: Apache-2.0
"""The section about failures: shown where the runs have several faults."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from emu.report.analysis.wording import listed, small
from emu.report.failures.measures import DEADLINE, MEASURES, Outcome, Outcomes
from emu.report.failures.study import Study, studies
from emu.report.failures.tables import fault_frame, matrix
from emu.report.numerals import number
from emu.report.parameters import timers
from emu.report.results import Results
from emu.report.tables import Table

__all__ = ["Failures", "compare_failures"]

STUDIES_MIN = 2
_SHOWN = {
    "late_percent": "Transfers over their deadline",
    "converged_ps": "Time until all switches forward around it",
    "lost_bytes": "Lost",
    "retransmitted_bytes": "Sent again",
}


@dataclass(frozen=True)
class Failures:
    """The section's sentences and tables, and what its pages are made of."""

    studies: list[Study]
    outcomes: Outcomes
    sentences: list[str]
    origins: str
    tables: list[Table]
    frame: pd.DataFrame
    headline: list[str]
    deadline: float = DEADLINE


def compare_failures(results: Results) -> Failures | None:
    """The section, or None where there are fewer than two faults to compare."""
    found = studies(results)
    if len(found) < STUDIES_MIN:
        return None
    outcomes = Outcomes(found)
    unseen = [study for study in found if _unseen(study, outcomes)]
    by_field = {m.field: m for m in MEASURES}
    tables = [
        matrix(by_field[field], title, found, results.data.designs, outcomes)
        for field, title in _SHOWN.items()
    ]
    frame = pd.concat([fault_frame(study, outcomes) for study in found], ignore_index=True)
    return Failures(
        found,
        outcomes,
        _sentences(found, outcomes, unseen),
        _origins(results),
        tables,
        frame,
        _headline(results, found, outcomes, unseen),
    )


def _headline(
    results: Results, found: list[Study], outcomes: Outcomes, unseen: list[Study]
) -> list[str]:
    """How many faults nobody sees, and what hits each design hardest."""
    said = []
    if unseen:
        said.append(
            f"No control plane notices {len(unseen)} of {len(found)} faults: {_named(unseen)}."
        )
    worst = []
    for design in results.data.designs:
        rows = [
            (study, outcomes.of(study, arms[0])) for study in found if (arms := study.of(design))
        ]
        rows = [(study, o) for study, o in rows if math.isfinite(o.late_percent.value)]
        if rows:
            study, outcome = max(rows, key=lambda row: _added(row[1]))
            worst.append(f"{design.label} {small(study.title)}, {_percent(outcome)}")
    if worst:
        said.append(
            "What puts most transfers over their deadline, "
            f"{number(DEADLINE)} times their ideal time: {'; '.join(worst)}."
        )
    return said


def _sentences(found: list[Study], outcomes: Outcomes, unseen: list[Study]) -> list[str]:
    said = []
    if unseen:
        said.append(
            f"No design's control plane notices {_named(unseen)}: nothing is repaired, and what "
            "helps is what looks at each packet or each queue."
        )
    for study in found:
        arms = [(arm, outcomes.of(study, arm)) for arm in study.arms]
        first = [(arm, o) for arm, o in arms if arm is study.of(arm.design)[0]]
        known = [(arm, o) for arm, o in first if math.isfinite(o.late_percent.value)]
        if not known:
            continue
        known.sort(key=lambda item: (_added(item[1]), item[0].design.label))
        low, high = known[0], known[-1]
        text = (
            f"{study.title}: {_percent(low[1])} of the transfers over their deadline with "
            f"{low[0].label}"
        )
        if len(known) > 1:
            text += f", {_percent(high[1])} with {high[0].label}"
        said.append(f"{text}.")
    return said


def _percent(outcome: Outcome) -> str:
    healthy = outcome.late_healthy_percent.value
    beside = f" ({number(healthy)} % without it)" if math.isfinite(healthy) else ""
    return f"{number(outcome.late_percent.value)} %{beside}"


def _added(outcome: Outcome) -> float:
    """What the fault adds to the share of late transfers."""
    healthy = outcome.late_healthy_percent.value
    return outcome.late_percent.value - (healthy if math.isfinite(healthy) else 0.0)


def _unseen(study: Study, outcomes: Outcomes) -> bool:
    """Whether no design notices."""
    return all(math.isinf(outcomes.of(study, arm).detected_ps.value) for arm in study.arms)


def _named(found: list[Study]) -> str:
    return listed([small(study.title) for study in found])


def _origins(results: Results) -> str:
    """Which of the times that move these runs were measured, and which are cited."""
    by_origin: dict[str, list[str]] = {}
    for timer in timers(results.data):
        if timer.moves and timer.range:
            by_origin.setdefault(timer.origin, []).append(timer.name)
    words = {
        "measured": "measured on real control planes in the lab",
        "cited": "cited, not measured",
        "given": "set by the experiment",
    }
    parts = [
        f"{text}: {listed(sorted(by_origin[origin]))}"
        for origin, text in words.items()
        if origin in by_origin
    ]
    return "; ".join(parts) or "none of them moves these runs"
