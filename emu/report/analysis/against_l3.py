# SPDX-License-Identifier: Apache-2.0
"""Where plain L3 does not win, in so many words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.slowdown import paired_ratio
from emu.report.analysis.wording import capital, listed, places, prefix
from emu.report.dataset import Case
from emu.report.numerals import number
from emu.report.results import SEEDS_MIN, Results, seeds, tail_leaders

__all__ = ["headlines", "sentences"]


@dataclass(frozen=True)
class AgainstL3:
    """Designs of one case by how their tail compares with L3's, with the ratio if it is known."""

    better: tuple[tuple[str, str], ...] = ()
    worse: tuple[tuple[str, str], ...] = ()
    level: tuple[str, ...] = ()


def compare_with_l3(results: Results, case: Case) -> AgainstL3:
    """Compare on the same transfers where possible, else by intervals."""
    base = results.of(case, "l3")
    if base is None or seeds(results.row(case)) < SEEDS_MIN:
        return AgainstL3()
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
            shorter, longer, text = ratio.high < 1, ratio.low > 1, f" ({times(ratio)})"
        if shorter:
            better.append((label, label + text))
        elif longer:
            worse.append((label, label + text))
        else:
            level.append(label)
    return AgainstL3(tuple(better), tuple(worse), tuple(level))


def headlines(results: Results) -> list[str]:
    """Who beats L3 and whom L3 beats, each said once for all cases where it holds."""
    winners: dict[tuple[str, ...], list[Case]] = {}
    losers: dict[tuple[str, ...], list[Case]] = {}
    for case in results.data.cases:
        found = compare_with_l3(results, case)
        if found.better:
            winners.setdefault(tuple(label for label, _ in found.better), []).append(case)
        # Where a group of tails already parts from the rest, the sentence before has said it.
        if found.worse and not tail_leaders(results.row(case)):
            losers.setdefault(tuple(label for label, _ in found.worse), []).append(case)
    sentences = []
    for names, cases in winners.items():
        verb = "beats" if len(names) == 1 else "beat"
        where = f" {places(cases)}" if len(results.data.cases) > 1 else ""
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
            else (f" {places(cases)}")
        )
        sentences.append(f"{listed(names)} {verb} than L3 on the same transfers{where}.")
    return sentences


def sentences(results: Results) -> list[str]:
    """Each design against L3 with the ratio of their tails, case by case."""
    told: dict[str, list[Case]] = {}
    for case in results.data.cases:
        found = compare_with_l3(results, case)
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
    return [capital(f"{prefix(cases, results)}L3 is {text}.") for text, cases in told.items()]


def times(ratio: Interval) -> str:
    return f"{number(ratio.value)}×, {number(ratio.low)}–{number(ratio.high)}"
