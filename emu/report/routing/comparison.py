# SPDX-License-Identifier: Apache-2.0
"""What the runs compare: each case with the one with ECMP and the same faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.slowdown import paired_ratio
from emu.report.dataset import Case, DesignRef
from emu.report.results import CellResult, Results
from emu.telemetry import Run

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Results in several routings, with what each wins over ECMP."""

    results: Results
    bases: Mapping[str, Case]
    """Slug of each case to the first case with ECMP and the same faults."""
    gains: Mapping[tuple[str, str], Interval]
    """Tail over ECMP's on the same transfers, by label of the design and slug of the case."""

    @property
    def cases(self) -> list[Case]:
        """Those that have a gain on some design."""
        known = {slug for _, slug in self.gains}
        return [case for case in self.results.data.cases if case.slug in known]

    def gain(self, design: DesignRef, case: Case) -> Interval | None:
        return self.gains.get((design.label, case.slug))

    def policy(self, case: Case) -> str:
        """The policy of a case, where its NICs bear reordering."""
        specs = [run.meta["spec"] for row in self.results.row(case) for run in row.cell.runs]
        found = {s["routing"]["policy"] for s in specs if s["transport"]["receiver"] != "go-back-n"}
        return str(found.pop()) if len(found) == 1 else ""

    def is_broken(self, case: Case) -> bool:
        """Whether the case has a fault."""
        return _faults(self.results.row(case)) not in ("None", "[]")


def compare(results: Results) -> Comparison | None:
    """The comparison, or None where all runs have one routing."""
    if len({_key(run) for run in results.data.runs}) < 2:
        return None
    bases = _bases(results)
    if not bases:
        return None
    gains = {
        (result.design.label, case.slug): ratio
        for case in results.data.cases
        if (base := bases.get(case.slug)) is not None and base is not case
        for result in results.row(case)
        if (ratio := _gain(results, result, base)) is not None
    }
    return Comparison(results, bases, gains)


def _key(run: Run) -> str:
    spec = run.meta["spec"]
    return f"{spec.get('routing')} {spec.get('transport', {}).get('receiver')}"


def _bases(results: Results) -> dict[str, Case]:
    """Slug of each case to the first case with ECMP and the same faults."""
    first: dict[str, Case] = {}
    for case in results.data.cases:
        rows = results.row(case)
        if _is_base(rows):
            first.setdefault(_faults(rows), case)
    return {
        case.slug: first[faults]
        for case in results.data.cases
        if (faults := _faults(results.row(case))) in first
    }


def _faults(rows: Sequence[CellResult]) -> str:
    return str(next((run.meta["spec"].get("faults") for r in rows for run in r.cell.runs), None))


def _is_base(rows: Sequence[CellResult]) -> bool:
    routings = [run.meta["spec"]["routing"] for row in rows for run in row.cell.runs]
    return bool(routings) and all(r["policy"] == "ecmp" and not _turned(r) for r in routings)


def _turned(routing: Mapping[str, Any]) -> bool:
    """Whether a knob of ECMP is not where it is by default."""
    ecmp = routing.get("ecmp") or {}
    return bool(ecmp.get("resilient")) or ecmp.get("weights", "equal") != "equal"


def _gain(results: Results, result: CellResult, base: Case) -> Interval | None:
    ecmp = results.of(base, result.design.key)
    if ecmp is None or ecmp.design.label != result.design.label:
        return None
    return paired_ratio(result.samples, ecmp.samples, results.data.tail_q)
