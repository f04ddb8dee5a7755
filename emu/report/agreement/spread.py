# SPDX-License-Identifier: Apache-2.0
"""How far hashes alone move a figure: the simulator with other seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.agreement.comparison import Comparison
from emu.report.agreement.figures import figures
from emu.report.analysis.slowdown import ccdf
from emu.report.figures.base import Figure, log_bounds
from emu.report.svg import Axis, Panel
from emu.telemetry import Run

__all__ = ["Place", "place", "tails"]

SIM_CSS, LAB_CSS = "l0", "l2"
"""Blue and solid, orange and dotted: the first and the third of the report's styles."""


@dataclass(frozen=True)
class Place:
    """The lab's figure of one variant among those of the simulator's seeds."""

    name: str
    lab: float
    """Median over the lab's runs."""
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return self.low <= self.lab <= self.high


def place(row: Comparison, spread: Sequence[Run], name: str) -> Place | None:
    """Where the lab stands; None when one side has no runs."""
    if not (row.lab and spread):
        return None
    seeds = [figures([run]).values[name] for run in spread]
    lab = [figures([run]).values[name] for run in row.lab]
    return Place(name, float(np.median(lab)), float(min(seeds)), float(max(seeds)))


def tails(rows: Sequence[Comparison], spread: dict[str, list[Run]], title: str) -> Figure:
    """Share of flows slower than x, one panel per variant."""
    times = {row.label: (_fct(row.sim), _fct(row.lab)) for row in rows if row.lab}
    low, high = log_bounds(v for two in times.values() for part in two for v in part)
    floor = 1 / max([len(part) for two in times.values() for part in two], default=100)
    panels, records = [], []
    for row in rows:
        if not row.lab:
            continue
        sim, lab = times[row.label]
        panel = Panel(
            row.label,
            Axis(low, high, log=True, label="flow completion time (µs)"),
            Axis(floor / 1.2, 1.0, log=True, label="share of flows slower", format=_share),
            height=210,
            description=f"Share of flows slower than x, {row.label}: simulator and lab.",
        )
        for run in spread.get(str(row.of.meta["variant"]), ()):
            curve = ccdf(_fct([run]))
            panel.line(curve["slowdown"], curve["share_slower"], "ghost")
        for name, values, css in (("simulator", sim, SIM_CSS), ("lab", lab, LAB_CSS)):
            curve = ccdf(values)
            panel.line(curve["slowdown"], curve["share_slower"], css)
            records.append(curve.assign(variant=row.label, backend=name))
        panels.append(panel)
    data = pd.concat(records, ignore_index=True) if records else pd.DataFrame()
    return Figure(
        f"tails-{title.lower().replace(' ', '-')}",
        f"Is the tail the same? {title}",
        "Solid blue: simulator; dotted orange: lab, with the same seeds. Thin grey: each of the "
        "simulator's other seeds, that is what hashes alone do.",
        panels,
        data.rename(columns={"slowdown": "fct_us"}),
    )


def _fct(runs: Sequence[Run]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    parts = []
    for run in runs:
        done = run.flows[run.flows["status"] == "done"]
        parts.append((done["end_ps"] - done["post_ps"]).to_numpy(np.float64) / 1e6)
    joined: np.ndarray[tuple[int], np.dtype[np.float64]] = np.concatenate([*parts, np.empty(0)])
    return joined


def _share(value: float) -> str:
    return f"{value:g}"
