# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault by its mechanism: what it does to packets, and that it does no more."""

from __future__ import annotations

from typing import Any

import pytest

from emu.errors import SpecError
from emu.fabric.fec import CODES, codeword_loss
from tests.golden.lab import MS, US, Flow, Outcome, experiment, scenario, simulate

HEADERS = 14 + 20 + 8 + 12 + 16 + 4 + 4 + 4
"""Of the largest frame: first and last of its message at once."""
ACROSS = [Flow(0, 2, 4_000_000), Flow(1, 3, 4_000_000)]


def run(fault: dict[str, Any], flows: list[Flow] = ACROSS, **more: Any) -> Outcome:
    more.setdefault("nic", {"retransmit_timeout": "200us", "retry_count": 3})
    more.setdefault("stop", {"drain": "20ms"})
    return simulate(experiment(faults=[{"at": "0", **fault}], **more), flows)


def check_counts(out: Outcome) -> None:
    """Every packet that began has ended, with a reason, or is under way."""
    c = out.counters
    ended = c["delivered_packets"] + c["discarded_packets"] + c["dropped_packets"]
    assert c["injected_packets"] == ended + c["inflight_packets"]


def lossless(out: Outcome) -> bool:
    return not out.drops and bool((out.flows["status"] == "done").all())


# -- optics -------------------------------------------------------------------


@pytest.mark.parametrize("fec", ["kp4", "kr4"])
def test_frames_are_lost_as_often_as_their_codewords_fail(fec: str) -> None:
    """A frame of n bytes that begins anywhere in a codeword of 640 lies in 1 + (n - 1)/640."""
    ber = {"kp4": 1.6e-3, "kr4": 6e-4}[fec]
    lost = codeword_loss(ber, CODES[fec])
    out = run(
        {"kind": "link-degraded", "link": "leaf0-spine0", "sender": "leaf0", "pre_fec_ber": ber,
         "fec": fec},
        [Flow(0, 2, 40_960_000)],
        transport={"receiver": "selective-repeat"},
    )  # fmt: skip
    assert (out.flows["status"] == "done").all()
    frame = 4096 + 62 + 8  # headers without RETH, and the preamble
    expected = lost * (1 + (frame - 1) / 640)
    sent = int(out.counters["data_packets"])
    assert out.drops.keys() == {"link_error"}
    got = out.drops["link_error"] / sent
    assert got == pytest.approx(expected, rel=0.15), (expected, sent)


def test_a_link_within_its_margin_loses_nothing() -> None:
    """At 2.4e-4, where KP4 is specified, one codeword in a million million fails."""
    fault = {"kind": "link-degraded", "link": "leaf0-spine0", "pre_fec_ber": 2.4e-4}
    assert lossless(run(fault))


def test_small_frames_survive_what_kills_large_ones() -> None:
    """Where half the codewords fail, one in some hundred data frames gets through, and half of the
    acknowledgements."""
    fault = {"kind": "link-degraded", "link": "leaf0-spine0", "pre_fec_ber": 2.9e-3}
    share = codeword_loss(2.9e-3, CODES["kp4"])
    assert 0.4 < share < 0.6
    down = run({**fault, "sender": "leaf0"}, [Flow(0, 2, 40_960)])
    assert (down.flows["status"] == "failed").all()
    back = run({**fault, "sender": "spine0"}, [Flow(0, 2, 40_960)])
    assert (back.flows["end_ps"] >= 0).all(), "only acknowledgements come by that way"


# -- MTU ----------------------------------------------------------------------


def test_data_dies_where_acknowledgements_and_small_messages_pass() -> None:
    fault = {"kind": "mtu-mismatch", "link": "leaf0-spine0", "mtu": "1500B", "receiver": "spine0"}
    out = run(fault, [Flow(0, 2, 40_960), Flow(1, 3, 1000), Flow(2, 0, 40_960)])
    status = out.flows["status"].tolist()
    assert status == ["failed", "done", "done"]
    assert out.drops.keys() == {"mtu_exceeded"}
    drops = out.engine.port_drops()["mtu_exceeded"]["packets"]
    assert drops[out.port("spine0", "leaf0")] == drops.sum() > 0


@pytest.mark.parametrize("delta", [0, -1])
def test_the_limit_is_exact(delta: int) -> None:
    """One packet with all its headers: of the frame, 18 bytes are Ethernet's."""
    mtu = 4000 + HEADERS - 18 + delta
    fault = {"kind": "mtu-mismatch", "link": "h0.0-leaf0", "mtu": f"{mtu}B"}
    out = run(fault, [Flow(0, 2, 4000)])
    assert lossless(out) == (delta == 0)


def test_an_mtu_that_forgets_the_tunnel_kills_encapsulated_frames_only() -> None:
    """50 bytes of outer headers."""
    fault = {"kind": "mtu-mismatch", "link": "leaf0-spine0", "mtu": f"{4000 + HEADERS + 31}B"}
    one = [Flow(0, 2, 4000)]
    assert lossless(run(fault, one, design="l3"))
    out = run(fault, one, design={"name": "evpn", "variant": "l2vni"})
    assert (out.flows["status"] == "failed").all()
    assert out.drops["mtu_exceeded"] > 0


def test_an_mtu_that_nothing_exceeds_is_refused() -> None:
    with pytest.raises(Exception, match="nothing would be discarded"):
        run({"kind": "mtu-mismatch", "link": "leaf0-spine0", "mtu": "9000B"})


# -- PFC classes --------------------------------------------------------------

SMALL = {
    "buffer": "4MB",
    "lossy": {"alpha": 0.05},
    "pfc": {"headroom": "150KB", "headroom_pool": None, "alpha": 0.05},
    "ecn": {"enabled": False},
}
INCAST = [Flow(src, 0, 3_000_000) for src in (1, 2, 3)]


def test_a_switch_that_calls_the_wrong_class_lossless_drops_data() -> None:
    healthy = simulate(experiment(switch=SMALL, stop={"drain": "20ms"}), INCAST)
    assert lossless(healthy)
    assert healthy.counters["pfc_frames"] > 0
    out = run({"kind": "pfc-priority", "switch": "leaf0", "priorities": [4]}, INCAST, switch=SMALL)
    assert out.drops["egress_limit"] > 0
    assert out.queue("leaf0", "h1.0")["pfc_tx_frames"] == 0, "it pauses nobody"


def test_a_switch_that_ignores_pauses_overruns_the_one_that_asks() -> None:
    """leaf1 sends on although spine0 pauses it, until the headroom is full."""
    fault = {"kind": "pfc-priority", "switch": "leaf1", "priorities": []}
    out = run(fault, [Flow(2, 0, 3_000_000), Flow(3, 0, 3_000_000), Flow(1, 0, 3_000_000)],
              switch=SMALL)  # fmt: skip
    assert out.drops.keys() & {"headroom_exceeded", "egress_limit"}
    assert out.queue("leaf1", "spine0")["pfc_rx_pause_ps"] == 0


def test_classes_come_back_with_the_buffer_accounts_in_order() -> None:
    """Changed under load, both ways; when all has left, the pool is empty again."""
    fault = {"kind": "pfc-priority", "switch": "leaf0", "priorities": [], "at": "40us",
             "for": "60us"}  # fmt: skip
    out = run(fault, INCAST, switch=SMALL)
    assert (out.flows["status"] == "done").all()
    out.engine.run_until(out.engine.now_ps + 50 * MS)
    assert (out.engine.switches()["pool_used_bytes"] == 0).all()
    after = [Flow(src, 0, 3_000_000, at_ps=30 * MS) for src in (1, 2, 3)]
    again = run({**fault, "at": "40us"}, after, switch=SMALL)
    assert lossless(again), "what comes later finds the profile's classes"


# -- hash seeds ---------------------------------------------------------------


def test_equal_seeds_leave_links_unused() -> None:
    """A leaf picks one of 4 uplinks, its spine one of 2 links down by the same hash: flows that
    chose the spine agree in what it looks at."""
    clos = {"spines": 2, "parallel_links": 2, "hosts_per_leaf": 8}
    flows = [Flow(s, d, 8192, lane=k) for s in range(8) for d in range(8, 16) for k in range(2)]
    used = {}
    for name, faults in (
        ("own", []),
        ("same", [{"kind": "same-hash-seed", "at": "0"}]),
        ("over", [{"kind": "same-hash-seed", "at": "0", "for": "1ms"}]),
    ):
        late = [Flow(f.src, f.dst, f.size, 2 * MS, lane=f.lane) for f in flows]
        out = simulate(experiment(clos, faults=faults), late if name == "over" else flows)
        assert lossless(out)
        queues, fabric = out.engine.queues(), out.scenario.fabric
        down = [
            int(out.ports.to_engine[p])
            for s in (fabric.node("spine0").id, fabric.node("spine1").id)
            for p in fabric.ports_of(s)
            if fabric.nodes[fabric.peer_node(p)].name == "leaf1"
        ]
        used[name] = sum(int(queues["tx_payload_bytes"][p * 8 + 3]) > 0 for p in down)
    assert used == {"own": 4, "same": 2, "over": 4}


# -- bridging loop ------------------------------------------------------------

LOOPED = {"spines": 2, "hosts_per_leaf": 2}
LOOP = {"kind": "bridging-loop", "link": "leaf1-spine1", "at": "5us", "for": "200us"}


@pytest.mark.parametrize("variant", ["rstp", "mlag"])
def test_broadcasts_go_round_until_the_loop_is_over(variant: str) -> None:
    """Four hosts broadcast once; each frame passes each switch of the loop every few
    microseconds, both ways, and everybody hears it each time."""
    clos = LOOPED if variant == "rstp" else {"spines": 4, "hosts_per_leaf": 2, "peer_links": 1}
    loop = LOOP if variant == "rstp" else {**LOOP, "link": "leaf1-spine2"}
    flows = [Flow(0, 2, 40_000_000), Flow(3, 1, 40_000_000)]
    design = f"stretched-l2/{variant}"
    quiet = simulate(experiment(clos, design=design, stop={"drain": "30ms"}), flows)
    assert lossless(quiet)
    assert quiet.counters["flooded_packets"] < 10
    patient = {"retransmit_timeout": "200us", "retry_count": 7}
    out = run(loop, flows, clos=clos, design=design, nic=patient)
    span_us, turn_us = 200, 4 * 0.65 + 1
    assert out.counters["arp_packets"] >= 4
    assert out.counters["flooded_packets"] > 4 * span_us / turn_us
    assert out.drops["stp_blocked"] >= 4, "what is under way when ports block again ends there"
    # What the last rounds taught a switch stays until the host speaks, as in real ones.
    stale = out.drops.get("same_port", 0) > 0
    assert stale or (out.flows["status"] == "done").all()
    check_counts(out)


def test_a_loop_ends_at_its_end() -> None:
    out = run(LOOP, [Flow(0, 2, 40_000_000)], clos=LOOPED, design="stretched-l2/rstp")
    before = out.counters["flooded_packets"]
    assert out.engine.now_ps > 300 * US
    out.engine.run_until(out.engine.now_ps + 10 * MS)
    assert out.counters["flooded_packets"] == before


@pytest.mark.parametrize("design", ["l3", "evpn/l2vni"])
def test_a_design_that_routes_has_no_port_to_unblock(design: str) -> None:
    spec = experiment(LOOPED, design=design, faults=[LOOP])
    with pytest.raises(SpecError, match="no spanning tree blocks a port"):
        scenario(spec, ACROSS)


def test_a_link_of_the_tree_closes_no_loop() -> None:
    spec = experiment(LOOPED, design="stretched-l2/rstp", faults=[{**LOOP, "link": "leaf1-spine0"}])
    with pytest.raises(SpecError, match="does not block leaf1-spine0") as caught:
        scenario(spec, ACROSS)
    assert caught.value.faults[0].hint == "blocked are leaf1-spine1"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "pfc-priority", "switch": "leaf0", "priorities": [3]}, "nothing would change"),
        ({"kind": "same-hash-seed", "switches": ["leaf0"]}, "leaf0 alone has no seed to share"),
        ({"kind": "same-hash-seed", "switches": ["leef*"]}, "no switch that matches 'leef"),
        ({"kind": "mtu-mismatch", "link": "leaf0-spine0", "mtu": "1500B", "receiver": "h0"},
         "no end of the link 'h0'"),
    ],
)  # fmt: skip
def test_what_changes_nothing_or_names_nothing_is_refused(
    fault: dict[str, Any], message: str
) -> None:
    spec = experiment(faults=[{"at": "1us", **fault}])
    with pytest.raises(SpecError, match=message):
        scenario(spec, ACROSS)


def test_times_are_in_the_events_at_the_picosecond() -> None:
    from emu.sim.timeline import Timeline

    faults = [
        {"kind": "pfc-priority", "switch": "leaf0", "priorities": [4], "at": "10us", "for": "5us"},
        {"kind": "same-hash-seed", "at": "20us", "for": "5us"},
        {"kind": "mtu-mismatch", "link": "leaf0-spine0", "mtu": "1500B", "at": "30us",
         "for": "5us"},
    ]  # fmt: skip
    given = scenario(experiment(faults=faults), ACROSS)
    timeline = Timeline.__new__(Timeline)
    timeline._fabric = given.fabric
    rows = [timeline.event(update) for update in given.plan.timeline]
    found = {(r["kind"], r["phase"], r["t_ps"]) for r in rows if r["kind"] != "note"}
    assert found == {
        ("pfc-classes", "start", 10 * US),
        ("pfc-classes", "end", 15 * US),
        ("hash-seed", "start", 20 * US),
        ("hash-seed", "end", 25 * US),
        ("frame-limit", "start", 30 * US),
        ("frame-limit", "end", 35 * US),
    }
