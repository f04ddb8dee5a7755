# SPDX-License-Identifier: Apache-2.0
"""Everything the report says, computed once per design and case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from emu.report.analysis import bystanders, kpi, losslessness, recovery, slowdown, utilisation
from emu.report.analysis.bootstrap import Interval, span_interval
from emu.report.dataset import Case, Cell, Dataset, DesignRef

__all__ = [
    "SEEDS_MIN",
    "SEEDS_MIN_FOR_RANGES",
    "CellResult",
    "Column",
    "Results",
    "Timed",
    "best_group",
    "headline_columns",
    "median_leaders",
    "seeds",
    "tail_leaders",
]

SEEDS_MIN = 2
SEEDS_MIN_FOR_RANGES = 4

FaultResult = tuple[recovery.Fault, Interval, Interval]


@dataclass(frozen=True)
class CellResult:
    """One design in one case."""

    cell: Cell
    samples: pd.DataFrame
    slowdown: slowdown.SlowdownSummary
    loss: losslessness.Losslessness
    goodput: Interval
    faults: list[FaultResult]

    @property
    def design(self) -> DesignRef:
        return self.cell.design

    @cached_property
    def left_out(self) -> int:
        """Transfers that a fault of their own host decides; see `bystanders`."""
        return bystanders.left_out(self.cell.runs)

    @cached_property
    def evenness(self) -> utilisation.Evenness:
        return utilisation.evenness(self.cell.runs)

    @cached_property
    def kpis(self) -> list[Interval]:
        return kpi.evaluate(self.cell.runs)

    @cached_property
    def reasons(self) -> dict[str, float]:
        return losslessness.drops_by_reason(self.cell.runs)

    def counter(self, name: str) -> Interval:
        return span_interval(np.asarray([float(r.counters[name]) for r in self.cell.runs]))


@dataclass(frozen=True)
class Timed:
    """One case at every value of one assumed timer."""

    timer: str
    case: Case
    rows: Mapping[str, list[CellResult]]
    """Value of the timer, as the experiment gives it, to results in the order of the designs."""


@dataclass(frozen=True)
class Results:
    """The results of a data set, by case and design."""

    data: Dataset
    rows: Mapping[str, list[CellResult]]
    """Case slug to results in the order of the designs."""

    @classmethod
    def compute(cls, data: Dataset) -> Results:
        return cls(data, {c.slug: [evaluate(data, x) for x in data.row(c)] for c in data.cases})

    def only(self, cases: Sequence[Case]) -> Results:
        """The same results for some of the cases."""
        data = replace(
            self.data,
            cases=tuple(cases),
            cells={key: cell for key, cell in self.data.cells.items() if cell.case in cases},
        )
        return Results(data, {case.slug: self.rows[case.slug] for case in cases})

    def row(self, case: Case) -> list[CellResult]:
        return self.rows[case.slug]

    def of(self, case: Case, design_key: str) -> CellResult | None:
        return next((r for r in self.row(case) if r.design.key == design_key), None)

    @cached_property
    def timed(self) -> list[Timed]:
        """What the cells become when an assumed timer takes its other values."""
        known = {result.cell.runs: result for result in self.everything}
        order = {design.label: i for i, design in enumerate(self.data.designs)}
        found = []
        for timer, values in self.data.timer_values.items():
            for case in self.data.cases:
                cells = [
                    (v, c) for t, v, c in self.data.timer_cells if (t, c.case) == (timer, case)
                ]
                cells.sort(key=lambda item: order[item[1].design.label])
                rows = [(v, known.get(c.runs) or evaluate(self.data, c)) for v, c in cells]
                by_value = {v: [r for w, r in rows if w == v] for v in values}
                by_value = {v: r for v, r in by_value.items() if r}
                # Who leads can be compared between values only among the same designs.
                shared = (
                    set.intersection(
                        *({r.design.label for r in found_at} for found_at in by_value.values())
                    )
                    if by_value
                    else set()
                )
                if len(by_value) > 1 and shared:
                    kept = {
                        v: [r for r in found_at if r.design.label in shared]
                        for v, found_at in by_value.items()
                    }
                    found.append(Timed(timer, case, kept))
        return found

    @property
    def everything(self) -> list[CellResult]:
        return [result for row in self.rows.values() for result in row]


def evaluate(data: Dataset, cell: Cell) -> CellResult:
    """Compute one cell."""
    frame = slowdown.samples(cell.runs)
    twin = data.twin(cell)
    faults = (
        recovery.summarise(cell.runs, twin.runs if twin else ()) if cell.case.has_faults else []
    )
    goodput = span_interval(np.asarray([kpi.goodput_gbytes_per_s(r) for r in cell.runs]))
    return CellResult(
        cell,
        frame,
        slowdown.summarise(frame, data.tail_q),
        losslessness.summarise(cell.runs),
        goodput,
        faults,
    )


@dataclass(frozen=True)
class Column:
    """One column of the table that answers the question."""

    name: str
    term: str
    """Key of its definition."""
    kind: str
    """time | bytes | count | ratio | rate"""
    lower_is_better: bool
    values: list[Interval]
    note: str = ""
    by_seed: bool = True
    """Kept once per run, so that its interval is the range over seeds."""

    def best(self, n_seeds: int) -> set[int]:
        """Rows to mark; see `best_group`.

        One seed says nothing about the next one's hashes. Ranges over n seeds part by chance
        in 2 n! n! / (2n)! of all cases: 1 in 3 for two seeds, 1 in 10 for three, 1 in 35 for
        four, so that fewer than four are not enough for a measure kept once per run.
        """
        enough = SEEDS_MIN_FOR_RANGES if self.by_seed else SEEDS_MIN
        return best_group(self.values, self.lower_is_better) if n_seeds >= enough else set()


def headline_columns(rows: list[CellResult], tail_q: float) -> list[Column]:
    """The columns of the one table, in the order of the question: lossless, then tail."""
    columns = [
        Column("Lost packets", "lost", "count", True, [r.loss.lost_packets for r in rows]),
        Column(
            "Sent again", "retransmitted", "bytes", True, [r.loss.retransmitted_bytes for r in rows]
        ),
        Column("Paused", "pause", "time", True, [r.loss.pause_ps for r in rows]),
        Column("Ports paused", "pause-spread", "count", True, [r.loss.paused_ports for r in rows]),
        Column("P50", "slowdown", "ratio", True, [r.slowdown.p50 for r in rows], by_seed=False),
        *(
            [
                Column(
                    slowdown.percentile_name(tail_q),
                    "slowdown",
                    "ratio",
                    True,
                    [r.slowdown.tail for r in rows],
                    by_seed=False,
                )
            ]
            if tail_q not in (0.5, 0.99)
            else []
        ),
        Column("P99", "slowdown", "ratio", True, [r.slowdown.p99 for r in rows], by_seed=False),
        *(
            []
            if all(r.slowdown.p999.value == r.slowdown.p99.value for r in rows)
            else [
                Column(
                    "P99.9",
                    "slowdown",
                    "ratio",
                    True,
                    [r.slowdown.p999 for r in rows],
                    "maximum" if any(r.slowdown.p999_is_maximum for r in rows) else "",
                    by_seed=False,
                )
            ]
        ),
        Column("Goodput", "goodput", "rate", False, [r.goodput for r in rows]),
    ]
    n_faults = min((len(r.faults) for r in rows), default=0)
    for i in range(min(n_faults, 3)):
        mark = f" {i + 1}" if n_faults > 1 else ""
        columns.append(
            Column(f"Lossy for{mark}", "loss-span", "time", True, [r.faults[i][2] for r in rows])
        )
        columns.append(
            Column(f"Caught up{mark}", "recovery", "time", True, [r.faults[i][1] for r in rows])
        )
    return columns


def best_group(values: list[Interval], lower_is_better: bool) -> set[int]:
    """Indices of the smallest leading group whose intervals all part from all others.

    One index: that value is best. Several: they cannot be told apart but are better than the
    rest. Empty: no group parts from the rest, so nothing may be marked.
    """
    known = [i for i, v in enumerate(values) if v.known]
    if len(known) < 2:
        return set()
    sign = 1 if lower_is_better else -1
    ordered = sorted(known, key=lambda i: (sign * values[i].value, i))
    for size in range(1, len(ordered)):
        inside, outside = ordered[:size], ordered[size:]
        if all(_better(values[i], values[j], lower_is_better) for i in inside for j in outside):
            return set(inside)
    return set()


def tail_leaders(rows: list[CellResult]) -> tuple[str, ...]:
    """Designs whose tail percentile is below all others', if any group's is."""
    return _leaders(rows, [r.slowdown.tail for r in rows])


def median_leaders(rows: list[CellResult]) -> tuple[str, ...]:
    """The same for the median."""
    return _leaders(rows, [r.slowdown.p50 for r in rows])


def seeds(rows: list[CellResult]) -> int:
    """Seeds that every design of a case has."""
    return min((len(r.cell.runs) for r in rows), default=0)


def _leaders(rows: list[CellResult], values: list[Interval]) -> tuple[str, ...]:
    if seeds(rows) < SEEDS_MIN:
        return ()
    group = best_group(values, lower_is_better=True)
    return tuple(r.design.label for i, r in enumerate(rows) if i in group)


def _better(a: Interval, b: Interval, lower_is_better: bool) -> bool:
    return a.below(b) if lower_is_better else b.below(a)
