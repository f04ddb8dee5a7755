# SPDX-License-Identifier: Apache-2.0
"""The routing policy `controller`: which share of the traffic to move from one uplink to another.

A destination's flows are hashed into slots, and each slot is sent through one uplink; moving
traffic is pointing a slot at another uplink. The policy is a pure function of what telemetry
says: controllers/adaptive.py calls it for real switches, emu/sim/steering.py for simulated ones.

The rule: the fullest uplink gives, the emptiest takes. A slot is moved only if that lowers the
load of the fuller of the two without filling the other beyond its rate, only if they differ by
more than ``imbalance_min``, and not again within ``hold_intervals``. At the look after a move
nothing moves: its counters are in part older than the move, and would be answered twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UplinkLoad:
    """What telemetry says of one uplink over the last interval."""

    rate_bps: int
    """Its capacity."""
    sent_bps: int
    """What it carried."""
    queue_bytes: int = 0
    """What waits for it now."""
    up: bool = True

    def pressure(self, interval_ps: int) -> float:
        """Share of the capacity that is wanted of it: 1 is full, a queue makes it more.

        A queue counts as what it would take to drain it within one interval.
        """
        drain_bps = self.queue_bytes * 8 * 10**12 // max(interval_ps, 1)
        return (self.sent_bps + drain_bps) / self.rate_bps


@dataclass(frozen=True, slots=True)
class SteeringParams:
    """Limits of the policy."""

    interval_ps: int
    """Time between two looks."""
    imbalance_min: float = 0.1
    """Difference of pressure below which nothing moves."""
    moves_max: int = 1
    """Slots moved per look."""
    hold_intervals: int = 3
    """Looks for which a moved slot stays where it is."""


@dataclass(frozen=True, slots=True)
class Move:
    """Point a slot at another uplink."""

    slot: int
    source: int
    target: int


class CountedRates:
    """Rates between looks, from counters that somebody else renews now and then.

    >>> rates = CountedRates()
    >>> rates.since("leaf0-p2", 0, 1_000), rates.since("leaf0-p2", 10**9, 2_000)
    (0, 8000)
    >>> rates.since("leaf0-p2", 10**9, 2_000)  # not renewed since
    8000
    >>> rates.since("leaf0-p2", 2 * 10**9, 500)  # counts from zero again
    4000
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, int]] = {}
        """Wall time of the last look, bytes then, the rate until then."""

    def since(self, name: str, wall_ns: int, sent_bytes: int) -> int:
        """Bit/s since the last look at that counter; 0 at the first one."""
        then_ns, before, rate = self._last.get(name, (wall_ns, sent_bytes, 0))
        if wall_ns > then_ns:
            sent = sent_bytes - before if sent_bytes >= before else sent_bytes
            rate = sent * 8 * 10**9 // (wall_ns - then_ns)
        self._last[name] = (wall_ns, sent_bytes, rate)
        return rate


def steer(
    slots: Sequence[int],
    slot_bps: Sequence[int],
    uplinks: Mapping[int, UplinkLoad],
    params: SteeringParams,
    held: Mapping[int, int],
) -> tuple[list[Move], dict[int, int]]:
    """The moves of one look, and the slots that are held afterwards.

    Parameters
    ----------
    slots : sequence of int
        Slot to the uplink that it uses.
    slot_bps : sequence of int
        What each slot carried over the interval, in bit/s.
    uplinks : mapping of int to UplinkLoad
        All uplinks that lead to the destination.
    params : SteeringParams
        Limits.
    held : mapping of int to int
        What the last call returned; empty at first.

    Returns
    -------
    (list of Move, dict of int to int)
        Moves in the order in which to make them.

    Notes
    -----
    A slot on an uplink that is down, or that is not among ``uplinks``, moves at once, whatever
    is held and however many there are: that is repair and not balance.

    >>> load = {1: UplinkLoad(100, 90), 2: UplinkLoad(100, 10)}
    >>> moves, held = steer([1, 1, 2], [60, 30, 10], load, SteeringParams(10**9), {})
    >>> moves, held
    ([Move(slot=1, source=1, target=2)], {1: 3})
    """
    pressure = {
        number: load.pressure(params.interval_ps) for number, load in uplinks.items() if load.up
    }
    still_held = {slot: looks - 1 for slot, looks in held.items() if looks > 1}
    if not pressure:
        return [], still_held
    sent = {number: uplinks[number].sent_bps for number in pressure}
    moves: list[Move] = []
    now = list(slots)

    def move(slot: int, target: int) -> None:
        source = now[slot]
        moves.append(Move(slot, source, target))
        now[slot] = target
        share = slot_bps[slot]
        if source in pressure:
            pressure[source] -= share / uplinks[source].rate_bps
            sent[source] -= share
        sent[target] += share
        pressure[target] += share / uplinks[target].rate_bps

    for slot, uplink in enumerate(slots):
        if uplink not in pressure:
            move(slot, min(pressure, key=lambda number: (pressure[number], number)))
    just_moved = any(looks >= params.hold_intervals - 1 for looks in still_held.values())
    for _ in range(0 if just_moved else params.moves_max):
        fullest = max(pressure, key=lambda number: (pressure[number], -number))
        emptiest = min(pressure, key=lambda number: (pressure[number], number))
        gap = pressure[fullest] - pressure[emptiest]
        if gap <= params.imbalance_min:
            break
        best, best_after = -1, pressure[fullest]
        for slot, uplink in enumerate(now):
            if uplink != fullest or slot in still_held or not slot_bps[slot]:
                continue
            # A queue outlasts the slot that filled it: no reason to fill the next one.
            taken = (sent[emptiest] + slot_bps[slot]) / uplinks[emptiest].rate_bps
            if taken > 1:
                continue
            after = max(
                pressure[fullest] - slot_bps[slot] / uplinks[fullest].rate_bps,
                pressure[emptiest] + slot_bps[slot] / uplinks[emptiest].rate_bps,
            )
            if after < best_after:
                best, best_after = slot, after
        if best < 0:
            break
        move(best, emptiest)
        still_held[best] = params.hold_intervals
    return moves, still_held
