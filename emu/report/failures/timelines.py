# SPDX-License-Identifier: Apache-2.0
"""The time around a fault: what was delivered, lost, sent again and paused, design by design."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Floats
from emu.report.dataset import DesignRef
from emu.report.failures.measures import Outcome, Outcomes
from emu.report.failures.study import Arm, Study
from emu.report.figures.base import Figure
from emu.report.numerals import TIME, Scale, number, spoken
from emu.report.svg import Axis, Panel, spread
from emu.telemetry import Run

__all__ = ["timelines"]

_BINS_BEFORE, _BINS_AFTER = 16, 104
_AFTER_MIN_PS = 5e9
_AIR = 1.08
_MARK_GAP = 10.0
_MARKS = (("D", "detected_ps"), ("L", "repaired_ps"), ("C", "converged_ps"))


@dataclass(frozen=True)
class _Quantity:
    """One row of panels."""

    ident: str
    title: str
    column: str
    scale: Scale
    log: bool
    caption: str
    nothing: str


_QUANTITIES = (
    _Quantity(
        "delivered", "How much gets through?", "delivered_payload_bytes",
        Scale(("MB/s", 1e6), ("GB/s", 1e9)), False,
        "Payload that reached its receiver for the first time.", "",
    ),
    _Quantity(
        "lost", "When are packets lost?", "drops_packets",
        Scale(("packets/s", 1.0), ("thousand/s", 1e3), ("million/s", 1e6)), True,
        "Packets dropped anywhere, for any reason; the axis is logarithmic.",
        "No packet was lost.",
    ),
    _Quantity(
        "again", "When is it sent again?", "retransmitted_bytes",
        Scale(("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)), True,
        "Payload sent again; the axis is logarithmic.", "Nothing was sent again.",
    ),
    _Quantity(
        "paused", "Who is paused?", "paused_ps",
        Scale(("ports", 1e12),), False,
        "Ports that a pause stops, on average over the step.", "Nothing was paused.",
    ),
    _Quantity(
        "flooded", "What is flooded?", "flooded_bytes",
        Scale(("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)), True,
        "Copies sent because a destination was not known, or is everybody; the axis is "
        "logarithmic.", "Nothing was flooded.",
    ),
)  # fmt: skip


def timelines(study: Study, outcomes: Outcomes) -> list[Figure]:
    """A figure per quantity with a panel per design, all on one axis of time."""
    after = _window(study)
    edges = study.start_ps + after * np.arange(-_BINS_BEFORE, _BINS_AFTER + 1) / _BINS_AFTER
    edges = edges[edges >= 0]
    unit, factor = TIME.choose([after])
    frame = _Frame(study, outcomes, edges, unit, factor)
    return [frame.figure(quantity) for quantity in _QUANTITIES]


def _window(study: Study) -> float:
    """How much time after the fault is shown: until the last run has ended."""
    end = max(int(run.series["t_ps"].max()) for arm in study.arms for run in arm.runs)
    work = [
        int(run.transfers["end_ps"].max())
        for arm in study.arms
        for run in (arm.healthy or arm.runs)
        if len(run.transfers)
    ]
    # What stragglers do long after the last healthy transfer would squeeze all the rest.
    calm = 1.25 * (max(work, default=end) - study.start_ps)
    return max(_AFTER_MIN_PS, min(float(end - study.start_ps), calm))


@dataclass(frozen=True)
class _Frame:
    """What all panels of a page share."""

    study: Study
    outcomes: Outcomes
    edges: Floats
    unit: str
    factor: float

    @property
    def x(self) -> Floats:
        result: Floats = (self.edges - self.study.start_ps) / self.factor
        return result

    def figure(self, quantity: _Quantity) -> Figure:
        rates = {
            (arm.design.label, arm.routing): self._rate(arm.runs, quantity.column)
            for arm in self.study.arms
        }
        ghosts = {
            arm.design.label: self._rate(arm.healthy, quantity.column)
            for arm in self.study.arms
            if arm.healthy and quantity.ident == "delivered" and arm is self._first(arm.design)
        }
        top = max(float(values.max()) for values in (*rates.values(), *ghosts.values()))
        step = spoken(float(self.edges[1] - self.edges[0]), TIME)
        data = self._records(rates, ghosts)
        ident = f"{self.study.slug}-{quantity.ident}"
        if top == 0:
            return Figure(ident, quantity.title, "", [], data, quantity.nothing)
        panels = [
            self._panel(quantity, design, rates, ghosts, top) for design in self.study.designs
        ]
        caption = [quantity.caption, f"One step is {step}; mean over seeds."]
        routings = list(dict.fromkeys(arm.routing for arm in self.study.arms if arm.routing))
        if len(routings) > 1:
            dashed = " and ".join(routings[1:])
            caption.append(f"Solid: {routings[0]}; dashed: {dashed}.")
        if ghosts:
            caption.append(f"Thin grey: {routings[0] + ' ' if routings else ''}without the fault.")
        caption.append("F: the fault begins; D: detected; L: first repair; C: last; E: it ends.")
        return Figure(ident, quantity.title, " ".join(caption), panels, data)

    def _first(self, design: DesignRef) -> Arm:
        return self.study.of(design)[0]

    def _rate(self, runs: Sequence[Run], column: str) -> Floats:
        """Mean over seeds of a counter per second, in each step."""
        total = np.zeros(len(self.edges) - 1)
        for run in runs:
            t = np.concatenate([[0.0], run.series["t_ps"].to_numpy(float)])
            summed = np.concatenate([[0.0], np.cumsum(run.series[column].to_numpy(float))])
            total += np.diff(np.interp(self.edges, t, summed)) / np.diff(self.edges) * 1e12
        result: Floats = total / max(1, len(runs))
        return result

    def _panel(
        self,
        quantity: _Quantity,
        design: DesignRef,
        rates: dict[tuple[str, str], Floats],
        ghosts: dict[str, Floats],
        top: float,
    ) -> Panel:
        unit, scale = quantity.scale.choose([top])
        low = top / scale / 1e4 if quantity.log else 0.0
        arms = self.study.of(design)
        panel = Panel(
            design.label,
            Axis(float(self.x[0]), float(self.x[-1]), label=f"time after the fault ({self.unit})"),
            Axis(low, top / scale * _AIR, log=quantity.log, label=unit),
            height=184,
            top=38,
            grid_x=False,
            description=self._described(arms, rates, unit, scale),
        )
        if design.label in ghosts:
            panel.line(self.x[:-1], ghosts[design.label] / scale, "ghost", step=True)
        for i, arm in enumerate(arms):
            values = rates[arm.design.label, arm.routing] / scale
            if quantity.log:
                values = np.where(values > 0, np.maximum(values, low), math.nan)
                self._columns(panel, values, low, design, i)
            else:
                css = f"l{design.style} {'solid' if i == 0 else 'dashed'}"
                panel.line(self.x[:-1], values, css, step=True)
        self._marks(panel, self.outcomes.of(self.study, arms[0]))
        return panel

    def _columns(
        self, panel: Panel, values: Floats, low: float, design: DesignRef, index: int
    ) -> None:
        """Where something is lost there is a column; a second routing is an outline over it."""
        for i in np.flatnonzero(np.isfinite(values)).tolist():
            x0, x1 = float(self.x[i]), float(self.x[i + 1])
            if index == 0:
                panel.rect(x0, low, x1, float(values[i]), f"f{design.style} pale")
            else:
                panel.segment(x0, float(values[i]), x1, float(values[i]), "over")

    def _described(
        self, arms: Sequence[Arm], rates: dict[tuple[str, str], Floats], unit: str, scale: float
    ) -> str:
        return "; ".join(
            f"{arm.label}: at most {number(float(values.max()) / scale)} {unit}, "
            f"{number(float(values.mean()) / scale)} {unit} on average"
            for arm in arms
            for values in [rates[arm.design.label, arm.routing]]
        )

    def _marks(self, panel: Panel, outcome: Outcome) -> None:
        """Moments of the fault and of its repair, their letters apart above the plot."""
        found = [("F", 0.0, "the fault begins")]
        if self.study.end_ps is not None:
            ended = float(self.study.end_ps - self.study.start_ps)
            found.append(("E", ended, f"it ends after {spoken(ended, TIME)}"))
        for letter, field in _MARKS:
            value = getattr(outcome, field).value
            if math.isfinite(value):
                found.append((letter, value, f"{field.split('_')[0]} after {spoken(value, TIME)}"))
        high = float(self.x[-1])
        shown = sorted((m for m in found if m[1] / self.factor <= high), key=lambda m: m[1])
        if not shown:
            return
        places = spread(
            [panel.px(at / self.factor) for _, at, _ in shown],
            _MARK_GAP, panel.left, panel.width - panel.right,
        )  # fmt: skip
        for (letter, at, words), place in zip(shown, places, strict=True):
            x = at / self.factor
            css = "mark" if letter == "F" else "moment"
            panel.segment(x, panel.y.low, x, panel.y.high, css, words)
            panel.text(place, panel.top - 5, letter, "note strong", "middle")

    def _records(
        self, rates: dict[tuple[str, str], Floats], ghosts: dict[str, Floats]
    ) -> pd.DataFrame:
        after_ms = (self.edges[1:] - self.study.start_ps) / 1e9
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "fault": self.study.title,
                        "design": design,
                        "routing": routing or "–",
                        "t_after_fault_ms": after_ms,
                        "per_s": values,
                        "per_s_without_fault": ghosts.get(design, math.nan),
                    }
                )
                for (design, routing), values in rates.items()
            ],
            ignore_index=True,
        )
