# SPDX-License-Identifier: Apache-2.0
"""What a link failure cost in the lab, in the simulator, and on a fabric at full rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emu.report.agreement.comparison import Comparison
from emu.report.agreement.figures import figures
from emu.report.analysis.recovery import faults, recover
from emu.telemetry import Run

__all__ = ["Failure", "failures"]


@dataclass(frozen=True)
class Failure:
    """One variant with a fault. Times are medians of the runs."""

    row: Comparison
    what: str
    """The fault in words."""
    repairs_ms: dict[str, float]
    """By switch: wall time until it swallowed its last packet."""
    lost: tuple[float, float]
    """Packets, simulator and lab."""
    caught_up_us: tuple[float, float]
    """From the fault until 95 % of the payload that it held back had arrived, fabric time; 0 when
    no dip can be told from noise."""
    at_rate: tuple[float, float, int] | None
    """Simulated with the wall times unscaled: packets lost, FCT p99 in microseconds, flows that
    did not end."""

    @property
    def slowest_ms(self) -> float:
        """Wall time until the last switch had repaired; 0 when nobody lost a packet."""
        return max(self.repairs_ms.values(), default=0.0)


def failures(rows: Sequence[Comparison], at_rate: dict[str, list[Run]]) -> list[Failure]:
    """The variants with faults, each against the variant of the same design without."""
    plain = {row.label: row for row in rows if not _faulty(row)}
    return [_failure(row, plain.get(row.label), at_rate) for row in rows if _faulty(row)]


def _faulty(row: Comparison) -> bool:
    return bool(row.lab) and bool(row.of.meta["spec"]["faults"])


def _failure(row: Comparison, twin: Comparison | None, at_rate: dict[str, list[Run]]) -> Failure:
    first = faults(row.of.events)[0]
    sim, lab = row.sides
    quick = at_rate.get(str(row.of.meta["variant"]))
    full = None
    if quick:
        found = figures(quick)
        full = (found.values["drops"], found.values["fct_p99_us"], found.unfinished)
    return Failure(
        row,
        first.detail,
        _repairs(row, first.t_ps),
        (sim.values["drops"], lab.values["drops"]),
        (
            _caught_up(row.sim, twin.sim if twin else ()),
            _caught_up(row.lab, twin.lab if twin else ()),
        ),
        full,
    )


def _repairs(row: Comparison, fault_ps: int) -> dict[str, float]:
    seen: dict[str, list[float]] = {}
    for run in row.lab:
        for switch, at_ps in run.meta["lab"]["swallowed_last_ps"].items():
            if at_ps >= fault_ps:
                wall_ms = (at_ps - fault_ps) * row.dilation / 1e9
                seen.setdefault(switch, []).append(wall_ms)
    return {switch: float(np.median(values)) for switch, values in sorted(seen.items())}


def _caught_up(runs: Sequence[Run], twins: Sequence[Run]) -> float:
    by_seed = {run.seed: run for run in twins}
    times = [recover(run, by_seed.get(run.seed))[:1] for run in runs]
    values = [found[0].catch_up_ps / 1e6 for found in times if found]
    return float(np.median(values)) if values else math.nan
