# SPDX-License-Identifier: Apache-2.0
"""Complementary distribution of slowdown on two logarithmic axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emu.report.analysis.slowdown import ccdf
from emu.report.figures.base import Figure, log_bounds, shown_cases
from emu.report.numerals import number
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, Panel, text_px, wrap

__all__ = ["draw"]


def draw(results: Results) -> Figure:
    """Share of transfers slower than x."""
    cases = shown_cases(results)
    curves = {
        (case.slug, r.design.label): ccdf(r.samples["slowdown"].to_numpy(np.float64))
        for case in cases
        for r in results.row(case)
    }
    low, high = log_bounds((v for f in curves.values() for v in f["slowdown"]), low=0.98)
    floor = min((float(f["share_slower"].min()) for f in curves.values() if len(f)), default=0.01)
    panels, records = [], []
    for case in cases:
        panel = Panel(
            case.title,
            Axis(low, high, log=True, label="slowdown (×)"),
            Axis(floor / 1.2, 1.0, log=True, label="share of transfers slower", format=_share),
            height=250,
            description=f"Share of transfers slower than x, {case.title}. "
            + "; ".join(
                f"{r.design.label}: 1 % are slower than {number(r.slowdown.p99.value)}"
                for r in results.row(case)
            ),
        )
        for result in results.row(case):
            frame = curves[(case.slug, result.design.label)]
            if frame.empty:
                continue
            style = result.design.style
            panel.line(frame["slowdown"], frame["share_slower"], f"l{style}", step=False)
            records.append(frame.assign(case=case.title, design=result.design.label))
        _names(panel, results.row(case))
        panels.append(panel)
    data = pd.concat(records, ignore_index=True) if records else pd.DataFrame()
    stuck = sum(r.slowdown.unfinished for c in cases for r in results.row(c))
    return Figure(
        "ccdf",
        "How long is the tail?",
        "Read across at 0.01: one transfer in a hundred is slower than that. Straight lines are "
        "power laws; a line further left is better."
        + (" Transfers that never ended hold their line up at its end." if stuck else ""),
        panels,
        data[["case", "design", "slowdown", "share_slower"]] if records else data,
    )


def _names(panel: Panel, rows: list[CellResult]) -> None:
    """Name the lines in the corner that a CCDF leaves empty, longest tail on top.

    At their ends all lines meet at one transfer, so names there would say nothing.
    """
    ordered = sorted(rows, key=lambda r: -r.slowdown.p99.value)
    edge = panel.width - panel.right
    widest = max((text_px(wrap(r.design.label, 20)[0], bold=True) for r in rows), default=0.0)
    panel.body.append(
        f'<rect class="veil" x="{edge - 72 - widest:.1f}" y="{panel.top - 2}" '
        f'width="{74 + widest:.1f}" height="{16 + 14 * len(rows)}"/>'
    )
    panel.text(edge, panel.top + 8, "P99", "note", "end")
    for i, result in enumerate(ordered):
        y = panel.top + 22 + 14 * i
        style, name = result.design.style, wrap(result.design.label, 20)[0]
        panel.text(edge, y, number(result.slowdown.p99.value), f"dlabel t{style}", "end")
        right = edge - 38
        panel.text(right, y, name, f"dlabel t{style}", "end")
        left = right - text_px(name, bold=True) - 4
        sample = f"M{left - 22:.1f} {y - 3.5:.1f}H{left:.1f}"
        panel.body.append(f'<path class="line l{style}" d="{sample}"/>')


def _share(value: float) -> str:
    return f"{value:g}"
