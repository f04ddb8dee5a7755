# SPDX-License-Identifier: Apache-2.0
"""One variant on both backends, seed by seed the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emu.report.agreement.figures import (
    NOTED,
    TITLES,
    WANTED,
    Figures,
    difference,
    figures,
)
from emu.report.agreement.trace import Trace, trace
from emu.telemetry import Run, find_runs

__all__ = ["Comparison", "comparisons"]


@dataclass(frozen=True)
class Comparison:
    """The runs of one variant; those of the lab that were late are apart."""

    name: str
    sim: tuple[Run, ...]
    lab: tuple[Run, ...]
    """Of the same seeds, in the same order."""
    late: tuple[Run, ...] = ()
    """Runs of the lab that are not published."""

    @property
    def of(self) -> Run:
        """A run that stands for all: of the lab when one was on time."""
        return (*self.lab, *self.late)[0]

    @property
    def design(self) -> str:
        return self.of.design

    @property
    def label(self) -> str:
        return str(self.of.meta["design_label"])

    @property
    def case(self) -> str:
        return self.of.labels.get("case", "base")

    @property
    def control(self) -> str:
        return str(self.of.meta["lab"]["control"])

    @property
    def dilation(self) -> float:
        return float(self.of.meta["lab"]["dilation"])

    @cached_property
    def sides(self) -> tuple[Figures, Figures]:
        """Simulator, lab."""
        return figures(self.sim), figures(self.lab)

    @cached_property
    def apart(self) -> dict[str, float]:
        """Relative difference of each figure."""
        sim, lab = self.sides
        return {name: difference(sim.values[name], lab.values[name]) for name in TITLES}

    @property
    def agrees(self) -> bool:
        """Within all limits, and something was published."""
        return bool(self.lab) and all(abs(self.apart[n]) <= limit for n, limit in WANTED.items())

    @property
    def over(self) -> list[str]:
        """Figures beyond their limit."""
        return [n for n, limit in WANTED.items() if not abs(self.apart[n]) <= limit]

    @property
    def noted(self) -> list[str]:
        """Figures without a limit that are far apart."""
        return [n for n, x in self.apart.items() if n not in WANTED and abs(x) > NOTED]

    @cached_property
    def trace(self) -> Trace | None:
        """One packet through both backends, when figures are apart and both have captures.

        Of the seeds that one which differs most in the figure that is farthest apart.
        """
        apart = [*self.over, *self.noted]
        if not apart:
            return None
        worst = max(apart, key=lambda name: abs(self.apart[name]))

        def differ(pair: tuple[Run, Run]) -> float:
            sim, lab = (figures([run]).values[worst] for run in pair)
            return abs(lab - sim)

        for sim, lab in sorted(zip(self.sim, self.lab, strict=True), key=differ, reverse=True):
            if found := trace(sim, lab):
                return found
        return None

    def row(self) -> dict[str, Any]:
        """For JSON."""
        sim, lab = self.sides
        return {
            "scenario": self.name,
            "design": self.design,
            "control": self.control,
            "seeds": [run.seed for run in self.lab],
            "sim": _finite(sim.values),
            "lab": _finite(lab.values),
            "difference": _finite(self.apart),
            "agrees": self.agrees,
            "unfinished": [sim.unfinished, lab.unfinished],
            "late_runs": [run.seed for run in self.late],
            "late_share_worst_run": lab.late_share,
            "dilation": self.dilation,
        }


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """For JSON, which has no infinity and no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def comparisons(name: str, sim: Path, lab: Path) -> list[Comparison]:
    """What two folders of runs have in common, variant by variant in the lab's order.

    Raises
    ------
    emu.errors.InputError
        When a folder is not there.
    """
    ours, theirs = _by_variant(find_runs([sim])[0]), _by_variant(find_runs([lab])[0])
    found = []
    for variant, seeds in theirs.items():
        twins = ours.get(variant, {})
        punctual = [run for seed, run in seeds.items() if not _late(run) and seed in twins]
        late = tuple(run for run in seeds.values() if _late(run))
        if punctual or late:
            both = tuple(twins[run.seed] for run in punctual)
            found.append(Comparison(name, both, tuple(punctual), late))
    return found


def _late(run: Run) -> bool:
    return bool(run.meta["lab"]["late"])


def _by_variant(paths: Sequence[Path]) -> dict[str, dict[int, Run]]:
    found: dict[str, dict[int, Run]] = {}
    for run in map(Run, paths):
        found.setdefault(str(run.meta["variant"]), {})[run.seed] = run
    return {name: dict(sorted(seeds.items())) for name, seeds in found.items()}
