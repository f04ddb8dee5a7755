# SPDX-License-Identifier: Apache-2.0
"""Goodput and drops around each fault, one panel per design."""

from __future__ import annotations

import math
from collections.abc import Sequence

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

_BINS = 110
_BEFORE = 0.25
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


def _figure(results: Results, case: Case, rows: list[CellResult], index: int, ident: str) -> Figure:
    fault = rows[0].faults[index][0]
    end_ps = max(int(r.cell.runs[0].series["t_ps"].max()) for r in rows)
    after = _window(rows, index, fault, end_ps)
    edges = np.linspace(fault.t_ps - _BEFORE * after, fault.t_ps + after, _BINS + 1)
    edges = edges[edges >= 0]
    unit, factor = TIME.choose([after])
    lines, records = {}, []
    for result in rows:
        twin = results.data.twin(result.cell)
        mine = _rate(result.cell.runs, edges, "delivered_payload_bytes")
        drops = _rate(result.cell.runs, edges, "drops_packets") * np.diff(edges) / 1e3
        ghost = _rate(twin.runs, edges, "delivered_payload_bytes") if twin else None
        lines[result.design.label] = (mine, drops, ghost)
        records.append(
            pd.DataFrame(
                {
                    "case": case.title,
                    "design": result.design.label,
                    "t_after_fault_ms": (edges[1:] - fault.t_ps) / 1e9,
                    "goodput_gbytes_per_s": mine,
                    "dropped_packets": drops,
                    "goodput_without_fault_gbytes_per_s": ghost if ghost is not None else math.nan,
                }
            )
        )
    top = max(
        float(np.nanmax(np.concatenate([m, g if g is not None else m])))
        for m, _, g in lines.values()
    )
    worst = max(float(d.max()) for _, d, _ in lines.values())
    lost_text = (
        f"Red columns: packets lost per {spoken(float(edges[1] - edges[0]), TIME)} (tallest "
        f"{number(worst)}). "
        if worst > 0
        else "No packet was lost in its wake. "
    )
    panels = [
        _panel(result, index, fault, edges, lines[result.design.label], top, worst, unit, factor)
        for result in rows
    ]
    twin_text = (
        "The thin grey line is the same design, seed and load without the fault. "
        if any(g is not None for _, _, g in lines.values())
        else ""
    )
    return Figure(
        ident,
        f"What does the fault cost, and for how long? ({case.title}"
        + (f", fault {index + 1})" if index else ")"),
        f"{fault.detail} at 0. Lines: goodput, mean over seeds. {twin_text}{lost_text}Shaded: "
        "until 95 % of what the fault held back was delivered.",
        panels,
        pd.concat(records, ignore_index=True),
    )


def _window(rows: list[CellResult], index: int, fault: Fault, end_ps: int) -> float:
    spans = [v.value for r in rows for v in r.faults[index][1:] if math.isfinite(v.value)]
    wanted = max([1.25 * max(spans, default=0.0), 5e9])
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


def _panel(
    result: CellResult,
    index: int,
    fault: Fault,
    edges: Floats,
    lines: tuple[Floats, Floats, Floats | None],
    top: float,
    worst: float,
    unit: str,
    factor: float,
) -> Panel:
    mine, drops, ghost = lines
    x = (edges - fault.t_ps) / factor
    lost, back = result.faults[index][2], result.faults[index][1]
    panel = Panel(
        result.design.label,
        Axis(float(x[0]), float(x[-1]), label=f"time after the fault ({unit})"),
        Axis(0, top * 1.12, label="goodput (GB/s)"),
        height=190,
        grid_x=False,
        description=f"Packets lost for {_said(lost.value)}; caught up after {_said(back.value)}.",
    )
    if back.value > 0:
        until = float(x[-1]) if math.isinf(back.value) else back.value / factor
        panel.rect(0, 0, min(until, float(x[-1])), top * 1.12, "shade")
    if ghost is not None:
        panel.line(x[1:], ghost, "ghost")
    style = result.design.style
    panel.line(x[1:], mine, f"l{style} thin", step=False)
    if worst > 0:
        height = 0.28 * top
        for i in np.flatnonzero(drops > 0):
            panel.rect(
                float(x[i]),
                0,
                float(x[i + 1]),
                max(0.02 * top, height * float(drops[i]) / worst),
                "drop",
                f"{number(float(drops[i]))} packets lost",
            )
    panel.segment(0, 0, 0, top * 1.12, "mark", "fault")
    panel.text(
        panel.width - panel.right,
        13,
        f"{_lossy(lost.value)}, {_caught(back.value)}",
        "note",
        "end",
    )
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
