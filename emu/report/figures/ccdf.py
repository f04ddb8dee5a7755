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

_SAMPLE_PX = 22
_VALUE_PX = 38


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
            right=_room(results.row(case)),
            description=f"Share of transfers slower than x, {case.title}. "
            + "; ".join(
                f"{r.design.label}: {results.data.tail_name} {number(r.slowdown.tail.value)}"
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
        _names(panel, results.row(case), results.data.tail_name)
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


def _room(rows: list[CellResult]) -> int:
    """Right margin that fits the names, their line samples and tail percentile."""
    widest = max((text_px(wrap(r.design.label, 18)[0], bold=True) for r in rows), default=0.0)
    return int(widest) + _SAMPLE_PX + _VALUE_PX + 12


def _names(panel: Panel, rows: list[CellResult], tail_name: str) -> None:
    """Name the lines at the right, longest tail on top, with its tail percentile.

    At their ends all lines meet at one transfer, so names there would say nothing.
    """
    ordered = sorted(rows, key=lambda r: -r.slowdown.tail.value)
    left, edge = panel.width - panel.right + 10, panel.width - 2
    panel.text(edge, panel.top + 8, tail_name, "note", "end")
    for i, result in enumerate(ordered):
        y = panel.top + 24 + 16 * i
        style, name = result.design.style, wrap(result.design.label, 18)[0]
        sample = f"M{left} {y - 3.5:.1f}h{_SAMPLE_PX - 4}"
        panel.body.append(f'<path class="line l{style}" d="{sample}"/>')
        panel.text(left + _SAMPLE_PX, y, name, f"dlabel t{style}")
        panel.text(edge, y, number(result.slowdown.tail.value), f"dlabel t{style}", "end")


def _share(value: float) -> str:
    return f"{value:g}"
