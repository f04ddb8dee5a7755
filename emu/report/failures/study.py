# SPDX-License-Identifier: Apache-2.0
"""Sorts the cases of a report by fault: one study holds every design and routing under it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from emu.report.dataset import Case, DesignRef
from emu.report.results import CellResult, Results
from emu.telemetry import Run

__all__ = ["Arm", "Study", "start_of", "studies"]

_NAMES = {"ecmp": "ECMP"}


@dataclass(frozen=True)
class Arm:
    """One design with one routing under a fault, and the same without the fault."""

    design: DesignRef
    routing: str
    result: CellResult
    healthy: tuple[Run, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        return self.result.cell.runs

    @property
    def label(self) -> str:
        return f"{self.design.label}, {self.routing}" if self.routing else self.design.label


@dataclass(frozen=True)
class Study:
    """One fault, or several that belong together, on every design that had it."""

    title: str
    slug: str
    arms: tuple[Arm, ...]

    @cached_property
    def start_ps(self) -> int:
        """When the first of its faults begins."""
        return start_of(self.arms[0].runs[0])

    @cached_property
    def end_ps(self) -> int | None:
        """When the last of them is over; None: one lasts until the end of the run."""
        ends = [r["end_ps"] for r in self.arms[0].runs[0].meta["responses"]]
        return None if None in ends else max(map(int, ends))

    @cached_property
    def said(self) -> list[str]:
        """What breaks, a line for each fault, as the experiment gives it."""
        return [_words(fault) for fault in self.arms[0].runs[0].meta["spec"]["faults"]]

    @cached_property
    def designs(self) -> list[DesignRef]:
        return list(dict.fromkeys(arm.design for arm in self.arms))

    def of(self, design: DesignRef) -> list[Arm]:
        return [arm for arm in self.arms if arm.design == design]

    @cached_property
    def events(self) -> pd.DataFrame:
        """What happened from the fault on, for the first seed of every design's first routing."""
        frames = []
        for design in self.designs:
            run = self.of(design)[0].runs[0]
            events = run.events[run.events["t_ps"] >= self.start_ps]
            frames.append(events.assign(design=design.label))
        return pd.concat(frames, ignore_index=True)


def start_of(run: Run) -> int:
    """When the first of a run's faults begins, in picoseconds."""
    return min(int(r["start_ps"]) for r in run.meta["responses"])


def studies(results: Results) -> list[Study]:
    """One study per distinct set of faults, in the order of the experiment's cases."""
    groups: dict[str, list[Case]] = {}
    for case in results.data.cases:
        run = next((r for c in results.row(case) for r in c.cell.runs), None)
        if run is not None and run.meta["spec"].get("faults") and run.meta.get("responses"):
            key = json.dumps(run.meta["spec"]["faults"], sort_keys=True)
            groups.setdefault(key, []).append(case)
    return [_study(results, cases) for cases in groups.values()]


def _study(results: Results, cases: Sequence[Case]) -> Study:
    first = min(cases, key=lambda case: len(case.title))
    routings = {_routing(r.cell.runs[0]) for case in cases for r in results.row(case)}
    arms = [
        Arm(
            result.design,
            _routing(result.cell.runs[0]) if len(routings) > 1 else "",
            result,
            twin.runs if (twin := results.data.twin(result.cell)) is not None else (),
        )
        for case in cases
        for result in results.row(case)
    ]
    order = {design.label: i for i, design in enumerate(results.data.designs)}
    arms.sort(key=lambda arm: (order[arm.design.label], arm.routing != "ECMP", arm.routing))
    return Study(first.title, first.slug, tuple(arms))


def _routing(run: Run) -> str:
    policy = str(run.meta["spec"].get("routing", {}).get("policy", "ecmp"))
    return _NAMES.get(policy, policy)


def _words(fault: dict[str, object]) -> str:
    """link-down: link leaf0-spine0, at 60ms."""
    parts = [f"{key} {_shown(value)}" for key, value in fault.items() if _told(key, value)]
    return f"{fault['kind']}: {', '.join(parts)}"


def _told(key: str, value: object) -> bool:
    return key not in ("kind", "name", "delay") and value is not None


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
