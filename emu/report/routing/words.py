# SPDX-License-Identifier: Apache-2.0
"""What routing wins and what it costs, in sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.wording import listed, small
from emu.report.dataset import Case, DesignRef
from emu.report.numerals import BYTES, number, spoken
from emu.report.routing.comparison import Comparison

__all__ = ["headline", "sentences"]


def headline(comparison: Comparison) -> list[str]:
    """What balancing wins at best on each design; nothing where most cases vary something else."""
    if 2 * len(comparison.cases) < len(comparison.results.data.cases):
        return []
    found = _found(comparison)
    tail = comparison.results.data.tail_name
    said = []
    if found.best:
        by_gain = sorted(found.best, key=lambda item: item[2].value)
        told = [f"{d.label} {number(r.value)}× with {small(c.title)}" for d, c, r in by_gain]
        said.append(f"{tail} of slowdown at best, over that of ECMP: {listed(told)}.")
    said += _untold(found)
    if found.without:
        said.append(f"{listed(found.without)} can have no other than ECMP.")
    return said


def sentences(comparison: Comparison) -> list[str]:
    """Per design where a policy helps, where it does not, and where there is none to have."""
    said = []
    results = comparison.results
    for design in results.data.designs:
        own = _gains(comparison, design)
        if not own:
            said.append(f"{design.label}: ECMP only; there is no other policy to have.")
            continue
        better = [f"{c.title} ({number(r.value)}×)" for c, r in own if r.high < 1]
        worse = [f"{c.title} ({number(r.value)}×)" for c, r in own if r.low > 1]
        level = [c.title for c, r in own if not r.high < 1 and not r.low > 1]
        parts = []
        if better:
            parts.append(f"shorter tails with {listed(better)}")
        if worse:
            parts.append(f"longer ones with {listed(worse)}")
        if level:
            parts.append(f"no difference to be told with {listed(level)}")
        said.append(f"{design.label}, against ECMP: {'; '.join(parts)}.")
    said += _nothing(comparison)
    held = [
        (float(run.qps["reorder_peak_bytes"].max()), result.cell.case.title)
        for result in results.everything
        for run in result.cell.runs
        if run.qps["reorder_peak_bytes"].max() > 0
    ]
    if held:
        peak, title = max(held)
        said.append(f"The fullest reorder buffer held {spoken(peak, BYTES)} ({title}).")
    return said


@dataclass(frozen=True)
class _Found:
    """Designs by what balancing gives them."""

    best: list[tuple[DesignRef, Case, Interval]]
    """Where it surely shortens the tail, with the case that does so most."""
    untold: list[str]
    without: list[str]


def _found(comparison: Comparison) -> _Found:
    active = [case for case in comparison.cases if _balances(comparison, case)]
    found = _Found([], [], [])
    for design in comparison.results.data.designs:
        own = [(case, ratio) for case, ratio in _gains(comparison, design) if case in active]
        better = [(case, ratio) for case, ratio in own if ratio.high < 1]
        if not own:
            found.without.append(design.label)
        elif not better:
            found.untold.append(design.label)
        else:
            found.best.append((design, *min(better, key=lambda item: item[1].value)))
    return found


def _untold(found: _Found) -> list[str]:
    if not found.untold:
        return []
    return [f"On {listed(found.untold)} no gain of it can be told from chance."]


def _balances(comparison: Comparison, case: Case) -> bool:
    return comparison.policy(case) not in ("", "ecmp")


def _gains(comparison: Comparison, design: DesignRef) -> list[tuple[Case, Interval]]:
    return [
        (case, ratio)
        for case in comparison.cases
        if (ratio := comparison.gain(design, case)) is not None and math.isfinite(ratio.value)
    ]


def _nothing(comparison: Comparison) -> list[str]:
    """Where balancing by load gives nothing: designs, and policies."""
    found = _found(comparison)
    said = []
    if found.without:
        said.append(
            f"Adaptive routing gives {listed(found.without)} nothing: it is not to be had there."
        )
    said += _untold(found)
    designs = comparison.results.data.designs
    idle = [
        case.title
        for case in comparison.cases
        if _balances(comparison, case)
        and not any((r := comparison.gain(d, case)) is not None and r.high < 1 for d in designs)
    ]
    if idle:
        said.append(f"Nowhere a shorter tail than ECMP's, as far as can be told: {listed(idle)}.")
    return said
