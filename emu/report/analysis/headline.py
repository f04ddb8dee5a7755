# SPDX-License-Identifier: Apache-2.0
"""The answer in a few sentences: who loses packets, whose tail is short, where L3 does not win,
and whether an assumed time decides it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emu.report.analysis import against_l3, floods
from emu.report.analysis.sensitivity import sensitivities
from emu.report.analysis.wording import capital, listed, places, standing
from emu.report.dataset import Case
from emu.report.numerals import number
from emu.report.results import Results, median_leaders, tail_leaders

__all__ = ["sentences"]

_CASES_WITH_NUMBERS = 3


def sentences(results: Results) -> list[str]:
    """What to read if nothing else is."""
    parts = [_loss_headline(results), *floods.headlines(results)]
    told: dict[tuple[str, ...], list[Case]] = {}
    for case in results.data.cases:
        if len(results.row(case)) > 1:
            told.setdefault(tail_leaders(results.row(case)), []).append(case)
    for leaders, cases in told.items():
        parts.append(_tails(results, leaders, cases))
        if not leaders:
            parts += _medians(results, cases)
    return [*parts, *against_l3.headlines(results), *_assumed(results)]


def _tails(results: Results, leaders: tuple[str, ...], cases: Sequence[Case]) -> str:
    designs = [r.design.label for r in results.row(cases[0])]
    everywhere = len(cases) == len(results.data.cases)
    if not leaders:
        where = "" if len(results.data.cases) == 1 else " in any case"
        return capital(
            f"{standing(leaders, designs)}{where if everywhere else ' ' + places(cases)}."
        )
    others = [d for d in designs if d not in leaders]
    verb = "keeps its tail" if len(leaders) == 1 else "keep their tails"
    text = f"{listed(leaders)} {verb} shorter than {listed(others)}"
    if len(results.data.cases) == 1:
        return f"{text}: {results.data.tail_name} slowdown {_against(results, leaders, cases[0])}."
    if len(cases) > _CASES_WITH_NUMBERS:
        return f"{text} {'in every case' if everywhere else places(cases)}."
    parts = [f"{_against(results, leaders, c)} {places([c])}" for c in cases]
    return f"{text}: {results.data.tail_name} slowdown {', '.join(parts)}."


def _against(results: Results, leaders: tuple[str, ...], case: Case) -> str:
    """145 to 173× against 1 100 to 1 690×."""
    values: dict[bool, list[float]] = {True: [], False: []}
    for result in results.row(case):
        values[result.design.label in leaders].append(result.slowdown.tail.value)
    return f"{_span(values[True])} against {_span(values[False])}"


def _span(values: list[float]) -> str:
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return "unknown"
    low, high = number(min(known)), number(max(known))
    return f"{low}×" if low == high else f"{low} to {high}×"


def _assumed(results: Results) -> list[str]:
    """Whether the order of tails flips within the published range of an assumed time."""
    found = [s for s in sensitivities(results) if s.complete]
    flips = sorted({s.timer for s in found if s.flips})
    stands = sorted({s.timer for s in found if any(s.leaders.values())} - set(flips))
    said = []
    if flips:
        said.append(
            "With a fault that order rests on assumed times: it flips within the published range "
            f"of {listed(flips)}."
        )
    if stands:
        start = "It holds" if flips else "With a fault that order holds"
        said.append(f"{start} over the published range of {listed(stands)}.")
    return said


def _medians(results: Results, cases: Sequence[Case]) -> list[str]:
    """Where no tail can be told from the rest's, the medians may still differ."""
    told: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        rows = results.row(case)
        told.setdefault(median_leaders(rows), []).append(case)
    return [
        capital(
            standing(leaders, [r.design.label for r in results.row(which[0])], "median slowdown")
            + (f" {places(which)}." if len(results.data.cases) > 1 else ".")
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
