# SPDX-License-Identifier: Apache-2.0
"""How evenly the uplinks carry the load."""

from __future__ import annotations

import pandas as pd

from emu.report.analysis.utilisation import uplinks
from emu.report.figures.base import Figure, marker_of, row_panel, shown_cases
from emu.report.numerals import number
from emu.report.results import Results
from emu.report.svg import Axis, marker_path

__all__ = ["draw"]

_STEP = 30
_DOTS_MAX = 512


def draw(results: Results) -> Figure:
    """One dot per uplink of the first seed."""
    cases = shown_cases(results)
    frames = {
        (c.slug, r.design.label): uplinks(r.cell.runs[0]) for c in cases for r in results.row(c)
    }
    top = max((float(f["up"].max()) for f in frames.values() if len(f)), default=0.0)
    if top <= 0:
        return Figure(
            "uplinks", "How evenly do the uplinks carry the load?", "", [], pd.DataFrame()
        )
    panels, records = [], []
    for case in cases:
        rows = results.row(case)
        panel = row_panel(
            case.title,
            Axis(0, 104 * top, label="mean utilisation of an uplink (%)"),
            [(r.design.label, r.design.style) for r in rows],
            _STEP,
            "; ".join(f"{r.design.label}: JFI {number(r.evenness.jfi.value)}" for r in rows),
            right=98,
        )
        panel.text(panel.width - 66, panel.top - 6, "JFI", "note", "end")
        panel.text(panel.width - 4, panel.top - 6, "max/mean", "note", "end")
        for i, result in enumerate(rows):
            frame = frames[(case.slug, result.design.label)].sort_values("link")
            style, y = result.design.style, panel.top + (i + 0.5) * _STEP
            for k, value in enumerate(frame["up"].iloc[:_DOTS_MAX]):
                # A fixed little zigzag keeps equal values apart without random jitter.
                shift = (k % 5 - 2) * 3.0
                shape = marker_path(marker_of(style), panel.px(100 * float(value)), y + shift, 2.0)
                panel.body.append(f'<path class="f{style}" opacity=".75" d="{shape}"/>')
            even = result.evenness
            panel.text(panel.width - 66, y + 3.5, number(even.jfi.value), "tick", "end")
            panel.text(panel.width - 4, y + 3.5, number(even.max_over_mean.value), "tick", "end")
            records.append(
                frame.assign(
                    case=case.title, design=result.design.label, seed=result.cell.runs[0].seed
                )
            )
        panels.append(panel)
    data = pd.concat(records, ignore_index=True)
    data = data.rename(columns={"up": "utilisation_up", "down": "utilisation_down"})
    return Figure(
        "uplinks",
        "How evenly do the uplinks carry the load?",
        "One mark per uplink of the first seed, blocked ones included, averaged from the first "
        "start to the last end. JFI and max/mean are taken per switch and weighted by traffic, "
        "mean over seeds.",
        panels,
        data,
    )
