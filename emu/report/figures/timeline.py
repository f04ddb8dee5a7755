# SPDX-License-Identifier: Apache-2.0
"""A capture over time: throughput, round trips, congestion signals, repairs, pauses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emu.report.figures.base import Figure, label_room
from emu.report.numerals import TIME, Scale, number, spoken
from emu.report.svg import Axis, Panel

__all__ = ["Pause", "Timeline", "timeline_figures"]

Series = np.ndarray[Any, np.dtype[np.float64]]
BINS_SHOWN = 256
_RATE = Scale(("b/s", 1.0), ("kb/s", 1e3), ("Mb/s", 1e6), ("Gb/s", 1e9), ("Tb/s", 1e12))
_ROW = 22
ROWS_SHOWN = 24


@dataclass(frozen=True)
class Pause:
    """One pause; times since the first packet."""

    row: str
    by: str
    start_ps: int
    end_ps: int


@dataclass(frozen=True)
class Timeline:
    """Counts in bins of equal width; bin 0 begins with the first packet."""

    width_ps: int
    counts: dict[str, Series]

    @classmethod
    def of(cls, native: dict[str, Any], first_ps: int) -> Timeline:
        """From the inspection, merged until a panel can show the bins."""
        counts = {
            name: np.asarray(values, dtype=np.float64)
            for name, values in native.items()
            if name not in ("start_ps", "width_ps")
        }
        width_ps = int(native["width_ps"])
        while len(counts["packets"]) > BINS_SHOWN:
            counts = {name: _halved(values) for name, values in counts.items()}
            width_ps *= 2
        return cls(width_ps, counts)

    @property
    def bins(self) -> int:
        return len(self.counts["packets"])

    @property
    def span_ps(self) -> int:
        return self.bins * self.width_ps

    def per_s(self, name: str) -> Series:
        return self.counts[name] * (1e12 / self.width_ps)

    def share(self, name: str, of: str) -> Series:
        """Quotient of two counts; NaN where there is nothing to divide by."""
        below = self.counts[of]
        out = np.full(self.bins, math.nan)
        np.divide(self.counts[name], below, out=out, where=below > 0)
        return out


def _halved(values: Series) -> Series:
    if len(values) % 2:
        values = np.append(values, 0.0)
    return np.asarray(values.reshape(-1, 2).sum(axis=1), dtype=np.float64)


def timeline_figures(timeline: Timeline, pauses: Sequence[Pause]) -> list[Figure]:
    """All figures of the page, on one time axis."""
    unit, factor = TIME.choose([timeline.span_ps])
    starts = np.arange(timeline.bins) * (timeline.width_ps / factor)

    def axis() -> Axis:
        return Axis(0, timeline.span_ps / factor, label=f"time since the first packet, {unit}")

    frame = pd.DataFrame({"start_ps": np.arange(timeline.bins) * timeline.width_ps})
    figures = [
        _throughput(timeline, starts, axis, frame),
        _rtt(timeline, starts, axis, frame),
        _congestion(timeline, starts, axis, frame),
        _repairs(timeline, starts, axis, frame),
    ]
    if pauses:
        figures.append(_pauses(pauses, axis, factor))
    return figures


def _each(timeline: Timeline) -> str:
    return f"One step is {spoken(timeline.width_ps, TIME)}."


def _throughput(timeline: Timeline, starts: Any, axis: Any, frame: pd.DataFrame) -> Figure:
    wire, good = timeline.per_s("bytes") * 8, timeline.per_s("goodput_bytes") * 8
    unit, factor = _RATE.choose([float(wire.max(initial=0))])
    top = float(wire.max(initial=0)) / factor
    panel = Panel(
        "Throughput",
        axis(),
        Axis(0, top * 1.05, label=unit),
        f"On the wire up to {number(top)} {unit}, goodput up to "
        f"{number(float(good.max(initial=0)) / factor)} {unit}.",
        right=86,
    )
    for values, css, name in ((wire, "l6 thin", "on the wire"), (good, "l0", "goodput")):
        panel.line(starts, values / factor, css, step=True)
        if len(values):
            panel.end_label(starts[-1], values[-1] / factor, name, "t6" if "l6" in css else "t0")
    mean = float(timeline.counts["goodput_bytes"].sum()) * 8e12 / max(1, timeline.span_ps)
    return Figure(
        "throughput",
        "How much moved, and when?",
        f"Frames as they are on the wire, and payload that came for the first time. "
        f"{_each(timeline)}",
        [panel],
        frame.assign(wire_bps=wire, goodput_bps=good),
        f"{spoken(mean, _RATE)} of payload on average.",
    )


def _rtt(timeline: Timeline, starts: Any, axis: Any, frame: pd.DataFrame) -> Figure:
    rtt = timeline.share("rtt_sum_ps", "rtt_count")
    data = frame.assign(rtt_mean_ps=rtt, samples=timeline.counts["rtt_count"])
    known = rtt[np.isfinite(rtt)]
    caption = f"From a packet that asks for an acknowledgement to that. {_each(timeline)}"
    title = "How long did an answer take?"
    if not len(known):
        said = "No request and its acknowledgement are both in this capture."
        return Figure("rtt", title, caption, [], data, said)
    unit, factor = TIME.choose([float(known.max())])
    panel = Panel(
        "Round trip, mean",
        axis(),
        Axis(0, float(known.max()) / factor * 1.05, label=unit),
        f"From {spoken(float(known.min()), TIME)} to {spoken(float(known.max()), TIME)}.",
    )
    panel.line(starts, rtt / factor, "l1 ci")
    # A value without neighbours is no line.
    alone = np.isfinite(rtt)
    alone[1:] &= ~np.isfinite(rtt[:-1])
    alone[:-1] &= ~np.isfinite(rtt[1:])
    for x, y in zip(starts[alone], rtt[alone] / factor, strict=True):
        panel.marker(float(x), float(y), "circle", "m1", 1.8)
    return Figure(
        "rtt",
        title,
        caption,
        [panel],
        data,
        f"{spoken(float(known.min()), TIME)} at best, {spoken(float(known.max()), TIME)} in the "
        "worst step.",
    )


def _congestion(timeline: Timeline, starts: Any, axis: Any, frame: pd.DataFrame) -> Figure:
    marked = timeline.share("marked_packets", "data_packets") * 100
    cnps = timeline.per_s("cnps")
    total = int(timeline.counts["cnps"].sum())
    known = marked[np.isfinite(marked)]
    top = float(known.max()) if len(known) else 0.0
    ecn = Panel(
        "Marked data packets",
        axis(),
        Axis(0, max(top * 1.05, 1.0), label="%"),
        f"Up to {number(top)} %.",
    )
    ecn.line(starts, marked, "l2 ci", step=True)
    unit, factor = Scale(("per s", 1.0), ("thousand per s", 1e3), ("million per s", 1e6)).choose(
        [float(cnps.max(initial=0))]
    )
    notices = Panel(
        "CNPs",
        axis(),
        Axis(0, max(float(cnps.max(initial=0)) / factor * 1.05, 1e-9), label=unit),
        f"{total:,} CNPs.",
    )
    notices.area(starts, list(cnps / factor), "f4")
    shown = timeline.counts["marked_packets"].sum() + total > 0
    return Figure(
        "congestion",
        "When was congestion told?",
        "Share of data packets that arrived marked (ECN CE), and the notices (CNP) that ask a "
        f"sender to slow down. {_each(timeline)}",
        [ecn, notices] if shown else [],
        frame.assign(marked_percent=marked, cnps=timeline.counts["cnps"]),
        f"{total:,} CNPs." if shown else "Nothing was marked and no CNP was sent.",
    )


def _repairs(timeline: Timeline, starts: Any, axis: Any, frame: pd.DataFrame) -> Figure:
    again, naks = timeline.counts["retransmitted_packets"], timeline.counts["naks"]
    data = frame.assign(retransmitted_packets=again, naks=naks)
    panels = []
    for title, values, css in (("Sent again", again, "f3"), ("NAKs", naks, "f7")):
        if values.sum() == 0:
            continue
        panel = Panel(
            title,
            axis(),
            Axis(0, float(values.max()) * 1.05, label="packets"),
            f"{int(values.sum()):,} packets.",
        )
        panel.area(starts, list(values), css)
        panels.append(panel)
    return Figure(
        "repairs",
        "When was something lost and sent again?",
        f"Packets whose PSN had been seen before, and negative acknowledgements. {_each(timeline)}",
        panels,
        data,
        f"{int(again.sum()):,} packets were sent again after {int(naks.sum()):,} NAKs."
        if panels
        else "Nothing was sent again.",
    )


def _pauses(pauses: Sequence[Pause], axis: Any, factor: float) -> Figure:
    totals: dict[str, int] = {}
    for pause in pauses:
        totals[pause.row] = totals.get(pause.row, 0) + pause.end_ps - pause.start_ps
    rows = sorted(totals, key=lambda row: (-totals[row], row))[:ROWS_SHOWN]
    panel = Panel(
        "Paused",
        axis(),
        Axis(0, len(rows), ticks=()),
        "; ".join(f"{row}: {spoken(totals[row], TIME)} in all" for row in rows[:6]),
        left=label_room(rows),
        height=24 + 34 + _ROW * len(rows),
        grid_y=False,
    )
    for i, row in enumerate(rows):
        middle = panel.top + (i + 0.5) * _ROW
        panel.text(panel.left - 7, middle + 3.5, row, "dlabel", "end")
        for pause in pauses:
            if pause.row == row:
                at = len(rows) - i
                panel.rect(
                    pause.start_ps / factor,
                    at - 0.8,
                    pause.end_ps / factor,
                    at - 0.2,
                    "paused",
                    f"{spoken(pause.end_ps - pause.start_ps, TIME)} from "
                    f"{spoken(pause.start_ps, TIME)}, asked for by {pause.by}",
                )
    longest = max(pause.end_ps - pause.start_ps for pause in pauses)
    more = len(totals) - len(rows)
    return Figure(
        "pauses",
        "Who was stopped?",
        "From an XOFF to its XON, or as long as the quanta last at the link's speed. A row is the "
        "capture point and the priority." + (f" {more} more rows are in the data." if more else ""),
        [panel],
        pd.DataFrame(
            [(p.row, p.by, p.start_ps, p.end_ps) for p in pauses],
            columns=["port_priority", "asked_for_by", "start_ps", "end_ps"],
        ),
        f"{len(pauses):,} pause{'' if len(pauses) == 1 else 's'}, the longest "
        f"{spoken(longest, TIME)}.",
    )
