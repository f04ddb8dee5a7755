# SPDX-License-Identifier: Apache-2.0
"""The answer in sentences, each computed from the results it names.

A sentence claims a difference only where intervals part; otherwise it says that this
experiment cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.slowdown import paired_ratio
from emu.report.dataset import Case
from emu.report.numerals import TIME, number, spoken
from emu.report.results import CellResult, Results, best_group

__all__ = ["Answer", "Paragraph", "write"]


@dataclass(frozen=True)
class Paragraph:
    """A claim and the figure that shows it."""

    heading: str
    sentences: tuple[str, ...]
    figure: str

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Answer:
    """What the experiment says, shortest first."""

    headline: str
    paragraphs: tuple[Paragraph, ...] = field(default_factory=tuple)


def write(results: Results) -> Answer:
    """Answer the question of the experiment."""
    paragraphs = [_losses(results), _tails(results)]
    standing = _l3_standing(results)
    if standing is not None:
        paragraphs.append(standing)
    faults = _faults(results)
    if faults is not None:
        paragraphs.append(faults)
    return Answer(_headline(results), tuple(paragraphs))


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _with_interval(value: Interval) -> str:
    if math.isinf(value.value):
        return "∞ (it never ended)"
    return f"{number(value.value)} ({number(value.low)}–{number(value.high)})"


def _at(case: Case, results: Results) -> str:
    if len(results.data.cases) == 1:
        return ""
    return f" in the case “{case.title}”" if case.has_faults else f" at {case.title}"


def _headline(results: Results) -> str:
    parts = []
    lossless = [
        d.label for d in results.data.designs
        if all(r.loss.lossless for r in results.everything if r.design == d)
    ]
    names = [d.label for d in results.data.designs]
    if len(lossless) == len(names):
        parts.append("No design lost a packet.")
    elif lossless:
        parts.append(f"Only {listed(lossless)} lost no packet in any case.")
    else:
        clean = [c for c in results.data.cases if all(r.loss.lossless for r in results.row(c))]
        faulty = [c for c in results.data.cases if c.has_faults]
        if clean and len(clean) + len(faulty) == len(results.data.cases):
            parts.append("Without a fault no design lost a packet; with one, every design did.")
        else:
            parts.append("Every design lost packets in some case.")
    parts.append(_tail_headline(results))
    return " ".join(parts)


def _tail_headline(results: Results) -> str:
    leaders = [(case, _leaders(results.row(case))) for case in results.data.cases]
    compared = [(case, lead) for case, lead in leaders if len(results.row(case)) > 1]
    if not compared:
        return ""
    # Grouping cases by their leaders lets one sentence cover several of them.
    told: dict[tuple[str, ...], list[Case]] = {}
    for case, lead in compared:
        told.setdefault(tuple(lead), []).append(case)
    sentences = []
    for lead, cases in told.items():
        where = listed([c.title for c in cases])
        where = "in every case" if len(cases) == len(compared) and len(cases) > 1 else f"at {where}"
        if len(compared) == 1:
            where = ""
        if not lead:
            sentences.append(f"no design's 99th-percentile slowdown can be told from all others "
                             f"{where}".rstrip())
        elif len(lead) == 1:
            sentences.append(f"{lead[0]} has the shortest tail {where}".rstrip())
        else:
            sentences.append(f"{listed(lead)} share the shortest tail {where}".rstrip())
    text = "; ".join(sentences) + "."
    return text[0].upper() + text[1:]


def _leaders(rows: list[CellResult]) -> list[str]:
    group = best_group([r.slowdown.p99 for r in rows], lower_is_better=True)
    return [r.design.label for i, r in enumerate(rows) if i in group]


def _losses(results: Results) -> Paragraph:
    sentences = []
    for case in results.data.cases:
        rows = results.row(case)
        losing = [r for r in rows if not r.loss.lossless]
        where = _at(case, results)
        if not losing:
            sentences.append(f"No packet was lost{where}.")
            continue
        safe = [r.design.label for r in rows if r.loss.lossless]
        said = listed([
            f"{r.design.label} ({number(r.loss.lost_packets.value)}"
            + (f", mostly {next(iter(r.reasons)).replace('_', ' ')}" if r.reasons else "") + ")"
            for r in sorted(losing, key=lambda r: r.loss.lost_packets.value)
        ])
        kept = f"; {listed(safe)} lost nothing" if safe else ""
        sentences.append(f"Packets lost per run{where}: {said}{kept}.")
    stuck = [(r, r.slowdown.unfinished) for r in results.everything if r.slowdown.unfinished]
    for result, count in stuck:
        sentences.append(
            f"{result.design.label} left {count} of {result.slowdown.n} transfers unfinished"
            f"{_at(result.cell.case, results)}."
        )
    return Paragraph("Lossless?", tuple(sentences), "losses")


def _tails(results: Results) -> Paragraph:
    sentences = []
    for case in results.data.cases:
        rows = results.row(case)
        known = [r for r in rows if r.slowdown.p99.known]
        if not known:
            continue
        best = min(known, key=lambda r: r.slowdown.p99.value)
        p99 = best.slowdown.p99
        where = _at(case, results)
        if len(known) == 1:
            sentences.append(f"The 99th-percentile slowdown of {best.design.label}{where} is "
                             f"{_with_interval(p99)}.")
            continue
        rivals = [r.design.label for r in known
                  if r is not best and not p99.below(r.slowdown.p99)]
        start = (f"The smallest 99th-percentile slowdown{where} is {_with_interval(p99)}, "
                 f"with {best.design.label}")
        if not rivals:
            sentences.append(f"{start}; its interval parts from all others.")
        elif len(rivals) == len(known) - 1:
            sentences.append(f"{start}, but the intervals of all designs overlap with it: this "
                             "experiment cannot tell them apart.")
        else:
            verb = "overlaps" if len(rivals) == 1 else "overlap"
            noun = "interval" if len(rivals) == 1 else "intervals"
            sentences.append(f"{start}; the {noun} of {listed(rivals)} {verb} with it, those of "
                             "the others part from it.")
    return Paragraph("Whose tail is short?", tuple(sentences), "ccdf")


def _l3_standing(results: Results) -> Paragraph | None:
    """Where plain L3 does not win, in so many words."""
    sentences = []
    for case in results.data.cases:
        base = results.of(case, "l3")
        others = [r for r in results.row(case) if base is not None and r is not base]
        if base is None or not others:
            continue
        better, worse, level = [], [], []
        for other in others:
            ratio = paired_ratio(other.samples, base.samples, 0.99)
            if ratio is None or not (math.isfinite(ratio.low) and math.isfinite(ratio.high)):
                gap = other.slowdown.p99
                target = (better if gap.below(base.slowdown.p99) else
                          worse if base.slowdown.p99.below(gap) else level)
                target.append(other.design.label)
            elif ratio.high < 1:
                better.append(f"{other.design.label} ({_times(ratio)})")
            elif ratio.low > 1:
                worse.append(f"{other.design.label} ({_times(ratio)})")
            else:
                level.append(other.design.label)
        where = _at(case, results).strip() or "here"
        start = f"{where[0].upper()}{where[1:]}"
        if better:
            sentences.append(f"{start} L3 does not win: the 99th percentile is smaller with "
                             f"{listed(better)}.")
        if level:
            cannot = f"cannot be told from {listed(level)}"
            sentences.append(f"{'There it' if better else f'{start} L3'} {cannot}.")
        if worse:
            lead = "It is" if (better or level) else f"{start} L3's tail is"
            sentences.append(f"{lead} shorter than with {listed(worse)}.")
    if not sentences:
        return None
    sentences.append("Ratios to L3 compare the same transfers of the same seeds, which is "
                     "sharper than comparing two intervals.")
    return Paragraph("Where does L3 stand?", tuple(sentences), "ratio")


def _times(ratio: Interval) -> str:
    return f"{number(ratio.value)} times L3's, {number(ratio.low)}–{number(ratio.high)}"


def _faults(results: Results) -> Paragraph | None:
    sentences = []
    for case in results.data.cases:
        rows = [r for r in results.row(case) if r.faults]
        if not rows:
            continue
        fault = rows[0].faults[0][0]
        spans = listed([f"{r.design.label} {_span(r.faults[0][2])}" for r in
                        sorted(rows, key=lambda r: _sortable(r.faults[0][2].value))])
        back = listed([f"{r.design.label} {_span(r.faults[0][1])}" for r in
                       sorted(rows, key=lambda r: _sortable(r.faults[0][1].value))])
        sentences.append(f"After the fault ({fault.detail}, {spoken(fault.t_ps, TIME)} into the "
                         f"run) packets were lost for: {spans}. What the fault had held back "
                         f"was delivered after: {back}.")
    return Paragraph("What did the fault cost?", tuple(sentences), "fault") if sentences else None


def _span(value: Interval) -> str:
    if math.isnan(value.value):
        return "unknown"
    if math.isinf(value.value):
        return "not before the run ended"
    return spoken(value.value, TIME)


def _sortable(value: float) -> float:
    return math.inf if math.isnan(value) else value
