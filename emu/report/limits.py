# SPDX-License-Identifier: Apache-2.0
"""What these runs cannot tell, said before somebody else does."""

from __future__ import annotations

from emu.report.results import Results

__all__ = ["limits"]

_SEEDS_FEW = 5
_DRAFT_TRIALS = 20


def limits(results: Results) -> list[str]:
    """Sentences, those that follow from the data first."""
    data = results.data
    seeds = len({r.seed for r in data.runs})
    backends = {str(r.meta["backend"]) for r in data.runs}
    found = []
    if seeds < _DRAFT_TRIALS:
        noun = "seed" if seeds == 1 else "seeds"
        found.append(
            f"{seeds} {noun} per variant; the IETF draft asks for at least {_DRAFT_TRIALS} "
            "trials. "
            + (
                "With one seed an interval says nothing about other hash seeds."
                if seeds == 1
                else "Intervals are wide for that reason."
                if seeds < _SEEDS_FEW
                else ""
            )
        )
    if data.tail_q < 0.99:
        found.append(
            "Fewer than 368 transfers in the smallest group: they do not bound P99 from above, so "
            f"verdicts rest on {data.tail_name}."
        )
    if any(r.slowdown.p999_is_maximum for r in results.everything):
        found.append(
            "Fewer than 1000 transfers per design and case: P99.9 is the slowest "
            "transfer, and its interval is a rough guide at best."
        )
    if any(r.left_out for r in results.everything):
        found.append(
            "Transfers of a host that is itself at fault are left out of slowdowns, goodput and "
            "latencies: they are late in every design. Packets, pauses and losses count all."
        )
    if any(r.slowdown.unfinished for r in results.everything):
        found.append(
            "Some transfers had not ended when the run did. They count as infinitely "
            "slow, and goodput leaves them out."
        )
    if data.unvaried_timers and "sim" in backends:
        found.append(
            "What is said about faults rests on assumed times. Those that move these runs and "
            f"were not varied ({', '.join(data.unvaried_timers)}) may shift or reverse it."
        )
    if any(r.faults and data.twin(r.cell) is None for r in results.everything):
        found.append(
            "Some faults have no run without the fault beside them (same load and seed). "
            "Their recovery is read from the growth of the run's own backlog, which a "
            "burst of arrivals can feign."
        )
    if backends == {"sim"}:
        found.append(
            "Everything here is simulated. Switch buffers, ECN, PFC and DCQCN follow "
            "published parameters, not a particular device's firmware."
        )
    if "sim" in backends:
        found.append(
            "Control planes are not simulated packet by packet: what each switch forwards after a "
            "fault follows from the timers listed above."
        )
    if "lab" in backends:
        found.append(
            "In the lab controllers, routing daemons and packets are real, and fabric time is "
            "slowed for them; switch buffers, ECN, PFC and DCQCN are the simulator's code, not a "
            "particular device's."
        )
    found += [
        "One trace is one workload. Another mix of sizes or arrivals can order designs "
        "differently; loads are reached without inventing sizes.",
        "Compute is a rate, so nothing here says how a faster or slower accelerator would "
        "change the arrivals.",
    ]
    return found
