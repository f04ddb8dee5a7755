# SPDX-License-Identifier: Apache-2.0
"""What bridges flooded, where it is more than the broadcasts that a bridged segment always has."""

from __future__ import annotations

from emu.report.analysis.wording import capital, listed, places, prefix
from emu.report.dataset import Case
from emu.report.numerals import BYTES, spoken
from emu.report.results import CellResult, Results

__all__ = ["headlines", "sentences"]

_SHARE_MIN = 0.01
"""Of the payload that arrived: ARP stays far below it."""


def headlines(results: Results) -> list[str]:
    """Who flooded, most first."""
    said = []
    for case in results.data.cases:
        flooding = _flooding(results, case)
        if flooding:
            where = f" {places([case])}" if len(results.data.cases) > 1 else ""
            parts = [f"{r.design.label} {spoken(_flooded(r), BYTES)}" for r in flooding]
            said.append(f"Copies of packets to unknown addresses were flooded{where}: "
                        f"{listed(parts)} per run{_none(results, case)}.")  # fmt: skip
    return said


def sentences(results: Results) -> list[str]:
    """How much was flooded beside what arrived."""
    said = []
    for case in results.data.cases:
        for result in _flooding(results, case):
            said.append(
                capital(f"{prefix([case], results)}{result.design.label} flooded ")
                + f"{spoken(_flooded(result), BYTES)} in copies to deliver "
                f"{spoken(_delivered(result), BYTES)} of payload."
            )
    return said


def _flooding(results: Results, case: Case) -> list[CellResult]:
    rows = [r for r in results.row(case) if _flooded(r) > _SHARE_MIN * _delivered(r)]
    return sorted(rows, key=_flooded, reverse=True)


def _none(results: Results, case: Case) -> str:
    none = [r.design.label for r in results.row(case) if _flooded(r) == 0]
    return f"; by {listed(none)} nothing was" if none else ""


def _flooded(result: CellResult) -> float:
    return result.counter("flooded_bytes").value


def _delivered(result: CellResult) -> float:
    runs = result.cell.runs
    return sum(float(r.series["delivered_payload_bytes"].sum()) for r in runs) / len(runs)
