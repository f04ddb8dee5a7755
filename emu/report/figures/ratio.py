# SPDX-License-Identifier: Apache-2.0
"""Tail of each design as a multiple of L3's, on the same transfers."""

from __future__ import annotations

import math

import pandas as pd

from emu.report.analysis.slowdown import paired_ratio
from emu.report.figures.base import (
    Figure,
    log_bounds,
    marker_of,
    row_panel,
    shown_cases,
)
from emu.report.numerals import number
from emu.report.results import Results
from emu.report.svg import Axis, marker_path

__all__ = ["draw"]

_STEP = 26


def draw(results: Results) -> Figure:
    """99th percentile over L3's."""
    title, name = "Where does L3 not win?", results.data.tail_name
    cases = [c for c in shown_cases(results, 2) if results.of(c, "l3") is not None]
    found = {}
    for case in cases:
        base = results.of(case, "l3")
        assert base is not None
        for result in results.row(case):
            if result is not base:
                ratio = paired_ratio(result.samples, base.samples, results.data.tail_q)
                if ratio is not None and math.isfinite(ratio.value):
                    found[(case.slug, result.design.label)] = ratio
    if not found:
        return Figure("ratio", title, "", [], pd.DataFrame())
    ends = [v for r in found.values() for v in (r.low, r.value, r.high)]
    positive = [v for v in ends if v > 0 and math.isfinite(v)]
    low, high = log_bounds([*positive, 0.8, 1.25])
    panels, records = [], []
    for case in cases:
        rows = [r for r in results.row(case) if (case.slug, r.design.label) in found]
        panel = row_panel(
            case.title,
            Axis(low, high, log=True, label=f"{name} slowdown as a multiple of L3's"),
            [(r.design.label, r.design.style) for r in rows],
            _STEP,
            "; ".join(
                f"{r.design.label}: {number(found[(case.slug, r.design.label)].value)}"
                for r in rows
            ),
        )
        x1 = panel.px(1.0)
        panel.body.append(
            f'<path class="ref" d="M{x1:.1f} {panel.top - 4}V{panel.height - panel.bottom}"/>'
        )
        panel.text(x1 - 4, panel.top - 6, "← beats L3", "note", "end")
        panel.text(x1 + 4, panel.top - 6, "loses to L3 →", "note")
        for i, result in enumerate(rows):
            ratio, style = found[(case.slug, result.design.label)], result.design.style
            y = panel.top + (i + 0.5) * _STEP
            panel.body.append(
                f'<path class="ci l{style}" style="stroke-dasharray:none" '
                f'd="M{panel.px(ratio.low):.1f} {y:.1f}'
                f'H{panel.px(ratio.high):.1f}"/>'
            )
            shape = marker_path(marker_of(style), panel.px(ratio.value), y, 4.2)
            panel.body.append(
                f'<path class="m{style}" d="{shape}"><title>{number(ratio.value)} '
                f"({number(ratio.low)}–{number(ratio.high)})</title></path>"
            )
            records.append(
                {
                    "case": case.title,
                    "design": result.design.label,
                    "percentile": name,
                    "ratio": ratio.value,
                    "low": ratio.low,
                    "high": ratio.high,
                }
            )
        panels.append(panel)
    return Figure(
        "ratio",
        title,
        "Both designs carry the same transfers of the same seeds, and the bootstrap draws them "
        "together, so what the trace does to both cancels. A bar that crosses 1 means: cannot be "
        "told apart.",
        panels,
        pd.DataFrame(records),
    )
