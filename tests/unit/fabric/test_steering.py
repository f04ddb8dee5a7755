# SPDX-License-Identifier: Apache-2.0
"""Laws of the policy that moves slots among uplinks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.fabric.steering import Move, SteeringParams, UplinkLoad, steer

PARAMS = SteeringParams(interval_ps=10**12)


def test_a_slot_goes_from_the_fullest_to_the_emptiest() -> None:
    loads = {1: UplinkLoad(100, 90), 2: UplinkLoad(100, 10), 3: UplinkLoad(100, 50)}
    moves, held = steer([1, 1, 2, 3], [50, 40, 10, 50], loads, PARAMS, {})
    assert moves == [Move(1, 1, 2)]
    assert held == {1: PARAMS.hold_intervals}


def test_a_queue_weighs_as_what_would_drain_it_in_one_interval() -> None:
    loads = {1: UplinkLoad(800, 400, queue_bytes=100), 2: UplinkLoad(800, 400)}
    assert loads[1].pressure(10**12) == 1.5
    moves, _ = steer([1, 1, 2], [200, 200, 400], loads, PARAMS, {})
    assert moves == [Move(0, 1, 2)]


def test_a_move_that_would_only_turn_the_imbalance_round_is_not_made() -> None:
    loads = {1: UplinkLoad(800, 800), 2: UplinkLoad(800, 400)}
    assert steer([1, 2], [800, 400], loads, PARAMS, {}) == ([], {})


def test_a_held_slot_stays_until_its_time_is_over() -> None:
    loads = {1: UplinkLoad(100, 80), 2: UplinkLoad(100, 0)}
    held = {0: 2}
    moves, held = steer([1], [80], loads, PARAMS, held)
    assert (moves, held) == ([], {0: 1})
    loads = {1: UplinkLoad(100, 80), 2: UplinkLoad(100, 0)}
    moves, held = steer([1, 1], [40, 40], loads, PARAMS, held)
    assert moves == [Move(0, 1, 2)]


def test_dead_uplinks_are_left_at_once_whatever_is_held() -> None:
    loads = {1: UplinkLoad(100, 0, up=False), 2: UplinkLoad(100, 50), 3: UplinkLoad(100, 40)}
    moves, _ = steer([1, 1, 2], [30, 30, 50], loads, PARAMS, {0: 3, 1: 3})
    assert [move.target for move in moves] == [3, 2]


def test_a_queue_is_no_reason_to_fill_the_next_uplink_beyond_its_rate() -> None:
    # Both carry one flow at full rate; the queue is of the time when they shared an uplink.
    loads = {1: UplinkLoad(800, 800, queue_bytes=1000), 2: UplinkLoad(800, 800)}
    assert steer([1, 2], [800, 800], loads, PARAMS, {}) == ([], {})


def test_nothing_moves_at_the_look_after_a_move() -> None:
    loads = {1: UplinkLoad(100, 90), 2: UplinkLoad(100, 0)}
    slots, bps = [1, 1, 1], [30, 30, 30]
    moves, held = steer(slots, bps, loads, PARAMS, {})
    assert moves == [Move(0, 1, 2)]
    moves, held = steer(slots, bps, loads, PARAMS, held)
    assert moves == []
    moves, held = steer(slots, bps, loads, PARAMS, held)
    assert moves == [Move(1, 1, 2)], "the first is held still"


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[int], list[int], dict[int, UplinkLoad]]:
    n = draw(st.integers(2, 5))
    slots = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=64))
    bps = draw(st.lists(st.integers(0, 1000), min_size=len(slots), max_size=len(slots)))
    sent = [sum(b for s, b in zip(slots, bps, strict=True) if s == u) for u in range(n)]
    rates = draw(st.lists(st.integers(500, 5000), min_size=n, max_size=n))
    return slots, bps, {u: UplinkLoad(rates[u], sent[u]) for u in range(n)}


@given(situations())
def test_no_look_makes_the_fullest_uplink_fuller_and_looking_on_ends(
    situation: tuple[list[int], list[int], dict[int, UplinkLoad]],
) -> None:
    slots, bps, loads = situation
    peak = max(load.pressure(10**12) for load in loads.values())
    for _ in range(500):
        moves, _ = steer(slots, bps, loads, PARAMS, {})
        if not moves:
            return
        for move in moves:
            slots[move.slot] = move.target
        sent = [sum(b for s, b in zip(slots, bps, strict=True) if s == u) for u in loads]
        loads = {u: UplinkLoad(loads[u].rate_bps, sent[u]) for u in loads}
        after = max(load.pressure(10**12) for load in loads.values())
        assert after <= peak + 1e-9
        peak = after
    raise AssertionError("slots move for ever")
