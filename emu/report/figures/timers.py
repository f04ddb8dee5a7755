# SPDX-License-Identifier: Apache-2.0
"""What conclusions become when an assumed timer takes another published value."""

from __future__ import annotations

import math

import pandas as pd

from emu.report.analysis.sensitivity import Sensitivity, sensitivities, spoken_time
from emu.report.analysis.wording import standing
from emu.report.dataset import Case, DesignRef, seconds
from emu.report.figures.base import Figure, log_bounds, marker_of
from emu.report.numerals import TIME, number, spoken
from emu.report.results import Results
from emu.report.svg import Axis, Panel

__all__ = ["draw"]


def draw(results: Results) -> list[Figure]:
    """One figure per timer that the experiment varied."""
    found: dict[str, list[Sensitivity]] = {}
    for entry in sensitivities(results):
        found.setdefault(entry.timer, []).append(entry)
    return [_figure(results, timer, entries) for timer, entries in found.items()]


def _figure(results: Results, timer: str, entries: list[Sensitivity]) -> Figure:
    data = results.data
    frame = pd.concat([_frame(entry) for entry in entries], ignore_index=True)
    panels = []
    for entry in entries:
        part = frame[frame["case"] == entry.case.title]
        for column, label in (
            ("tail_slowdown", f"slowdown, {data.tail_name} (×)"),
            ("caught_up_ms", "caught up after (ms)"),
            ("loses_packets_for_ms", "loses packets for (ms)"),
        ):
            if (part[column].map(math.isfinite) & (part[column] > 0)).any():
                panels.append(_panel(entry.case, timer, part, column, label, data.designs))
    return Figure(
        f"timer-{timer.replace('_', '-')}",
        f"Does the answer rest on {timer}?",
        "Everything else equal; each mark is one variant, mean over seeds. A design that the "
        "timer does not move is a level line. Marks at the upper edge: never, within the run; "
        "at the lower edge: 0. The timer's source and range are listed below.",
        panels,
        frame.drop(columns="style"),
        " ".join(_finding(entry) for entry in entries),
    )


def _frame(entry: Sensitivity) -> pd.DataFrame:
    records = []
    for value, rows in entry.timed.rows.items():
        for result in rows:
            catch = result.faults[0][1].value if result.faults else math.nan
            lost = result.faults[0][2].value if result.faults else math.nan
            records.append(
                {
                    "case": entry.case.title,
                    "timer": entry.timer,
                    "value": value,
                    "seconds": seconds(value),
                    "design": result.design.label,
                    "style": result.design.style,
                    "tail_slowdown": result.slowdown.tail.value,
                    "low": result.slowdown.tail.low,
                    "high": result.slowdown.tail.high,
                    "caught_up_ms": catch / 1e9,
                    "loses_packets_for_ms": lost / 1e9,
                    "lost_packets": result.loss.lost_packets.value,
                }
            )
    return pd.DataFrame(records)


def _panel(
    case: Case,
    timer: str,
    part: pd.DataFrame,
    column: str,
    label: str,
    designs: tuple[DesignRef, ...],
) -> Panel:
    low, high = log_bounds(part["seconds"])
    if (part["seconds"] == 0).any():
        # A place for 0 on the logarithmic axis: a decade below the smallest value.
        low /= 10
    y_low, y_high = log_bounds(part[column])
    ticks = sorted(set(part["seconds"]))
    panel = Panel(
        f"{case.title}: {label.split(' (')[0]}",
        Axis(
            low,
            high,
            log=True,
            label=timer,
            ticks=[max(t, low) for t in ticks],
            format=lambda v: "0" if v <= low and 0 in ticks else spoken(v * 1e12, TIME),
        ),
        Axis(y_low, y_high, log=True, label=label),
        right=100,
        description=f"{label} of each design over values of {timer}.",
    )
    for design in designs:
        line = part[(part["design"] == design.label) & part[column].notna()]
        line = line.sort_values("seconds")
        if line.empty:
            continue
        xs = [max(x, low) for x in line["seconds"]]
        ys = [min(y, y_high) for y in line[column]]
        panel.line(xs, [y if math.isfinite(y) else y_high for y in ys], f"l{design.style}")
        for x, y, told in zip(xs, ys, line[column], strict=True):
            panel.marker(x, y, marker_of(design.style), f"m{design.style}", 3.4, number(told))
        panel.end_label(xs[-1], ys[-1], design.label, f"t{design.style}")
    return panel


def _finding(entry: Sensitivity) -> str:
    designs = list(entry.designs)
    said = {standing(leaders, designs) for leaders in entry.leaders.values()}
    if not entry.flips:
        text = f"{entry.case.title}: {entry.among}at every value {said.pop()}"
        text += "; the answer does not flip."
    else:
        told = "; ".join(
            f"at {spoken_time(value)} {standing(leaders, designs)}"
            for value, leaders in entry.leaders.items()
        )
        text = f"{entry.case.title}: the answer flips: {entry.among}{told}."
    lossy = entry.losses()
    return f"{text} Packets are lost by {', '.join(lossy)}." if lossy else text
