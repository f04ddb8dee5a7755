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
from emu.report.dataset import BASE_TITLE, Case
from emu.report.numerals import TIME, interval_text, number, spoken
from emu.report.results import (
    SEEDS_MIN,
    CellResult,
    Results,
    median_leaders,
    seeds,
    tail_leaders,
)

__all__ = ["Answer", "Paragraph", "listed", "standing", "write"]

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

    headline: str
    paragraphs: tuple[Paragraph, ...] = field(default_factory=tuple)


def write(results: Results) -> Answer:
    """Answer the question of the experiment."""
    found = (_losses(results), _tails(results), _against_l3(results), _faults(results))
    return Answer(_headline(results), tuple(p for p in found if p is not None))


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def standing(leaders: Sequence[str], designs: Sequence[str], what: str = "tail") -> str:
    """Whose tail (or median) is short, as a clause: names the smaller side of the gap."""
    others = [d for d in designs if d not in leaders]
    if not leaders:
        return f"no design's {what} parts from all the others'"
    if len(leaders) == 1:
        return f"{leaders[0]} has the shortest {what}"
    if len(others) < len(leaders):
        verb, noun = (
            ("has", f"a longer {what}") if len(others) == 1 else ("have", f"longer {what}s")
        )
        rest = "all other designs" if len(others) == 1 else "the other designs"
        return f"{listed(others)} {verb} {noun} than {rest}"
    return f"{listed(leaders)} share the shortest {what}"


def _at(cases: Sequence[Case]) -> str:
    """at load 40 % and load 70 %; in the case of link failure, load 70 %."""
    base = [c for c in cases if c.title == BASE_TITLE]
    plain = [_small(c.title) for c in cases if not c.has_faults and c not in base]
    faulty = [_small(c.title) for c in cases if c.has_faults and c not in base]
    parts = ["in the base case"] if base else []
    if plain:
        parts.append(f"at {listed(plain)}")
    if faulty:
        parts.append(f"in the case of {listed(faulty)}")
    return listed(parts)


def _prefix(cases: Sequence[Case], results: Results) -> str:
    """The cases that a sentence is about, if the experiment has others."""
    return f"{_at(cases)}: " if len(results.data.cases) > 1 else ""


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_interval(value: Interval) -> str:
    if math.isinf(value.value):
        return "∞ (they never ended)"
    return f"{number(value.value)} ({interval_text(value)})"


def _headline(results: Results) -> str:
    parts = [_loss_headline(results)]
    told: dict[tuple[str, ...], list[Case]] = {}
    for case in results.data.cases:
        if len(results.row(case)) > 1:
            told.setdefault(tail_leaders(results.row(case)), []).append(case)
    for leaders, cases in told.items():
        designs = [r.design.label for r in results.row(cases[0])]
        where = ""
        if len(results.data.cases) > 1:
            everywhere = len(cases) == len(results.data.cases)
            every = " in every case" if leaders else " in any case"
            where = every if everywhere else f" {_at(cases)}"
        parts.append(_capital(f"{standing(leaders, designs)}{where}."))
        if not leaders:
            parts += _medians(results, cases)
    parts += _l3_headlines(results)
    return " ".join(parts)


def _medians(results: Results, cases: Sequence[Case]) -> list[str]:
    """Where no tail can be told from the rest's, the medians may still differ."""
    told: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        rows = results.row(case)
        told.setdefault(median_leaders(rows), []).append(case)
    return [
        _capital(
            standing(leaders, [r.design.label for r in results.row(which[0])], "median slowdown")
            + (f" {_at(which)}." if len(results.data.cases) > 1 else ".")
        )
        for leaders, which in told.items()
        if leaders
    ]


def _loss_headline(results: Results) -> str:
    clean = [
        d.label
        for d in results.data.designs
        if all(r.loss.lossless for r in results.everything if r.design == d)
    ]
    if len(clean) == len(results.data.designs):
        return "No design lost a packet."
    calm = [c for c in results.data.cases if not c.has_faults]
    safe = bool(calm) and all(r.loss.lossless for c in calm for r in results.row(c))
    start = "Without a fault no design lost a packet; with one," if safe else ""
    if clean:
        text = (
            f"only {listed(clean)} lost none"
            if safe
            else f"Only {listed(clean)} lost no packet in any case"
        )
        return f"{start} {text}.".strip()
    return f"{start} every design did." if safe else "Every design lost packets in some case."


def _losses(results: Results) -> Paragraph:
    sentences = []
    calm = [c for c in results.data.cases if all(r.loss.lossless for r in results.row(c))]
    if calm:
        where = f" {_at(calm)}" if len(results.data.cases) > 1 else ""
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
        sentences.append(_capital(f"{_prefix([case], results)}{text}."))
    for result in results.everything:
        if result.slowdown.unfinished:
            sentences.append(
                _capital(f"{_prefix([result.cell.case], results)}{result.design.label} left ")
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
        text = f"{_prefix([case], results)}{best.design.label}, "
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
        sentences.append(_capital(f"{text}."))
    return Paragraph("Whose tail is shortest?", tuple(sentences), "tail") if sentences else None


@dataclass(frozen=True)
class _AgainstL3:
    """Designs of one case by how their tail compares with L3's, with the ratio if it is known."""

    better: tuple[tuple[str, str], ...] = ()
    worse: tuple[tuple[str, str], ...] = ()
    level: tuple[str, ...] = ()


def _compare_with_l3(results: Results, case: Case) -> _AgainstL3:
    """Compare on the same transfers where possible, else by intervals."""
    base = results.of(case, "l3")
    if base is None or seeds(results.row(case)) < SEEDS_MIN:
        return _AgainstL3()
    better: list[tuple[str, str]] = []
    worse: list[tuple[str, str]] = []
    level: list[str] = []
    for other in results.row(case):
        if other is base:
            continue
        label, text = other.design.label, ""
        ratio = paired_ratio(other.samples, base.samples, results.data.tail_q)
        if ratio is None or not (math.isfinite(ratio.low) and math.isfinite(ratio.high)):
            shorter = other.slowdown.tail.below(base.slowdown.tail)
            longer = base.slowdown.tail.below(other.slowdown.tail)
        else:
            shorter, longer, text = ratio.high < 1, ratio.low > 1, f" ({_times(ratio)})"
        if shorter:
            better.append((label, label + text))
        elif longer:
            worse.append((label, label + text))
        else:
            level.append(label)
    return _AgainstL3(tuple(better), tuple(worse), tuple(level))


def _l3_headlines(results: Results) -> list[str]:
    """Who beats L3 and whom L3 beats, each said once for all cases where it holds."""
    winners: dict[tuple[str, ...], list[Case]] = {}
    losers: dict[tuple[str, ...], list[Case]] = {}
    for case in results.data.cases:
        found = _compare_with_l3(results, case)
        if found.better:
            winners.setdefault(tuple(label for label, _ in found.better), []).append(case)
        # Where a group of tails already parts from the rest, the sentence before has said it.
        if found.worse and not tail_leaders(results.row(case)):
            losers.setdefault(tuple(label for label, _ in found.worse), []).append(case)
    sentences = []
    for names, cases in winners.items():
        verb = "beats" if len(names) == 1 else "beat"
        where = f" {_at(cases)}" if len(results.data.cases) > 1 else ""
        sentences.append(
            f"L3 does not win{where}: {listed(names)} {verb} it on the same transfers."
        )
    for names, cases in losers.items():
        verb = "has a longer tail" if len(names) == 1 else "have longer tails"
        every = len(cases) == len(results.data.cases)
        where = (
            ""
            if len(results.data.cases) == 1
            else " in every case"
            if every
            else (f" {_at(cases)}")
        )
        sentences.append(f"{listed(names)} {verb} than L3 on the same transfers{where}.")
    return sentences


def _against_l3(results: Results) -> Paragraph | None:
    """Where plain L3 does not win, in so many words."""
    told: dict[str, list[Case]] = {}
    for case in results.data.cases:
        found = _compare_with_l3(results, case)
        clauses = []
        if found.better:
            clauses.append(f"beaten by {listed([text for _, text in found.better])}")
        if found.worse:
            clauses.append(f"better than {listed([text for _, text in found.worse])}")
        if found.level:
            alone = not (found.better or found.worse)
            rest = "any other design" if alone else listed(found.level)
            clauses.append(f"not to be told from {rest}")
        if clauses:
            told.setdefault("; ".join(clauses), []).append(case)
    sentences = [
        _capital(f"{_prefix(cases, results)}L3 is {text}.") for text, cases in told.items()
    ]
    return Paragraph("Where does L3 stand?", tuple(sentences), "ratio") if sentences else None


def _times(ratio: Interval) -> str:
    return f"{number(ratio.value)}×, {number(ratio.low)}–{number(ratio.high)}"


def _faults(results: Results) -> Paragraph | None:
    sentences = []
    for case in results.data.cases:
        rows = [r for r in results.row(case) if r.faults]
        if not rows:
            continue
        fault = rows[0].faults[0][0]
        sentences.append(
            f"Fault: {fault.detail}, {spoken(fault.t_ps, TIME)} into the run"
            + (f" ({_small(case.title)})." if len(results.data.cases) > 1 else ".")
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
