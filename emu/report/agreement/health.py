# SPDX-License-Identifier: Apache-2.0
"""Was the lab itself well? Dilation, lateness and load of the machine, variant by variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emu.report.agreement.comparison import Comparison

__all__ = ["CPU_SHARE_MAX", "Health", "health"]

CPU_SHARE_MAX = 0.60
"""What calibration aims at; more than that and lateness is to be expected."""


@dataclass(frozen=True)
class Health:
    """One variant's runs in the lab; shares are those of the worst run."""

    row: Comparison
    dilation: float
    origin: str
    late_share: float
    lateness_rtt: float
    """99.9 % of all packets were at most so late, as a share of the base round-trip time."""
    held_share: float
    """Packets for which fabric time waited."""
    cpu_share: float
    """Of the machine's cores, taken by all processes of the lab; not a number if not measured."""
    turnaround_us: tuple[float, float]
    """Into a real switch and back, wall time: median and 99.9th percentile."""
    bad_icrc: int


def health(rows: Sequence[Comparison]) -> list[Health]:
    """One line per variant, late runs included."""
    return [_of(row) for row in rows]


def _of(row: Comparison) -> Health:
    runs = [*row.lab, *row.late]
    labs = [run.meta["lab"] for run in runs]
    counters = [lab["counters"] for lab in labs]
    return Health(
        row,
        row.dilation,
        str(labs[0].get("dilation_origin", "")),
        max(lab["late_share"] for lab in labs),
        max(lab["lateness_ps"] / lab["base_rtt_ps"] for lab in labs),
        max(lab["held_share"] for lab in labs),
        max(
            (
                run.timing["lab_cpu_s"] / (run.timing["lab_wall_s"] * run.timing["cores"])
                for run in runs
                if "lab_cpu_s" in run.timing
            ),
            default=float("nan"),
        ),
        (
            float(np.median([c["turnaround"]["p50_ns"] for c in counters])) / 1e3,
            max(c["turnaround"]["p999_ns"] for c in counters) / 1e3,
        ),
        sum(int(c["bad_icrc"]) for c in counters),
    )
