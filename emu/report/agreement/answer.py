# SPDX-License-Identifier: Apache-2.0
"""What the page opens with: sentences that follow from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from emu.report.agreement.comparison import Comparison
from emu.report.agreement.failure import Failure
from emu.report.agreement.figures import difference, number, percent
from emu.report.agreement.spread import Place

__all__ = ["answer", "cannot_tell"]

OWN_RULES = "static"
"""The control whose rules are those of the simulator's plan."""


def answer(
    rows: Sequence[Comparison],
    scenarios: Sequence[Comparison],
    places: Sequence[Place],
    failed: Sequence[Failure],
    seeds: int,
) -> list[str]:
    """The answer first, then what it rests on."""
    said = []
    if scenarios:
        said.append(_scenarios(scenarios))
    plain = [row for row in rows if row.lab and not row.of.meta["spec"]["faults"]]
    if plain:
        said += [_variants(plain, places, seeds), _order(plain)]
    said += _steering(rows)
    if failed:
        said.append(_failures(failed))
    late = [f"{r.label} ({r.case}, seed {run.seed})" for r in rows for run in r.late]
    late += [f"{r.name} ({r.label}, seed {run.seed})" for r in scenarios for run in r.late]
    if late:
        said.append(f"Late, and therefore not published: {', '.join(late)}.")
    return said


def _scenarios(scenarios: Sequence[Comparison]) -> str:
    own = [row for row in scenarios if row.control == OWN_RULES]
    agreeing = sum(row.agrees for row in scenarios)
    if agreeing == len(scenarios):
        word = "Path for path, yes"
    else:
        word = "Mostly" if 2 * agreeing > len(scenarios) else "Not within its limits"
    text = (
        f"{word}: {agreeing} of {len(scenarios)} agreement scenarios are within 5 % in the median "
        "flow completion time, 10 % in p99 and 15 % in pause time"
    )
    calm = [row for row in own if row.lab and not row.of.meta["spec"]["faults"]]
    if calm and all(not any(row.apart.values()) for row in calm):
        return f"{text}; on the simulator's own paths and without a failure every figure is equal."
    return f"{text}."


def _variants(rows: Sequence[Comparison], places: Sequence[Place], seeds: int) -> str:
    medians = sorted(row.apart["fct_median_us"] for row in rows)
    tails = sorted(row.apart["fct_p99_us"] for row in rows)
    said = (
        "Which path a flow takes is up to each switch's own hash: on the replayed trace the lab's "
        f"median is {_range(medians)} and its p99 {_range(tails)} off the simulator with the same "
        "seeds"
    )
    if not places:
        return f"{said}."
    inside = sum(place.inside for place in places)
    return (
        f"{said}; {inside} of {len(places)} of these figures lie within what {seeds} seeds of the "
        "simulator span, that is within what the choice of a hash does."
    )


def _range(values: Sequence[float]) -> str:
    low, high = (percent(value) if value else "0 %" for value in (values[0], values[-1]))
    return low if low == high else f"{low} to {high}"


def _order(rows: Sequence[Comparison]) -> str:
    slowest = [max(rows, key=lambda r: r.sides[i].values["fct_p99_us"]) for i in (0, 1)]
    values = [slowest[i].sides[i].values["fct_p99_us"] for i in (0, 1)]
    if slowest[0] is slowest[1]:
        return (
            f"Both put {slowest[0].label} last: p99 {number(values[0])} µs in the simulator, "
            f"{number(values[1])} µs in the lab."
        )
    return (
        f"The longest tail is that of {slowest[0].label} in the simulator ({number(values[0])} µs) "
        f"and of {slowest[1].label} in the lab ({number(values[1])} µs)."
    )


def _steering(rows: Sequence[Comparison]) -> list[str]:
    """What the controller that moves traffic does to the tail, on both sides."""
    said = []
    for row in rows:
        plain = [
            other
            for other in rows
            if (other.design, other.case, other.control) == (row.design, row.case, "controller")
        ]
        if row.control != "adaptive" or not (plain and row.lab and plain[0].lab):
            continue
        sim, lab = (percent(_p99(row, side) / _p99(plain[0], side) - 1) for side in (0, 1))
        case = "without a failure" if row.case == "base" else f"with {row.case.replace('-', ' ')}"
        said.append(f"{sim} in the simulator and {lab} in the lab {case}")
    if not said:
        return []
    return [f"Moving traffic by telemetry changes the p99 of l3: {'; '.join(said)}."]


def _p99(row: Comparison, side: int) -> float:
    return row.sides[side].values["fct_p99_us"]


def _failures(failed: Sequence[Failure]) -> str:
    seen = sorted((f for f in failed if f.repairs_ms), key=lambda f: f.slowest_ms)
    if not seen:
        return "After the link failure no switch of the lab lost a packet."
    quick, slow = seen[0], seen[-1]
    text = (
        f"After {quick.what} the real control planes needed {number(quick.slowest_ms)} ms of wall "
        f"time ({quick.row.label})"
    )
    if slow is not quick:
        text += f" to {number(slow.slowest_ms)} ms ({slow.row.label})"
    sim, lab = (sum(f.lost[i] for f in failed) for i in (0, 1))
    return (
        f"{text}; with these times the simulator loses {number(sim)} packets where the lab lost "
        f"{number(lab)} ({percent(difference(sim, lab))})."
    )


def cannot_tell(rows: Sequence[Comparison], seeds: int) -> list[str]:
    """Limits of what the lab shows."""
    hosts = max((int(row.of.meta["n_endpoints"]) for row in rows), default=0)
    dilation = max((row.dilation for row in rows), default=0.0)
    return [
        "Buffers, ECN, PFC, schedulers, DCQCN and go-back-N are the same code on both sides. That "
        "they agree confirms that real packets reach them at the right moments, not that they are "
        "right: docs/validation.md holds them against theory and ns-3.",
        "The pipelines are Open vSwitch and the Linux kernel. What a switch chip does with a "
        "packet inside its pipeline latency, and how its hash spreads flows, is not in this lab.",
        f"Data run {dilation:g} times slower than at full rate and control planes do not, so a "
        f"repair of 100 ms is {number(100_000 / dilation if dilation else 0)} µs of fabric time "
        "here. The table of the link failure shows what the same wall times cost at full rate.",
        f"{hosts} NICs and {seeds} seeds are few: a difference between variants may be one "
        "collision of two flows. Nothing here ranks designs at the size of a cluster.",
    ]
