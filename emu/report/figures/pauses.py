# SPDX-License-Identifier: Apache-2.0
"""How far pauses spread: paused ports per direction."""

from __future__ import annotations

import pandas as pd

from emu.report.analysis.losslessness import pause_spread
from emu.report.figures.base import Figure, label_room, name_row, shown_cases
from emu.report.numerals import TIME, number, spoken
from emu.report.results import Results
from emu.report.svg import Axis, Panel

__all__ = ["draw"]

_STEP = 26


def draw(results: Results) -> Figure:
    """A grid of designs × directions."""
    cases = shown_cases(results)
    tables = {
        (c.slug, r.design.label): pause_spread(r.cell.runs) for c in cases for r in results.row(c)
    }
    every = pd.concat(tables.values())
    used = set(every.loc[every["paused_ports"] > 0, "group"])
    kept = used | {"leaf → host", "host → leaf"}
    panels, records = [], []
    for case in cases:
        rows = results.row(case)
        for result in rows:
            frame = tables[(case.slug, result.design.label)]
            records.append(frame.assign(case=case.title, design=result.design.label))
        if all(float(tables[(case.slug, r.design.label)]["paused_ports"].sum()) == 0 for r in rows):
            continue
        panel = Panel(
            case.title,
            Axis(0, 1, ticks=()),
            Axis(0, 1, ticks=()),
            left=label_room(r.design.label for r in rows),
            right=8,
            top=56,
            bottom=10,
            grid_x=False,
            grid_y=False,
            height=56 + 12 + _STEP * len(rows),
            description="; ".join(
                f"{r.design.label}: {number(r.loss.paused_ports.value)} ports paused, "
                f"{spoken(r.loss.pause_ps.value, TIME)} in all"
                for r in rows
            ),
        )
        shown = [
            (r.design.label, r.design.style, tables[(case.slug, r.design.label)]) for r in rows
        ]
        _grid(panel, [(n, style, t[t["group"].isin(kept)]) for n, style, t in shown])
        panels.append(panel)
    quiet = [c.title for c in cases if c.title not in {p.title for p in panels}]
    finding = f"No port was paused at {', '.join(quiet)}." if quiet else ""
    return Figure(
        "pauses",
        "How far do pauses spread?",
        "Ports that were paused at least once, by direction, mean over seeds. Left is next to "
        "the receivers, right the senders' own NICs: the further right, the wider a pause "
        "spread. The darker, the larger the share of such ports.",
        panels,
        pd.concat(records, ignore_index=True),
        finding,
    )


def _grid(panel: Panel, rows: list[tuple[str, int, pd.DataFrame]]) -> None:
    heads = rows[0][2]
    room = panel.width - panel.left - panel.right
    width = room / max(1, len(heads))
    for j, (group, ports) in enumerate(zip(heads["group"], heads["ports"], strict=True)):
        near, _, far = group.partition(" → ")
        cx = panel.left + (j + 0.5) * width
        panel.text(cx, panel.top - 28, near, "tick", "middle")
        panel.text(cx, panel.top - 17, f"→ {far}", "tick", "middle")
        panel.text(cx, panel.top - 5, f"of {ports}", "tick", "middle")
    for i, (name, style, frame) in enumerate(rows):
        y = panel.top + i * _STEP
        name_row(panel, y + _STEP / 2, name, style)
        columns = (frame["paused_ports"], frame["ports"], frame["pause_ps"])
        for j, (paused, ports, time) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            share = paused / max(1, ports)
            level = 0 if share == 0 else min(5, 1 + int(share * 5))
            tip = f"{number(paused)} of {ports} ports, {spoken(time, TIME)}"
            panel.body.append(
                f'<rect class="cell {"frame" if level == 0 else f"h{level}"}" '
                f'x="{panel.left + j * width:.1f}" y="{y}" width="{width:.1f}" '
                f'height="{_STEP}"><title>{tip}</title></rect>'
            )
            text = number(paused)
            panel.text(
                panel.left + (j + 0.5) * width,
                y + _STEP / 2 + 3.5,
                text,
                f"tick on{level}",
                "middle",
            )
