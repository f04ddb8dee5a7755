# SPDX-License-Identifier: Apache-2.0
"""What is compared between two backends, and the limits of agreement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emu.telemetry import Run

__all__ = ["NOTED", "TITLES", "WANTED", "Figures", "difference", "figures", "number", "percent"]

WANTED = {"fct_median_us": 0.05, "fct_p99_us": 0.10, "pause_us": 0.15}
"""Largest relative difference that counts as agreement."""
NOTED = 0.05
"""A figure without a limit that is farther apart is explained."""
TITLES = {
    "fct_median_us": "FCT median, us",
    "fct_p99_us": "FCT p99, us",
    "ecn_marked": "ECN marks",
    "cnps": "CNPs",
    "pfc_frames": "PFC frames",
    "pause_us": "pause time, us",
    "drops": "drops",
}


@dataclass(frozen=True)
class Figures:
    """What one backend measured of one variant, over all seeds."""

    values: dict[str, float]
    """By the names in ``TITLES``; counts and pause time are sums over the runs."""
    unfinished: int
    """Flows that had not ended."""
    late_share: float | None
    """Share of late packets in the worst run; None for the simulator."""


def figures(runs: Iterable[Run]) -> Figures:
    """Figures of the runs of one variant on one backend."""
    fct: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    totals = dict.fromkeys(("ecn_marked", "cnps", "pfc_frames", "pause_us", "drops"), 0.0)
    unfinished, shares = 0, []
    for run in runs:
        flows, counters = run.flows, run.counters
        done = flows[flows["status"] == "done"]
        unfinished += len(flows) - len(done)
        fct.append((done["end_ps"] - done["post_ps"]).to_numpy() / 1e6)
        totals["ecn_marked"] += counters["ecn_marked_packets"]
        totals["cnps"] += counters["cnp_packets"]
        totals["pfc_frames"] += counters["pfc_frames"]
        totals["drops"] += counters["dropped_packets"]
        totals["pause_us"] += float(run.ports["pfc_rx_pause_ps"].sum()) / 1e6
        if "lab" in run.meta:
            shares.append(float(run.meta["lab"]["late_share"]))
    every = np.concatenate(fct) if fct else np.array([])
    median, p99 = np.percentile(every, [50, 99]) if len(every) else (np.nan, np.nan)
    values = {"fct_median_us": float(median), "fct_p99_us": float(p99), **totals}
    return Figures(values, unfinished, max(shares) if shares else None)


def difference(sim: float, lab: float) -> float:
    """Relative to the simulator; 0 when both are 0, infinite when only it is."""
    if sim == lab:
        return 0.0
    return (lab - sim) / sim if sim else float("inf")


def number(value: float) -> str:
    """Three or more significant digits, counts in full."""
    if not np.isfinite(value):
        return "–"
    if value == int(value):
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.2f}" if value >= 10 else f"{value:.3g}"


def percent(value: float) -> str:
    """A relative difference."""
    if value == 0:
        return "0"
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "only in the lab"
    return f"{100 * value:+.2g} %" if abs(value) < 0.995 else f"{100 * value:+.0f} %"
