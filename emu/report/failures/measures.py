# SPDX-License-Identifier: Apache-2.0
"""What a fault cost one design with one routing: times of the repair, bytes, late transfers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emu.report.analysis import bystanders
from emu.report.analysis.bootstrap import Interval, span_interval
from emu.report.failures.study import Arm, Study, start_of
from emu.telemetry import DEAD_ENDS, Run

__all__ = ["DEADLINE", "MEASURES", "Measure", "Outcome", "Outcomes"]

DEADLINE = 10.0
"""A transfer is over its deadline when it takes longer than so many times its time on the empty
fabric, or never ends."""


@dataclass(frozen=True)
class Outcome:
    """Mean over seeds with the smallest and the largest; times since the fault, infinite where
    the moment never comes."""

    detected_ps: Interval
    repaired_ps: Interval
    converged_ps: Interval
    lost_bytes: Interval
    retransmitted_bytes: Interval
    blackholed_bytes: Interval
    late_percent: Interval
    late_healthy_percent: Interval


@dataclass(frozen=True)
class Measure:
    """A column of the tables."""

    field: str
    name: str
    kind: str
    """time | bytes | percent"""


MEASURES = (
    Measure("detected_ps", "Detected", "time"),
    Measure("repaired_ps", "Repaired locally", "time"),
    Measure("converged_ps", "Converged everywhere", "time"),
    Measure("lost_bytes", "Lost", "bytes"),
    Measure("blackholed_bytes", "Black-holed", "bytes"),
    Measure("retransmitted_bytes", "Sent again", "bytes"),
    Measure("late_percent", "Over deadline", "percent"),
    Measure("late_healthy_percent", "Without the fault", "percent"),
)


class Outcomes:
    """What every fault cost every design with every routing."""

    def __init__(self, studies: Sequence[Study]) -> None:
        self._by_arm = {_key(study, arm): _measure(arm) for study in studies for arm in study.arms}

    def of(self, study: Study, arm: Arm) -> Outcome:
        return self._by_arm[_key(study, arm)]

    def all(self) -> list[Outcome]:
        return list(self._by_arm.values())


def _key(study: Study, arm: Arm) -> tuple[str, str, str]:
    return study.slug, arm.design.label, arm.routing


def _measure(arm: Arm) -> Outcome:
    """Everything about one arm of a study."""
    return Outcome(
        _over(arm.runs, _detected),
        _over(arm.runs, lambda run: _step(run, "repaired_ps", min)),
        _over(arm.runs, lambda run: _step(run, "converged_ps", max)),
        _over(arm.runs, lambda run: float(run.counters["dropped_bytes"])),
        _over(arm.runs, lambda run: float(run.counters["retransmitted_bytes"])),
        _over(arm.runs, _blackholed),
        _over(arm.runs, late_percent),
        _over(arm.healthy, late_percent),
    )


def _over(runs: Sequence[Run], value: Callable[[Run], float | None]) -> Interval:
    found = [math.inf if (got := value(run)) is None else got for run in runs]
    return span_interval(np.asarray(found, float))


def _step(run: Run, field: str, of: Callable[[list[int]], int]) -> float | None:
    """The moment of the run's faults, counted from the first of them."""
    known = [int(r[field]) for r in run.meta["responses"] if r[field] is not None]
    return float(of(known) - start_of(run)) if known else None


def _detected(run: Run) -> float | None:
    """When somebody noticed: the control plane, be it at once, or else a watchdog."""
    noticed = _step(run, "detected_ps", min)
    return _watchdog(run) if noticed is None else noticed


def _watchdog(run: Run) -> float | None:
    """Where no control plane has an eye for a fault, a PFC watchdog may."""
    start = start_of(run)
    events = run.events
    found = events[(events["kind"] == "pfc-watchdog") & (events["t_ps"] >= start)]["t_ps"]
    return float(found.min() - start) if len(found) else None


def _blackholed(run: Run) -> float:
    lost = run.counters["dropped_bytes_by_reason"]
    return float(sum(int(lost.get(reason, 0)) for reason in DEAD_ENDS))


def late_percent(run: Run) -> float:
    """Transfers over their deadline, of those that no fault of their own host decides."""
    slowdown = bystanders.transfers(run)["slowdown"].to_numpy(float)
    # NaN: it has not ended.
    return 100.0 * float(np.mean(~(slowdown <= DEADLINE))) if slowdown.size else math.nan
