# SPDX-License-Identifier: Apache-2.0
"""Goodput and drops around each fault, one panel per design."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Floats
from emu.report.analysis.recovery import Fault
from emu.report.dataset import Case
from emu.report.figures.base import Figure
from emu.report.numerals import TIME, number, spoken
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, Panel
from emu.telemetry import Run

__all__ = ["draw"]

_BINS_BEFORE, _BINS_AFTER = 22, 88
_FLOOD_VISIBLE = 0.01
_FAULTS_MAX = 2


def draw(results: Results) -> list[Figure]:
    """One figure per case with faults and fault (the first few)."""
    figures = []
    for case in results.data.cases:
        rows = [r for r in results.row(case) if r.faults]
        if not rows:
            continue
        for i in range(min(_FAULTS_MAX, len(rows[0].faults))):
            figures.append(_figure(results, case, rows, i, f"fault-{case.slug}-{i + 1}"))
    return figures


@dataclass(frozen=True)
class _Lines:
    """What one design's panel shows, per bin."""

    goodput: Floats
    drops: Floats
    flooded: Floats
    without_fault: Floats | None


@dataclass(frozen=True)
class _Frame:
    """What all panels of a figure share."""

    index: int
    x: Floats
    unit: str
    factor: float
    top: float
    worst: float


def _figure(results: Results, case: Case, rows: list[CellResult], index: int, ident: str) -> Figure:
    fault = rows[0].faults[index][0]
    after = _window(rows, index, fault)
    # The fault falls on an edge, so that no bin mixes before and after.
    edges = fault.t_ps + after * np.arange(-_BINS_BEFORE, _BINS_AFTER + 1) / _BINS_AFTER
    edges = edges[edges >= 0]
    lines = {r.design.label: _lines(results, r, edges) for r in rows}
    unit, factor = TIME.choose([after])
    frame = _Frame(
        index,
        (edges - fault.t_ps) / factor,
        unit,
        factor,
        max(float(v.max()) for n in lines.values() for v in _gbytes(n)) * 1.12 or 1.0,
        max(float(n.drops.max()) for n in lines.values()),
    )
    step = spoken(float(edges[1] - edges[0]), TIME)
    caption = [f"{fault.detail} at 0.", "Lines: goodput, mean over seeds."]
    if any(n.without_fault is not None for n in lines.values()):
        caption.append("Thin grey: the same design, seed and load without the fault.")
    if any(_floods(n, frame) for n in lines.values()):
        caption.append("Dotted red: flooded copies.")
    caption.append(
        f"Red columns: packets lost per {step} (tallest {number(frame.worst)})."
        if frame.worst > 0
        else "No packet was lost in its wake."
    )
    caption.append("Shaded: until 95 % of what the fault held back was delivered.")
    return Figure(
        ident,
        f"What does the fault cost, and for how long? ({case.title}"
        + (f", fault {index + 1})" if index else ")"),
        " ".join(caption),
        [_panel(r, frame, lines[r.design.label]) for r in rows],
        pd.concat(
            [_records(case, name, edges - fault.t_ps, n) for name, n in lines.items()],
            ignore_index=True,
        ),
    )


def _lines(results: Results, result: CellResult, edges: Floats) -> _Lines:
    twin = results.data.twin(result.cell)
    runs = result.cell.runs
    return _Lines(
        _rate(runs, edges, "delivered_payload_bytes"),
        _rate(runs, edges, "drops_packets") * np.diff(edges) / 1e3,
        _rate(runs, edges, "flooded_bytes"),
        _rate(twin.runs, edges, "delivered_payload_bytes") if twin else None,
    )


def _floods(lines: _Lines, frame: _Frame) -> bool:
    return float(lines.flooded.max()) > _FLOOD_VISIBLE * frame.top


def _gbytes(lines: _Lines) -> list[Floats]:
    other = [] if lines.without_fault is None else [lines.without_fault]
    return [lines.goodput, lines.flooded, *other]


def _records(case: Case, design: str, after_ps: Floats, lines: _Lines) -> pd.DataFrame:
    ghost = lines.without_fault
    return pd.DataFrame(
        {
            "case": case.title,
            "design": design,
            "t_after_fault_ms": after_ps[1:] / 1e9,
            "goodput_gbytes_per_s": lines.goodput,
            "dropped_packets": lines.drops,
            "flooded_gbytes_per_s": lines.flooded,
            "goodput_without_fault_gbytes_per_s": math.nan if ghost is None else ghost,
        }
    )


def _window(rows: list[CellResult], index: int, fault: Fault) -> float:
    """How much time after the fault is shown: until all have caught up or it has ended."""
    end_ps = max(int(r.cell.runs[0].series["t_ps"].max()) for r in rows)
    spans = [v.value for r in rows for v in r.faults[index][1:] if math.isfinite(v.value)]
    lasted = 0 if fault.end_ps is None else fault.end_ps - fault.t_ps
    wanted = max([1.25 * max(spans, default=0.0), 1.25 * lasted, 5e9])
    return max(1e8, min(wanted, float(end_ps - fault.t_ps)))


def _rate(runs: Sequence[Run], edges: Floats, column: str) -> Floats:
    """Mean over seeds of a counter per bin, in units of 1e9 per second (GB/s for bytes)."""
    total = np.zeros(len(edges) - 1)
    for run in runs:
        t = np.concatenate([[0.0], run.series["t_ps"].to_numpy(float)])
        summed = np.concatenate([[0.0], np.cumsum(run.series[column].to_numpy(float))])
        total += np.diff(np.interp(edges, t, summed)) / np.diff(edges) * 1e3
    result: Floats = total / len(runs)
    return result


def _panel(result: CellResult, frame: _Frame, lines: _Lines) -> Panel:
    x, top = frame.x, frame.top
    lost, back = result.faults[frame.index][2], result.faults[frame.index][1]
    panel = Panel(
        result.design.label,
        Axis(float(x[0]), float(x[-1]), label=f"time after the fault ({frame.unit})"),
        Axis(0, top, label="goodput (GB/s)"),
        height=190,
        grid_x=False,
        description=f"{_lossy(lost.value)}; {_caught(back.value)}.",
    )
    if back.value > 0:
        until = float(x[-1]) if math.isinf(back.value) else back.value / frame.factor
        panel.rect(0, 0, min(until, float(x[-1])), top, "shade")
    if lines.without_fault is not None:
        panel.line(x[1:], lines.without_fault, "ghost")
    panel.line(x[1:], lines.goodput, f"l{result.design.style} thin")
    if _floods(lines, frame):
        panel.line(x[1:], lines.flooded, "flood")
    for i in np.flatnonzero(lines.drops > 0):
        height = max(0.02, 0.28 * float(lines.drops[i]) / frame.worst) * top
        tip = f"{number(float(lines.drops[i]))} packets lost"
        panel.rect(float(x[i]), 0, float(x[i + 1]), height, "drop", tip)
    panel.segment(0, 0, 0, top, "mark", "fault")
    said = f"{_lossy(lost.value)}, {_caught(back.value)}"
    panel.text(panel.width - panel.right, 13, said, "note", "end")
    return panel


def _lossy(value: float) -> str:
    return "no loss" if value == 0 else f"lossy {_said(value)}"


def _caught(value: float) -> str:
    if value == 0:
        return "no visible dip"
    return "not caught up" if math.isinf(value) else f"caught up {_said(value)}"


def _said(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "never" if math.isinf(value) else spoken(value, TIME)
