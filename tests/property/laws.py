# SPDX-License-Identifier: Apache-2.0
"""Laws that hold at the end of every simulation, as checks."""

from __future__ import annotations

import numpy as np

from emu.sim.timeline import Timeline
from tests.golden.lab import MS, Outcome
from tests.property.scenes import (
    QUIET,
)


def check_conservation(out: Outcome) -> None:
    c = out.counters
    assert c["injected_packets"] == (
        c["delivered_packets"]
        + c["discarded_packets"]
        + c["dropped_packets"]
        + c["inflight_packets"]
    )
    if out.scenario.plan.overhead_bytes == 0:  # a tunnel's bytes come and go on the way
        assert c["injected_bytes"] == (
            c["delivered_bytes"] + c["discarded_bytes"] + c["dropped_bytes"] + c["inflight_bytes"]
        )


def check_buffers(out: Outcome) -> None:
    switch = out.engine.switches()
    assert (switch["pool_used_bytes"] >= 0).all()
    assert (switch["buffer_watermark_bytes"] <= switch["pool_bytes"]).all()
    assert (switch["pool_bytes"] <= switch["buffer_bytes"]).all()
    queues = out.engine.queues()
    headroom = 150_000 if out.counters["pfc_frames"] else 0
    assert (queues["headroom_watermark_bytes"] <= headroom).all()


def check_order(out: Outcome) -> None:
    flows = out.flows
    for _, mine in flows.sort_values("flow_id").groupby("qp_id"):
        ends = mine["end_ps"].to_numpy()
        done = ends >= 0
        # What fills a gap may end several at once, where early packets are kept.
        apart = 1 if out.scenario.spec.transport.receiver == "go-back-n" else 0
        assert (np.diff(ends[done]) >= apart).all(), "messages of a queue pair end in posting order"
        assert (np.diff(done.astype(int)) <= 0).all(), "none ends after one that does not"
    done = flows[flows["status"] == "done"]
    assert (done["first_tx_ps"] >= done["post_ps"]).all()
    assert (done["end_ps"] > done["first_tx_ps"]).all()
    acked = done[done["acked_ps"] >= 0]
    assert (acked["acked_ps"] >= acked["end_ps"]).all()
    assert (flows[flows["status"] != "done"]["end_ps"] == -1).all()


def play(out: Outcome, stops: list[int], last: int) -> None:
    """Go on until ``last`` with all that the timeline still has, sampling at ``stops``."""
    engine, began = out.engine, out.engine.now_ps
    timeline = Timeline(engine, out.scenario.fabric, out.ports)
    updates = [u for u in out.scenario.plan.timeline if began < u.at_ps <= last or not began]
    for at in sorted({*stops, *(u.at_ps for u in updates if u.at_ps < last), last}):
        engine.run_until(at)
        for update in updates:
            if update.at_ps == at:
                timeline.apply(update)
        if at in stops:
            engine.sample()


def check_nothing_is_left(out: Outcome) -> None:
    """After all faults and a quiet time every buffer is empty again."""
    engine = out.engine
    timeline_end = max((u.at_ps for u in out.scenario.plan.timeline), default=0)
    play(out, [], max(engine.now_ps, min(timeline_end, 100 * MS)) + QUIET)
    assert engine.totals()["inflight_packets"] == 0
    assert (engine.switches()["pool_used_bytes"] == 0).all()
    before = len(engine.queue_samples()["t_ps"])
    engine.sample()  # a queue or priority group that holds a byte, or is paused, gives a row
    assert len(engine.queue_samples()["t_ps"]) == before
    check_conservation(out)
