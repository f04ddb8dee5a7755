# SPDX-License-Identifier: Apache-2.0
"""Why two backends differ, told by one packet that both of them carried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from emu.report.agreement.sightings import Journey, QueuePair, journeys, queue_pairs
from emu.report.numerals import TIME, spoken
from emu.telemetry import FAULT_KINDS, Run

__all__ = ["Step", "Trace", "trace"]

_SETTLE_PS = 20_000_000
"""Packets that begin so late before the last sighting may be missing only because it ended."""
Packet = tuple[int, int]
"""Queue pair, packet sequence number."""
Both = dict[Packet, tuple[Journey, Journey]]


@dataclass(frozen=True)
class Step:
    """One place on the way; a time is None where the packet was not seen in that backend."""

    place: str
    sim_ps: int | None
    lab_ps: int | None
    sim_marked: bool
    lab_marked: bool


@dataclass(frozen=True)
class Trace:
    """One packet through both."""

    seed: int
    src: str
    dst: str
    psn: int
    steps: tuple[Step, ...]
    reason: str


def trace(sim: Run, lab: Run) -> Trace | None:
    """The packet that shows best why two runs of one seed differ; None without captures.

    Where queue pairs took other links it is one of those, the one whose time differs most.
    Else where a fault hit, it is the first that only one of the two lost. Else it is the one
    whose time differs most.
    """
    if not (sim.meta.get("captures") and lab.meta.get("captures")):
        return None
    pairs = queue_pairs(sim)
    by_number = {pair.number: pair for pair in pairs.values()}
    ours, theirs = journeys(sim, pairs), journeys(lab, pairs)
    both = {key: (ours[key], theirs[key]) for key in sorted(ours.keys() & theirs.keys())}
    if not both:
        return None
    moved = _moved(both)
    torn = _torn(both)
    if moved:
        chosen = _contrast(both, moved)
        reason = _told_by_links(both, moved, chosen, lab)
    elif torn:
        chosen = torn[0]
        reason = _told_by_loss(both, chosen, sim, lab)
    else:
        chosen = _most_apart(both)
        reason = _told_by_time(both[chosen])
    pair = by_number[chosen[0]]
    return _shown(lab.seed, pair, chosen[1], both[chosen], reason)


def _moved(both: Both) -> set[int]:
    """Queue pairs whose first packet that both delivered took other links."""
    first: dict[int, bool] = {}
    for (number, _), (sim, lab) in both.items():
        if sim.delivered and lab.delivered:
            first.setdefault(number, sim.ways != lab.ways)
    return {number for number, other in first.items() if other}


def _torn(both: Both) -> list[Packet]:
    """Packets that one delivered and the other did not, in order of time."""
    until = [max(two[i].end_ps for two in both.values()) - _SETTLE_PS for i in (0, 1)]
    found = [
        key
        for key, (sim, lab) in both.items()
        if sim.delivered != lab.delivered and sim.begin_ps < until[0] and lab.begin_ps < until[1]
    ]
    return sorted(found, key=lambda key: min(j.begin_ps for j in both[key]))


def _most_apart(both: Both) -> Packet:
    def apart(two: tuple[Journey, Journey]) -> tuple[bool, int]:
        sim, lab = ((j.end_ps - j.begin_ps) for j in two)
        return all(j.delivered for j in two), abs(sim - lab)

    return max(both, key=lambda key: apart(both[key]))


def _contrast(both: Both, moved: set[int]) -> Packet:
    """Of the queue pairs that moved, the packet whose time differs most where the ways part."""

    def apart(key: Packet) -> tuple[bool, int]:
        split = _split(both[key])
        sim, lab = (journey.wait_in(split) for journey in both[key])
        return all(j.delivered for j in both[key]), abs(lab - sim)

    return max((key for key in both if key[0] in moved and _split(both[key])), key=apart)


def _split(two: tuple[Journey, Journey]) -> str:
    """The switch at which two ways part; empty when they do not."""
    return next((a[0] for a, b in zip(two[0].ways, two[1].ways, strict=False) if a != b), "")


def _told_by_links(both: Both, moved: set[int], chosen: Packet, lab: Run) -> str:
    numbers = {number for number, _ in both}
    two = both[chosen]
    split = _split(two)
    waits = [spoken(journey.wait_in(split), TIME) for journey in two]
    return (
        f"{len(moved)} of {len(numbers)} queue pairs take other links in the lab, as its "
        f"switches ({lab.meta['lab'].get('runs') or lab.meta['lab']['control']}) hash with a "
        f"function of their own. Queue pairs by uplink of {split}: simulator "
        f"{_uplinks(both, split, 0)}; lab {_uplinks(both, split, 1)}. The packet shown needed "
        f"{waits[0]} to get through {split} in the simulator and {waits[1]} in the lab."
    )


def _uplinks(both: Both, leaf: str, side: int) -> str:
    """How many queue pairs leave a switch by each of its links between switches."""
    taken: dict[int, str] = {}
    for (number, _), two in both.items():
        for node, peer in two[side].ways:
            if node == leaf:
                taken.setdefault(number, peer)
    counts: Mapping[str, int] = Counter(taken.values())
    return ", ".join(f"{peer} {count}" for peer, count in sorted(counts.items()))


def _told_by_loss(both: Both, chosen: Packet, sim: Run, lab: Run) -> str:
    two = both[chosen]
    lost = 0 if two[1].delivered else 1
    words = ("simulator", "lab")
    switch = two[lost].sightings[-1].node
    fault_ps = _fault_ps(lab)
    said = (
        f"The packet shown is last seen at {switch} in the {words[lost]} and goes on in the "
        f"{words[1 - lost]}. "
    )
    last = [
        max(
            (j[i].end_ps for j in both.values() if _is_lost_at(j[i], switch)),
            default=None,
        )
        for i in (0, 1)
    ]
    if fault_ps is None or None in last:
        return said
    after = [spoken(float((t or 0) - fault_ps), TIME) for t in last]
    dilation = float(lab.meta["lab"]["dilation"])
    wall = spoken(abs((last[1] or 0) - (last[0] or 0)) * dilation, TIME)
    return said + (
        f"The last packet that was lost there came {after[0]} after the failure in the simulator "
        f"and {after[1]} after it in the lab: a real switch's tables change when its processes "
        f"get to it, here {wall} of wall time apart from the moment that the simulator takes."
    )


def _is_lost_at(journey: Journey, switch: str) -> bool:
    """Swallowed there, or sent from there into a dead link."""
    return not journey.delivered and journey.sightings[-1].node == switch


def _fault_ps(run: Run) -> int | None:
    events = run.events
    starts = events[events["kind"].isin(list(FAULT_KINDS)) & (events["phase"] == "start")]
    return int(starts["t_ps"].min()) if len(starts) else None


def _told_by_time(two: tuple[Journey, Journey]) -> str:
    sim, lab = two
    for a, b in zip(sim.sightings, lab.sightings, strict=False):
        apart = (b.t_ps - lab.begin_ps) - (a.t_ps - sim.begin_ps)
        if apart:
            return (
                f"All packets take the same links. The one shown is the one whose time differs "
                f"most, first where it {a.place}: {spoken(abs(apart), TIME)} "
                f"{'longer' if apart > 0 else 'shorter'} in the lab."
            )
    return "All packets that the captures saw take the same links in the same times."


def _shown(
    seed: int, pair: QueuePair, psn: int, two: tuple[Journey, Journey], reason: str
) -> Trace:
    """Both ways merged: what they have in common in one row, in order of time."""
    rows: dict[str, list[tuple[int, bool] | None]] = {}
    for side, journey in enumerate(two):
        for sighting in journey.sightings:
            row = rows.setdefault(sighting.place, [None, None])
            row[side] = (sighting.t_ps, sighting.marked)
    steps = []
    for place, (sim, lab) in rows.items():
        steps.append(
            Step(
                place,
                sim[0] if sim else None,
                lab[0] if lab else None,
                bool(sim and sim[1]),
                bool(lab and lab[1]),
            )
        )
    # A stable order: what only one of them passed stands where its own time puts it.
    begin = [j.begin_ps for j in two]
    steps.sort(
        key=lambda s: max(
            0 if s.sim_ps is None else s.sim_ps - begin[0],
            0 if s.lab_ps is None else s.lab_ps - begin[1],
        )
    )
    return Trace(seed, pair.src, pair.dst, psn, tuple(steps), reason)
