# SPDX-License-Identifier: Apache-2.0
"""Whether an answer stands or flips when an assumed time takes another published value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emu.report.analysis.wording import listed
from emu.report.dataset import Case, seconds
from emu.report.numerals import TIME, spoken
from emu.report.results import CellResult, Results, Timed, tail_leaders

__all__ = ["Sensitivity", "sensitivities", "spoken_time"]


@dataclass(frozen=True)
class Sensitivity:
    """The answer of one case at every value of one timer.

    Attributes
    ----------
    leaders
        Value of the timer to the designs whose tails are below all others' there.
    designs
        Designs that were compared at every value.
    """

    timed: Timed
    leaders: dict[str, tuple[str, ...]]
    designs: tuple[str, ...]
    complete: bool
    """Whether these are all designs of the case."""

    @property
    def timer(self) -> str:
        return self.timed.timer

    @property
    def case(self) -> Case:
        return self.timed.case

    @property
    def among(self) -> str:
        """Whom the comparison is about, if not all designs of the case: `of L3 and L2 MLAG, `."""
        return "" if self.complete else f"of {listed(self.designs)}, "

    @property
    def flips(self) -> bool:
        return len(set(self.leaders.values())) > 1

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self.timed.rows)

    @property
    def span(self) -> str:
        """from 1 ms to 3 s."""
        return f"from {spoken_time(self.values[0])} to {spoken_time(self.values[-1])}"

    def losses(self) -> list[str]:
        """How long each design that the timer moves loses packets, over its values."""
        said = []
        for design in self.designs:
            rows = [self._of(value, design) for value in self.values]
            spans = [r.faults[0][2].value for r in rows if r.faults]
            if len(spans) == len(rows) and len({id(r) for r in rows}) > 1:
                low, high = min(spans), max(spans)
                if math.isfinite(high) and high > 0:
                    said.append(f"{design} for {spoken(low, TIME)} to {spoken(high, TIME)}")
        return said

    def _of(self, value: str, design: str) -> CellResult:
        return next(r for r in self.timed.rows[value] if r.design.label == design)


def sensitivities(results: Results) -> list[Sensitivity]:
    """One entry per timer that was varied and case in which it was."""
    return [
        Sensitivity(
            timed,
            {value: tail_leaders(rows) for value, rows in timed.rows.items()},
            tuple(r.design.label for r in next(iter(timed.rows.values()))),
            len(next(iter(timed.rows.values()))) == len(results.row(timed.case)),
        )
        for timed in results.timed
    ]


def spoken_time(text: str) -> str:
    """A time as the experiment writes it, as sentences write it."""
    value = seconds(text)
    return text if math.isnan(value) else "0" if value == 0 else spoken(value * 1e12, TIME)
