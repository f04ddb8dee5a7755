# SPDX-License-Identifier: Apache-2.0
"""What conclusions become when an assumed timer takes another published value."""

from __future__ import annotations

import math

import pandas as pd

from emu.report.analysis.answer import standing
from emu.report.dataset import Case, DesignRef
from emu.report.figures.base import Figure, log_bounds, marker_of
from emu.report.numerals import TIME, spoken
from emu.report.results import CellResult, Results, evaluate, tail_leaders
from emu.report.svg import Axis, Panel

__all__ = ["draw"]


def draw(results: Results) -> list[Figure]:
    """One figure per timer that the experiment varied."""
    return [
        _figure(results, timer, values)
        for timer, values in results.data.timer_values.items()
        if len(values) > 1
    ]


def _figure(results: Results, timer: str, values: tuple[str, ...]) -> Figure:
    data = results.data
    records, panels, flips = [], [], []
    for case in data.cases:
        cells = [(v, c) for t, v, c in data.timer_cells if t == timer and c.case == case]
        if not cells:
            continue
        found = [(value, evaluate(data, cell)) for value, cell in cells]
        for value, result in found:
            catch = result.faults[0][1].value if result.faults else math.nan
            lost = result.faults[0][2].value if result.faults else math.nan
            records.append(
                {
                    "case": case.title,
                    "timer": timer,
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
        flips.append(_flips(case, values, found))
    frame = pd.DataFrame(records)
    for case in data.cases:
        part = frame[frame["case"] == case.title]
        if part.empty:
            continue
        for column, label in (
            ("tail_slowdown", f"slowdown, {data.tail_name} (×)"),
            ("caught_up_ms", "caught up after (ms)"),
            ("loses_packets_for_ms", "loses packets for (ms)"),
        ):
            if part[column].map(math.isfinite).any() and (part[column] > 0).any():
                panels.append(_panel(case, timer, part, column, label, data.designs))
    return Figure(
        f"timer-{timer.replace('_', '-')}",
        f"Does the answer rest on {timer}?",
        "Everything else equal; each mark is one variant, mean over seeds. The timer's source "
        "and range are listed below.",
        panels,
        frame.drop(columns="style"),
        " ".join(f for f in flips if f),
    )


def _panel(
    case: Case,
    timer: str,
    part: pd.DataFrame,
    column: str,
    label: str,
    designs: tuple[DesignRef, ...],
) -> Panel:
    low, high = log_bounds(part["seconds"])
    y_low, y_high = log_bounds(part[column])
    panel = Panel(
        f"{case.title}: {label.split(' (')[0]}",
        Axis(
            low,
            high,
            log=True,
            label=timer,
            ticks=sorted(set(part["seconds"])),
            format=lambda v: spoken(v * 1e12, TIME),
        ),
        Axis(y_low, y_high, log=True, label=label),
        right=100,
        description=f"{label} of each design over values of {timer}.",
    )
    for design in designs:
        line = part[part["design"] == design.label].sort_values("seconds")
        line = line[line[column].map(lambda v: math.isfinite(v) and v > 0)]
        if line.empty:
            continue
        panel.line(line["seconds"], line[column], f"l{design.style}")
        for x, y in zip(line["seconds"], line[column], strict=True):
            panel.marker(x, y, marker_of(design.style), f"m{design.style}", 3.4)
        panel.end_label(
            float(line["seconds"].iloc[-1]),
            float(line[column].iloc[-1]),
            design.label,
            f"t{design.style}",
        )
    return panel


def _flips(case: Case, values: tuple[str, ...], found: list[tuple[str, CellResult]]) -> str:
    leaders = []
    for value in values:
        rows = [r for v, r in found if v == value]
        leaders.append((value, standing(tail_leaders(rows), [r.design.label for r in rows])))
    if len({name for _, name in leaders}) == 1:
        return f"{case.title}: at every value {leaders[0][1]}; the answer does not flip."
    told = "; ".join(f"at {value} {name}" for value, name in leaders)
    return f"{case.title}: the answer flips: {told}."


def seconds(text: str) -> float:
    """A time as the experiment writes it, in seconds."""
    scale = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
    for unit in sorted(scale, key=len, reverse=True):
        if text.endswith(unit):
            try:
                return float(text[: -len(unit)]) * scale[unit]
            except ValueError:
                return math.nan
    return math.nan
