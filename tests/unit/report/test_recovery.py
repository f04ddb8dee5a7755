# SPDX-License-Identifier: Apache-2.0
"""Recovery time from made-up goodput with a known answer."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emu.report.analysis.recovery import faults, recover, summarise

MS = 10**9
STEP = MS // 10  # sample interval 100 us
NIC_BYTES = 5_000_000  # what one 400G NIC carries in it
FAULT_AT = 5 * MS


def events(*rows: tuple[int, str, str]) -> list[dict[str, Any]]:
    return [{"t_ps": t, "kind": k, "phase": p, "port": "x", "detail": "x goes down"}
            for t, k, p in rows]  # fmt: skip


def a_run(frames: Any, delivered: list[float], drops: dict[int, int] | None = None,
          seed: int = 1, fault: bool = True) -> Any:  # fmt: skip
    """Posts 16 NICs' worth in each interval, whatever is delivered."""
    n = len(delivered)
    series = [
        {"t_ps": (i + 1) * STEP, "delivered_payload_bytes": int(d),
         "drops_packets": (drops or {}).get(i, 0)}
        for i, d in enumerate(delivered)
    ]  # fmt: skip
    flows = [{"flow_id": i, "post_ps": i * STEP, "payload_bytes": 16 * NIC_BYTES}
             for i in range(n)]  # fmt: skip
    told = events((FAULT_AT, "link-state", "start")) if fault else []
    return frames.run(seed=seed, series=series, flows=flows, events=told)


def steady(n: int = 200) -> list[float]:
    return [16.0 * NIC_BYTES] * n


def dip(depth: float, length: int, catch_up: int) -> list[float]:
    """Goodput falls by `depth` for `length` intervals and makes up for it in `catch_up`."""
    values = steady()
    start = FAULT_AT // STEP
    for i in range(start, start + length):
        values[i] *= 1 - depth
    extra = depth * length * 16 * NIC_BYTES / catch_up
    for i in range(start + length, start + length + catch_up):
        values[i] += extra
    return values


@pytest.mark.parametrize("twin", [True, False])
def test_recovery_ends_when_what_was_held_back_has_been_delivered(frames: Any, twin: bool) -> None:
    run = a_run(frames, dip(0.5, 40, 40))
    other = a_run(frames, steady(), fault=False) if twin else None
    (found,) = recover(run, other)
    # 4 ms of dip, then 4 ms to make up; 95 % of it is made up after 3.8 ms
    assert found.catch_up_ps == pytest.approx(7.8 * MS, abs=STEP)
    assert found.held_back_bytes == pytest.approx(0.5 * 40 * 16 * NIC_BYTES, rel=0.01)


def test_no_dip_no_recovery_time(frames: Any) -> None:
    (found,) = recover(a_run(frames, steady()), a_run(frames, steady(), fault=False))
    assert (found.catch_up_ps, found.loss_ps) == (0, 0)


def test_a_run_that_ends_first_never_caught_up(frames: Any) -> None:
    values = steady()
    for i in range(FAULT_AT // STEP, len(values)):
        values[i] *= 0.5
    (found,) = recover(a_run(frames, values), a_run(frames, steady(), fault=False))
    assert found.catch_up_ps == math.inf


def test_loss_span_reaches_to_the_last_packet_lost(frames: Any) -> None:
    run = a_run(frames, steady(), drops={10: 3, 50: 9, 60: 1, 79: 1})
    (found,) = recover(run, None)
    assert found.loss_ps == pytest.approx(80 * STEP - FAULT_AT)
    assert found.lost_packets == 11


def test_drops_that_are_usual_without_the_fault_do_not_count(frames: Any) -> None:
    usual = dict.fromkeys(range(200), 2)
    (found,) = recover(a_run(frames, steady(), drops=usual), None)
    assert found.loss_ps == 0


def test_links_of_one_switch_are_one_fault() -> None:
    rows = events((5, "link-state", "start"), (5, "link-state", "start"), (9, "link-state", "end"),
                  (7, "port-detected", "step"))  # fmt: skip
    import pandas as pd

    (fault,) = faults(pd.DataFrame(rows).assign(node=""))
    assert (fault.t_ps, fault.end_ps) == (5, 9)
    assert fault.detail == "x goes down and 1 more"


def test_summary_pairs_seeds_with_their_twins(frames: Any) -> None:
    runs = [a_run(frames, dip(0.5, 40, 40), seed=s) for s in (1, 2)]
    twins = [a_run(frames, steady(), seed=s, fault=False) for s in (2, 1)]
    ((fault, caught, lossy),) = summarise(runs, twins)
    assert fault.kind == "link-state"
    assert caught.low == caught.high == pytest.approx(7.8 * MS, abs=STEP)
    assert lossy.value == 0
