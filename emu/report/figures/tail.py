# SPDX-License-Identifier: Apache-2.0
"""Percentiles with their intervals, one row per design."""

from __future__ import annotations

import math

import pandas as pd

from emu.report.analysis.bootstrap import Interval
from emu.report.figures.base import (
    Figure,
    log_bounds,
    marker_of,
    row_panel,
    shown_cases,
)
from emu.report.numerals import number
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, Panel, marker_path, text_px

__all__ = ["draw"]

_STEP = 34
_NAME_GAP_PX = 38
_SHIFTS = ((-9.0, "hollow"), (0.0, ""), (9.0, "hollow"))


def draw(results: Results) -> Figure:
    """Median, 99th and 99.9th percentile slowdown."""
    cases = shown_cases(results)
    tail = results.data.tail_name
    parts = ("P50", tail, "P99.9" if tail == "P99" else "P99")
    chosen = [r for c in cases for r in results.row(c)]
    low, high = log_bounds(
        (x for r in chosen for v in _values(r) for x in (v.value, v.high)), low=0.95
    )
    panels, records = [], []
    for case in cases:
        rows = results.row(case)
        panel = row_panel(
            case.title,
            Axis(low, high, log=True, label="slowdown (×, log scale)"),
            [(r.design.label, r.design.style) for r in rows],
            _STEP,
            "; ".join(
                f"{r.design.label}: median {number(r.slowdown.p50.value)}, {parts[1]} "
                f"{number(r.slowdown.tail.value)} ({number(r.slowdown.tail.low)} to "
                f"{number(r.slowdown.tail.high)})"
                for r in rows
            ),
        )
        for i, result in enumerate(rows):
            for part, (shift, css), value in zip(parts, _SHIFTS, _values(result), strict=True):
                if value.known:
                    _mark(panel, i, shift, value, result.design.style, css, part)
                records.append(
                    {
                        "case": case.title,
                        "design": result.design.label,
                        "percentile": part,
                        "slowdown": value.value,
                        "low": value.low,
                        "high": value.high,
                        "transfers": result.slowdown.n,
                    }
                )
        _name_parts(panel, rows[0], parts)
        panels.append(panel)
    return Figure(
        "tail",
        "Which design keeps the tail short?",
        f"Marks are the median (top), {parts[1]} (filled) and {parts[2]} (bottom) of the "
        "slowdown; bars are 95 % intervals over seeds and blocks of time; one that runs into the "
        "right edge is open: too few transfers to bound it. Bars that do not overlap differ.",
        panels,
        pd.DataFrame(records),
    )


def _values(result: CellResult) -> tuple[Interval, Interval, Interval]:
    found = result.slowdown
    last = found.p999 if found.tail == found.p99 else found.p99
    return found.p50, found.tail, last


def _name_parts(panel: Panel, result: CellResult, parts: tuple[str, str, str]) -> None:
    """Name the marks above the first row; names that would overlap share a place."""
    places: list[tuple[float, str]] = []
    for part, value in zip(parts, _values(result), strict=True):
        if not value.known:
            continue
        x = panel.px(value.value)
        if places and x - places[-1][0] < _NAME_GAP_PX:
            places[-1] = ((places[-1][0] + x) / 2, f"{places[-1][1]}, {part}")
        else:
            places.append((x, part))
    for x, text in places:
        panel.text(min(x, panel.width - text_px(text) / 2), panel.top - 2, text, "note", "middle")


def _mark(
    panel: Panel, row: int, shift: float, value: Interval, style: int, css: str, part: str
) -> None:
    y = panel.top + (row + 0.5) * _STEP + shift
    x0, x1, x = panel.px(value.low), panel.px(value.high), panel.px(value.value)
    panel.body.append(
        f'<path class="ci l{style}" d="M{x0:.1f} {y:.1f}H{x1:.1f}" style="stroke-dasharray:none"/>'
    )
    size = 4.2 if css == "" else 2.8
    shape = marker_path(marker_of(style), x, y, size)
    tip = f"{part} {number(value.value)} ({number(value.low)}–{number(value.high)})"
    panel.body.append(f'<path class="m{style} {css}" d="{shape}"><title>{tip}</title></path>')
    if math.isinf(value.value):
        panel.text(x + 4, y + 3.5, "∞", "note")
