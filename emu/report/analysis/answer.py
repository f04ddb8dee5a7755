# SPDX-License-Identifier: Apache-2.0
"""The answer in sentences, each computed from the results it names.

A sentence claims a difference only where intervals part; otherwise it says that this
experiment cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from emu.report.analysis import against_l3, floods, headline, signals
from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.sensitivity import Sensitivity, sensitivities, spoken_time
from emu.report.analysis.wording import capital, listed, places, prefix, small, standing
from emu.report.numerals import TIME, interval_text, number, spoken
from emu.report.results import SEEDS_MIN, CellResult, Results, seeds

__all__ = ["Answer", "Paragraph", "write"]

_LISTED_MAX = 3


@dataclass(frozen=True)
class Paragraph:
    """Claims on one question and the figure that shows them."""

    heading: str
    sentences: tuple[str, ...]
    figure: str

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Answer:
    """What the experiment says, shortest first."""

    sentences: tuple[str, ...]
    paragraphs: tuple[Paragraph, ...] = field(default_factory=tuple)

    @property
    def headline(self) -> str:
        return " ".join(self.sentences)


def write(results: Results) -> Answer:
    """Answer the question of the experiment."""
    found = (
        _losses(results),
        _tails(results),
        _against_l3(results),
        _faults(results),
        _floods(results),
        _signals(results),
        _assumed(results),
    )
    return Answer(tuple(headline.sentences(results)), tuple(p for p in found if p is not None))


def _with_interval(value: Interval) -> str:
    if math.isinf(value.value):
        return "∞ (they never ended)"
    return f"{number(value.value)} ({interval_text(value)})"


def _losses(results: Results) -> Paragraph:
    sentences = []
    calm = [c for c in results.data.cases if all(r.loss.lossless for r in results.row(c))]
    if calm:
        where = f" {places(calm)}" if len(results.data.cases) > 1 else ""
        sentences.append(f"No packet was lost{where}.")
    for case in results.data.cases:
        losing = sorted(
            (r for r in results.row(case) if not r.loss.lossless),
            key=lambda r: (r.loss.lost_packets.value, r.design.label),
        )
        if not losing:
            continue
        safe = [r.design.label for r in results.row(case) if r.loss.lossless]
        said = [f"{r.design.label} {number(r.loss.lost_packets.value)}" for r in losing]
        if len(said) > _LISTED_MAX:
            text = f"from {said[0]} to {said[-1]} packets lost per run"
        else:
            text = f"packets lost per run: {listed(said)}"
        if safe:
            text += f"; {listed(safe)} lost nothing"
        reasons: dict[str, float] = {}
        for result in losing:
            for reason, packets in result.reasons.items():
                reasons[reason] = reasons.get(reason, 0.0) + packets
        top = sorted(reasons, key=lambda r: -reasons[r])[:2]
        if top:
            text += (
                f". Main reason: {listed([t.replace('_', ' ') for t in top])}"
                if len(top) == 1
                else f". Main reasons: {listed([t.replace('_', ' ') for t in top])}"
            )
        sentences.append(capital(f"{prefix([case], results)}{text}."))
    for result in results.everything:
        if result.slowdown.unfinished:
            sentences.append(
                capital(f"{prefix([result.cell.case], results)}{result.design.label} left ")
                + f"{result.slowdown.unfinished} of {result.slowdown.n} transfers unfinished."
            )
    return Paragraph("Lossless?", tuple(sentences), "losses")


def _tails(results: Results) -> Paragraph | None:
    sentences = []
    for case in results.data.cases:
        known = [r for r in results.row(case) if r.slowdown.tail.known]
        if not known:
            continue
        best = min(known, key=lambda r: r.slowdown.tail.value)
        tail = best.slowdown.tail
        text = f"{prefix([case], results)}{best.design.label}, "
        text += f"{results.data.tail_name} {_with_interval(tail)}"
        others = [r for r in known if r is not best]
        rivals = [r.design.label for r in others if not tail.below(r.slowdown.tail)]
        parted = [r.design.label for r in others if tail.below(r.slowdown.tail)]
        if not others:
            pass
        elif seeds(known) < SEEDS_MIN:
            text += "; from one seed this experiment cannot tell"
        elif not rivals:
            text += "; its interval parts from all others"
        elif not parted:
            text += "; all intervals overlap, so this experiment cannot tell"
        elif len(parted) <= len(rivals):
            text += f"; its interval parts from {listed(parted)} only"
        else:
            text += f"; its interval parts from all but {listed(rivals)}"
        sentences.append(capital(f"{text}."))
    left_out = {r.left_out for r in results.everything if r.left_out}
    if left_out and sentences:
        most = max(results.everything, key=lambda r: r.left_out)
        sentences.append(
            f"Left out are transfers of the host that the fault strikes ({most.left_out} of "
            f"{most.left_out + most.slowdown.n} per design): no design could help them."
        )
    return Paragraph("Whose tail is shortest?", tuple(sentences), "tail") if sentences else None


def _against_l3(results: Results) -> Paragraph | None:
    sentences = against_l3.sentences(results)
    return Paragraph("Where does L3 stand?", tuple(sentences), "ratio") if sentences else None


def _faults(results: Results) -> Paragraph | None:
    sentences = []
    for case in results.data.cases:
        rows = [r for r in results.row(case) if r.faults]
        if not rows:
            continue
        fault = rows[0].faults[0][0]
        sentences.append(
            f"Fault: {fault.detail}, {spoken(fault.t_ps, TIME)} into the run"
            + (f" ({small(case.title)})." if len(results.data.cases) > 1 else ".")
        )
        lossy = [r for r in rows if r.faults[0][2].value > 0]
        unhurt = [r.design.label for r in rows if r.faults[0][2].value == 0]
        if lossy:
            sentences.append(f"Packets were lost for {_range(lossy, 2)}.")
        if unhurt:
            sentences.append(f"No packet was lost in its wake with {listed(unhurt)}.")
        dips = [r for r in rows if r.faults[0][1].value > 0]
        still = [r.design.label for r in rows if r.faults[0][1].value == 0]
        ended = [r.design.label for r in dips if math.isinf(r.faults[0][1].value)]
        timed = [r for r in dips if math.isfinite(r.faults[0][1].value)]
        if timed:
            sentences.append(f"What it held back was delivered after {_range(timed, 1)}.")
        if ended:
            sentences.append(f"{listed(ended)} had not caught up in every run when it ended.")
        if still:
            sentences.append(f"No dip in goodput can be told from noise with {listed(still)}.")
    return Paragraph("What did the fault cost?", tuple(sentences), "fault") if sentences else None


def _floods(results: Results) -> Paragraph | None:
    sentences = floods.sentences(results)
    return Paragraph("What was flooded?", tuple(sentences), "fault") if sentences else None


def _signals(results: Results) -> Paragraph | None:
    sentences = signals.sentences(results)
    heading = "What told the senders to slow down?"
    return Paragraph(heading, tuple(sentences), "pauses") if sentences else None


def _range(rows: Sequence[CellResult], part: int) -> str:
    def value(result: CellResult) -> float:
        interval = result.faults[0][part]
        assert isinstance(interval, Interval)
        return interval.value

    known = sorted((r for r in rows if not math.isnan(value(r))), key=value)
    said = [f"{spoken(value(r), TIME)} ({r.design.label})" for r in known]
    if not said:
        return "an unknown time"
    return listed(said) if len(said) <= _LISTED_MAX else f"between {said[0]} and {said[-1]}"


def _assumed(results: Results) -> Paragraph | None:
    if not any(c.has_faults for c in results.data.cases):
        return None
    found = sensitivities(results)
    sentences = [_sensitivity(entry, results) for entry in found]
    unvaried = results.data.unvaried_timers
    if unvaried:
        sentences.append(
            f"Not varied, though {'it moves' if len(unvaried) == 1 else 'they move'} these runs: "
            f"{listed(unvaried)}."
        )
    else:
        other = "other " if found else ""
        sentences.append(f"No {other}assumed time changes what is forwarded in these runs.")
    return Paragraph("Does it rest on assumed times?", tuple(sentences), "timer-")


def _sensitivity(entry: Sensitivity, results: Results) -> str:
    where = prefix([entry.case], results)
    designs = list(entry.designs)
    if not entry.flips:
        (leaders,) = set(entry.leaders.values())
        said = f"{entry.among}{standing(leaders, designs)}"
        return capital(f"{where}{said} at every {entry.timer} {entry.span}.")
    told = "; ".join(
        f"at {spoken_time(value)} {standing(leaders, designs)}"
        for value, leaders in entry.leaders.items()
    )
    return capital(f"{where}the answer flips with {entry.timer}: {entry.among}{told}.")
