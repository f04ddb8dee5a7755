# SPDX-License-Identifier: Apache-2.0
"""Slowdown by size of the transfer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emu.report.analysis.slowdown import by_size
from emu.report.figures.base import Figure, log_bounds, marker_of, shown_cases
from emu.report.numerals import BYTES, spoken
from emu.report.results import Results
from emu.report.svg import Axis, Panel

__all__ = ["draw"]

_CLASSES = 6


def draw(results: Results) -> Figure:
    """95th percentile per size class."""
    cases = shown_cases(results)
    sizes = np.concatenate(
        [r.samples["kv_bytes"].to_numpy(float) for c in cases for r in results.row(c)]
    )
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, _CLASSES + 1)))
    if len(edges) < 3:  # all transfers have one size
        return Figure(
            "size", "Do small transfers suffer more than large ones?", "", [], pd.DataFrame()
        )
    tables = {
        (c.slug, r.design.label): by_size(r.samples, edges) for c in cases for r in results.row(c)
    }
    y_low, y_high = log_bounds((v for t in tables.values() for v in t["p95"]), low=0.95)
    x_low, x_high = log_bounds(v for t in tables.values() for v in t["size_bytes"])
    panels, records = [], []
    for case in cases:
        panel = Panel(
            case.title,
            Axis(
                x_low,
                x_high,
                log=True,
                label="KV bytes of the transfer",
                format=lambda v: spoken(v, BYTES),
            ),
            Axis(y_low, y_high, log=True, label="slowdown, P95 (×)"),
            right=100,
            description=f"95th percentile of slowdown in {_CLASSES} classes of size, {case.title}.",
        )
        for result in results.row(case):
            frame, style = tables[(case.slug, result.design.label)], result.design.style
            panel.line(frame["size_bytes"], frame["p95"], f"l{style} thin")
            for x, y in zip(frame["size_bytes"], frame["p95"], strict=True):
                if np.isfinite(y):
                    panel.marker(x, y, marker_of(style), f"m{style}", 3.0)
            known = frame[np.isfinite(frame["p95"])]
            if len(known):
                panel.end_label(
                    float(known["size_bytes"].iloc[-1]),
                    float(known["p95"].iloc[-1]),
                    result.design.label,
                    f"t{style}",
                )
            records.append(frame.assign(case=case.title, design=result.design.label))
        panels.append(panel)
    return Figure(
        "size",
        "Do small transfers suffer more than large ones?",
        f"Transfers in {len(edges) - 1} classes with equally many each; the mark stands at the "
        "class's median size. The median slowdown of each class is in the CSV.",
        panels,
        pd.concat(records, ignore_index=True),
    )
