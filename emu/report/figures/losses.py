# SPDX-License-Identifier: Apache-2.0
"""Packets lost, by reason."""

from __future__ import annotations

import pandas as pd

from emu.report.figures.base import Figure, row_panel, shown_cases
from emu.report.numerals import number
from emu.report.results import Results
from emu.report.svg import Axis, Panel

__all__ = ["draw"]

_STEP = 30
_TEXT_PX = 6.2


def draw(results: Results) -> Figure:
    """One bar per design, its reasons beside it."""
    cases = shown_cases(results)
    top = max((r.loss.lost_packets.value for c in cases for r in results.row(c)), default=0.0)
    panels, records = [], []
    for case in cases:
        rows = results.row(case)
        if all(r.loss.lossless for r in rows):
            for result in rows:
                records.append(_record(case.title, result.design.label, "none", 0.0))
            continue
        panel = row_panel(
            case.title,
            Axis(0, top or 1.0, label="packets lost per run"),
            [(r.design.label, r.design.style) for r in rows],
            _STEP,
            "; ".join(f"{r.design.label}: {number(r.loss.lost_packets.value)}" for r in rows),
            top=24,
        )
        for i, result in enumerate(rows):
            _bar(panel, i, result.loss.lost_packets.value, result.reasons, result.design.style)
            for reason, packets in (result.reasons or {"none": 0.0}).items():
                records.append(_record(case.title, result.design.label, reason, packets))
        panels.append(panel)
    clean = [c.title for c in cases if all(r.loss.lossless for r in results.row(c))]
    finding = f"Nothing was lost at {', '.join(clean)}." if clean else ""
    return Figure(
        "losses",
        "Which design loses packets, and why?",
        "Mean over seeds, data and control packets; the text names the reasons, most frequent "
        "first.",
        panels,
        pd.DataFrame(records),
        finding,
    )


def _record(case: str, design: str, reason: str, packets: float) -> dict[str, object]:
    return {"case": case, "design": design, "reason": reason, "packets_per_run": packets}


def _bar(panel: Panel, row: int, packets: float, reasons: dict[str, float], style: int) -> None:
    y = panel.top + (row + 0.5) * _STEP
    x0, x1 = panel.px(0), panel.px(packets)
    panel.body.append(
        f'<rect class="bar f{style}" x="{x0:.1f}" y="{y - 11:.1f}" '
        f'width="{max(0.0, x1 - x0):.1f}" height="11"/>'
    )
    shown = list(reasons.items())[:2]
    words = ", ".join(
        k.replace("_", " ") + (f" {number(v)}" if len(reasons) > 1 else "") for k, v in shown
    )
    text = f"{number(packets)}" + (f": {words}" if words else "")
    room = panel.width - panel.right - panel.left
    if len(text) * _TEXT_PX > room:
        text = text[: int(room / _TEXT_PX) - 1] + "…"
    panel.text(x0 + 2, y + 11, text, "note")
