# SPDX-License-Identifier: Apache-2.0
"""What told the senders to slow down: marks and pauses, design by design."""

from __future__ import annotations

from emu.report.analysis.kpi import KPIS
from emu.report.analysis.wording import capital, listed, places
from emu.report.dataset import Case
from emu.report.numerals import TIME, number, spoken
from emu.report.results import CellResult, Results

__all__ = ["sentences"]

_LISTED_MAX = 12
"""Cells of a report in which each is named; of more only the least and the most."""
_MARKS = next(i for i, kpi in enumerate(KPIS) if kpi.name == "ECN_marking_rate")


def sentences(results: Results) -> list[str]:
    """Share of packets marked and time paused, with the same run without a fault beside it."""
    said = []
    for case in results.data.cases:
        rows = [r for r in results.row(case) if r.loss.pause_ps.value > 0 or _marks(r) > 0]
        if not rows:
            continue
        where = f"{places([case])}: " if len(results.data.cases) > 1 else ""
        marks = sorted(rows, key=_marks)
        pauses = sorted(rows, key=lambda r: r.loss.pause_ps.value)
        if len(results.everything) > _LISTED_MAX:
            marks, pauses = _ends(marks), _ends(pauses)
        few = len(results.everything) <= _LISTED_MAX
        told = [f"{r.design.label} {number(_marks(r))}\u00a0%" for r in marks]
        said.append(capital(f"{where}packets marked CE: {_words(told, few)}."))
        told = [f"{r.design.label} {_paused(r)}{_before(results, case, r)}" for r in pauses]
        said.append(f"Ports paused: {_words(told, few)}.")
    return said


def _ends(rows: list[CellResult]) -> list[CellResult]:
    return rows if len(rows) < 2 else [rows[0], rows[-1]]


def _words(told: list[str], few: bool) -> str:
    return listed(told) if few or len(told) == 1 else f"from {' to '.join(told)}"


def _marks(result: CellResult) -> float:
    return result.kpis[_MARKS].value


def _paused(result: CellResult) -> str:
    loss = result.loss
    return f"{spoken(loss.pause_ps.value, TIME)} on {number(loss.paused_ports.value)} ports"


def _before(results: Results, case: Case, result: CellResult) -> str:
    if not case.has_faults:
        return ""
    twin = results.data.twin(result.cell)
    same = next((r for r in results.everything if twin is not None and r.cell == twin), None)
    return f" (without the fault {_paused(same)})" if same is not None else ""
