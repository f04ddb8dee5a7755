# SPDX-License-Identifier: Apache-2.0
"""Complementary distribution of slowdown on two logarithmic axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emu.report.analysis.slowdown import ccdf
from emu.report.figures.base import Figure, log_bounds, shown_cases
from emu.report.numerals import number
from emu.report.results import Results
from emu.report.svg import Axis, Panel

__all__ = ["draw"]


def draw(results: Results) -> Figure:
    """Share of transfers slower than x."""
    cases = shown_cases(results)
    curves = {
        (case.slug, r.design.label): ccdf(r.samples["slowdown"].to_numpy(np.float64))
        for case in cases for r in results.row(case)
    }
    low, high = log_bounds((v for f in curves.values() for v in f["slowdown"]), low=0.98)
    floor = min((float(f["share_slower"].min()) for f in curves.values() if len(f)), default=0.01)
    panels, records = [], []
    for case in cases:
        panel = Panel(
            case.title, Axis(low, high, log=True, label="slowdown (×)"),
            Axis(floor / 1.2, 1.0, log=True, label="share of transfers slower",
                 format=_share), height=250, left=52, right=92,
            description=f"Share of transfers slower than x, {case.title}. " + "; ".join(
                f"{r.design.label}: 1 % are slower than {number(r.slowdown.p99.value)}"
                for r in results.row(case)),
        )
        for result in results.row(case):
            frame = curves[(case.slug, result.design.label)]
            if frame.empty:
                continue
            style = result.design.style
            panel.line(frame["slowdown"], frame["share_slower"], f"l{style}", step=False)
            panel.end_label(float(frame["slowdown"].iloc[-1]),
                            float(frame["share_slower"].iloc[-1]), result.design.label, f"t{style}")
            records.append(frame.assign(case=case.title, design=result.design.label))
        panels.append(panel)
    data = pd.concat(records, ignore_index=True) if records else pd.DataFrame()
    stuck = sum(r.slowdown.unfinished for c in cases for r in results.row(c))
    return Figure(
        "ccdf", "How long is the tail?",
        "Read across at 0.01: one transfer in a hundred is slower than that. Straight lines are "
        "power laws; a line further left is better."
        + (" Transfers that never ended hold their line up at its end." if stuck else ""),
        panels, data[["case", "design", "slowdown", "share_slower"]] if records else data,
    )


def _share(value: float) -> str:
    return f"{value:g}"
