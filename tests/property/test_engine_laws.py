# SPDX-License-Identifier: Apache-2.0
"""Laws of every simulation: random small fabrics, designs, traffic and faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.fabric.build import build_fabric
from emu.sim.run import end_ps
from emu.sim.timeline import Timeline
from emu.spec import ExperimentSpec
from tests.golden.lab import MS, US, Flow, Outcome, experiment, prepare, scenario, simulate

FEW = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TIMEOUT_US, RETRIES = 100, 3
QUIET = 20 * MS
"""Longer than all retries together."""

DESIGNS: list[dict[str, Any]] = [
    {"name": "l3"},
    {"name": "l3-host"},
    {"name": "stretched-l2", "variant": "rstp"},
    {"name": "stretched-l2", "variant": "mlag"},
    {"name": "evpn", "variant": "l2vni"},
    {"name": "evpn", "variant": "l3vni", "ecn_copy_decap": False},
]
QUICK_TIMERS = {
    "loss_of_signal": "5us",
    "bgp_local_repair": "10us",
    "bgp_remote_withdraw_per_hop": "20us",
    "bgp_restore": "10us",
    "host_repair": "10us",
    "active_standby_failover": "10us",
    "rstp_local": "20us",
    "rstp_indirect": "50us",
    "mlag_failover": "20us",
    "lacp_member": "20us",
    "esi_mass_withdraw": "20us",
    "evpn_mac_withdraw": "20us",
    "evpn_startup": "50us",
    "arp_refresh": "1h",
    "arp_age": "1h",
}


@st.composite
def fabrics(draw: st.DrawFn) -> dict[str, Any]:
    tiers = draw(st.sampled_from([2, 2, 3]))
    clos = {
        "tiers": tiers,
        "leaves": draw(st.sampled_from([2, 4])) if tiers == 2 else 2,
        "spines": draw(st.sampled_from([1, 2])),
        "hosts_per_leaf": draw(st.integers(1, 2)),
        "homing": draw(st.sampled_from(["single", "dual"])),
        "parallel_links": draw(st.integers(1, 2)),
        "peer_links": 1,
        "host_rate": draw(st.sampled_from(["400G", "100G"])),
        "fabric_rate": draw(st.sampled_from(["400G", "100G"])),
    }
    if tiers == 3:
        clos |= {"pods": 2, "super_spines": 2}
    return clos


@st.composite
def switches(draw: st.DrawFn) -> dict[str, Any]:
    ecn = {"kmin": "10KB", "kmax": "100KB", "pmax": 0.3}
    return {
        "buffer": "12MB",
        "forwarding": draw(st.sampled_from(["store-and-forward", "cut-through"])),
        "pfc": {
            "enabled": draw(st.sampled_from([True, True, False])),
            "headroom": draw(st.sampled_from(["150KB", "150KB", "5KB"])),
            "headroom_pool": draw(st.sampled_from([None, "4MB"])),
            "alpha": draw(st.sampled_from([0.01, 0.125])),
            "xon": "9144B",
            "xon_offset": draw(st.sampled_from(["0B", "9144B"])),
        },
        "lossy": {"alpha": draw(st.sampled_from([0.02, 1.0]))},
        "ecn": {"by_rate": {"100G": ecn, "400G": ecn}},
    }


@st.composite
def traffic(draw: st.DrawFn, n: int = 4) -> list[Flow]:
    flows = []
    for _ in range(draw(st.integers(1, 10))):
        src = draw(st.integers(0, n - 1))
        flows.append(
            Flow(
                src,
                (src + draw(st.integers(1, n - 1))) % n,
                draw(st.sampled_from([1, 4096, 20_000, 300_000])) + draw(st.integers(0, 5_000)),
                at_ps=draw(st.integers(0, 60)) * US,
                verb=draw(st.sampled_from(["write", "read"])),
                priority=draw(st.sampled_from([3, 3, 0])),
                lane=0,
            )
        )
    # A queue pair has one verb: READs get lanes of their own.
    return [
        Flow(f.src, f.dst, f.size, f.at_ps, f.verb, f.priority, lane=int(f.verb == "read"))
        for f in flows
    ]


@st.composite
def faults(draw: st.DrawFn) -> list[dict[str, Any]]:
    def span() -> dict[str, str]:
        return {} if draw(st.booleans()) else {"for": f"{draw(st.integers(5, 400))}us"}

    kinds: list[dict[str, Any]] = [
        {"kind": "link-down", "link": "leaf0-spine0[0]", **span()},
        {"kind": "link-down", "link": "h0.0-leaf0", **span()},
        {"kind": "link-flap", "link": "leaf0-spine0[0]", "period": "30us", "count": 3},
        {"kind": "switch-down", "switch": "spine0", **span()},
        {"kind": "switch-down", "switch": "leaf1", **span()},
        {"kind": "link-degraded", "link": "leaf0-spine0[0]", "loss": 0.01, **span()},
        {"kind": "slow-receiver", "host": "h1", "rate": "20G", **span()},
        {"kind": "nic-storm", "host": "h1", "for": f"{draw(st.integers(5, 900))}us"},
        {"kind": "black-hole", "switch": "leaf0", **span()},
        {"kind": "silent-host", "host": "h0", **span()},
    ]
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=2, unique_by=str))
    return [{"at": f"{draw(st.integers(0, 80))}us", **fault} for fault in chosen]


@st.composite
def experiments(draw: st.DrawFn, broken: bool = True) -> dict[str, Any]:
    clos = draw(fabrics())
    found = draw(faults()) if broken else []
    if clos["tiers"] == 3:  # names differ with pods
        found = [f for f in found if "spine" not in str(f) and "leaf" not in str(f)]
    # Plain data, so that a failing example is printed in a few lines.
    return {
        "clos": clos,
        "design": draw(st.sampled_from(DESIGNS)),
        "switch": draw(switches()),
        "ack_interval": draw(st.sampled_from([1, 4, 64])),
        "cc": draw(st.sampled_from(["none", "dcqcn"])),
        "faults": found,
        "sample_us": draw(st.sampled_from([10, 100, 1000])),
    }


def spec_of(given: dict[str, Any], drain: str | None = "50ms") -> ExperimentSpec:
    return experiment(
        given["clos"],
        design=given["design"],
        switch=given["switch"],
        nic={
            "retransmit_timeout": f"{TIMEOUT_US}us",
            "retry_count": RETRIES,
            "ack_interval": given["ack_interval"],
        },
        transport={"cc": given["cc"], **given.get("transport", {})},
        faults=given["faults"],
        timers=QUICK_TIMERS,
        stop={"drain": drain},
        record={"sample_interval": f"{given['sample_us']}us"},
        **given.get("balancing", {}),
    )


def fit(spec: ExperimentSpec, flows: list[Flow]) -> list[Flow]:
    """The flows between endpoints that the fabric has."""
    n = build_fabric(spec.topology).n_endpoints
    return [
        replace(f, src=f.src % n, dst=f.dst % n if f.dst % n != f.src % n else (f.src + 1) % n)
        for f in flows
    ]


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


@FEW
@given(experiments(), traffic())
def test_packets_are_conserved_buffers_hold_and_queue_pairs_keep_order(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    check_conservation(out)
    check_buffers(out)
    check_order(out)
    check_nothing_is_left(out)


@FEW
@given(experiments(broken=False), traffic())
def test_no_drop_in_a_lossless_class_while_headroom_suffices(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    pfc = spec.topology.switches.leaf.pfc
    if pfc.enabled and pfc.headroom == 150_000:
        assert "headroom_exceeded" not in out.drops
        lossless = out.flows[out.flows["priority"] == 3]
        assert (lossless["status"] == "done").all()
        assert (lossless["retransmitted_bytes"] == 0).all()
    assert set(out.drops) <= {"headroom_exceeded", "egress_limit", "buffer_full"}
    check_nothing_is_left(out)


@FEW
@given(experiments(), traffic(), st.lists(st.integers(1, 200 * US), max_size=12))
def test_neither_sampling_nor_splitting_a_run_changes_it(
    given: dict[str, Any], flows: list[Flow], stops: list[int]
) -> None:
    spec = spec_of(given)
    plain, split = (prepare(scenario(spec, fit(spec, flows))) for _ in range(2))
    play(plain, [], 30 * MS)
    play(split, stops, 30 * MS)
    assert plain.flows.equals(split.flows)
    assert plain.counters == split.counters
    watermarks = {"pg_watermark_bytes"}  # found to within 32 KiB, see mmu.h
    for name, column in plain.engine.queues().items():
        if name not in watermarks:
            assert (column == split.engine.queues()[name]).all(), name


@FEW
@given(experiments(), traffic())
def test_a_run_ends(given: dict[str, Any], flows: list[Flow]) -> None:
    """Also where nothing can be delivered any more and no limit was given."""
    spec = spec_of(given, drain=None)
    assert end_ps(scenario(spec, fit(spec, flows))) > 10**15
    out = simulate(spec, fit(spec, flows))
    assert out.engine.now_ps < 10_000 * MS
