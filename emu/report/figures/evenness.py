# SPDX-License-Identifier: Apache-2.0
"""How evenly the uplinks carry the load as time goes on, routing by routing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.utilisation import uplink_series
from emu.report.figures.base import Figure, label_room
from emu.report.numerals import TIME, number, spoken
from emu.report.results import Results
from emu.report.svg import Axis, Panel
from emu.telemetry import Run

__all__ = ["draw"]

_COLUMNS = 60
_STEP = 17
_TOP = 40


@dataclass(frozen=True)
class _Measure:
    """One way to say how even, and where its shades begin."""

    ident: str
    column: str
    title: str
    what: str
    bounds: tuple[float, ...]
    falling: bool = False

    def level(self, value: float) -> int:
        """0: even, up to 5."""
        if not math.isfinite(value):
            return 0
        return sum((value < b) if self.falling else (value >= b) for b in self.bounds)


_MEASURES = (
    _Measure(
        "evenness-ratio",
        "max_over_mean",
        "How far is the busiest uplink above the mean, over time?",
        "Busiest uplink over the mean of its switch",
        (1.1, 1.25, 1.5, 2.0, 3.0),
    ),
    _Measure(
        "evenness-jain",
        "jain",
        "How even are the uplinks by Jain's index, over time?",
        "Jain's index over the uplinks of a switch (1: all carry the same)",
        (0.99, 0.95, 0.85, 0.7, 0.5),
        falling=True,
    ),
)


def draw(results: Results) -> list[Figure]:
    """One panel per design, one row per routing; where the routing differs and is sampled."""
    policies = {
        str(run.meta["spec"].get("routing", {}).get("policy"))
        for result in results.everything
        for run in result.cell.runs
    }
    if len(policies) < 2:
        return []
    found: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    styles: dict[str, int] = {}
    records = []
    for case in results.data.cases:
        for result in results.row(case):
            frame = _binned(result.cell.runs[0])
            if frame.empty:
                continue
            design = result.design.label
            found.setdefault(design, []).append((case.title, frame))
            styles[design] = result.design.style
            records.append(frame.assign(routing=case.title, design=design))
    if not records:
        return []
    data = pd.concat(records, ignore_index=True)
    return [_figure(measure, found, data) for measure in _MEASURES]


def _binned(run: Run) -> pd.DataFrame:
    """Both measures in columns of time, each sample weighted by what it carried."""
    series = uplink_series(run)
    if series.empty:
        return series
    end_ps = float(series["t_ps"].max())
    edges = np.linspace(0, end_ps, _COLUMNS + 1)
    column = np.clip(np.searchsorted(edges, series["t_ps"], side="left") - 1, 0, _COLUMNS - 1)
    weight = series["tx_bytes"].to_numpy(float)
    sums = pd.DataFrame(
        {
            "column": column,
            "weight": weight,
            "max_over_mean": weight * series["max_over_mean"].to_numpy(float),
            "jain": weight * series["jain"].to_numpy(float),
        }
    )
    grouped = sums.groupby("column").sum()
    return pd.DataFrame(
        {
            "start_ps": edges[grouped.index],
            "end_ps": edges[grouped.index + 1],
            "tx_bytes": grouped["weight"].to_numpy(),
            "max_over_mean": (grouped["max_over_mean"] / grouped["weight"]).to_numpy(),
            "jain": (grouped["jain"] / grouped["weight"]).to_numpy(),
        }
    )


def _figure(
    measure: _Measure, found: dict[str, list[tuple[str, pd.DataFrame]]], data: pd.DataFrame
) -> Figure:
    panels = [_panel(measure, design, rows) for design, rows in found.items()]
    sign = "below" if measure.falling else "from"
    levels = ", ".join(f"{sign} {number(bound)}" for bound in measure.bounds)
    return Figure(
        measure.ident,
        measure.title,
        f"{measure.what}, switches above which something went weighted by it, first seed; per "
        f"column the mean of its sample intervals. A stronger shade is less even: {levels}. At the "
        "right the mean over time.",
        panels,
        data,
    )


def _panel(measure: _Measure, design: str, rows: list[tuple[str, pd.DataFrame]]) -> Panel:
    last_ps = max(float(frame["end_ps"].max()) for _, frame in rows)
    unit, factor = TIME.choose([last_ps])
    means = {title: _mean(frame, measure.column) for title, frame in rows}
    panel = Panel(
        design,
        Axis(0, last_ps / factor, label=f"time ({unit})"),
        Axis(0, 1, ticks=()),
        "; ".join(f"{title}: {number(value)} on average" for title, value in means.items()),
        left=label_room(title for title, _ in rows),
        right=44,
        top=_TOP,
        grid_x=False,
        grid_y=False,
        height=_TOP + 34 + _STEP * len(rows),
    )
    panel.text(panel.width - 4, _TOP - 8, "mean", "note", "end")
    for i, (title, frame) in enumerate(rows):
        top = panel.top + i * _STEP
        panel.text(panel.left - 6, top + 12, title, "tick", "end")
        for row in frame.to_dict("records"):
            value = float(row[measure.column])
            x0, x1 = (panel.px(at / factor) for at in (row["start_ps"], row["end_ps"]))
            level = measure.level(value)
            shade = f"h{level}" if level else "frame"
            start_ps, end_ps = float(row["start_ps"]), float(row["end_ps"])
            span = f"{spoken(start_ps, TIME)} to {spoken(end_ps, TIME)}"
            panel.body.append(
                f'<rect class="{shade}" x="{x0:.1f}" y="{top + 1:.1f}" '
                f'width="{max(0.6, x1 - x0 + 0.2):.1f}" height="{_STEP - 3}">'
                f"<title>{number(value)}, {span}</title></rect>"
            )
        panel.text(panel.width - 4, top + 12, number(means[title]), "tick", "end")
    return panel


def _mean(frame: pd.DataFrame, column: str) -> float:
    weight = frame["tx_bytes"].to_numpy(float)
    return float((frame[column].to_numpy(float) * weight).sum() / weight.sum())
