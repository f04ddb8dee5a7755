# SPDX-License-Identifier: Apache-2.0
"""What each routing policy promises, on small fabrics."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from emu.errors import SpecError
from tests.golden.lab import US, Flow, Outcome, experiment, simulate

CLOS = {"leaves": 4, "spines": 4, "hosts_per_leaf": 4}
PERMUTATION = [Flow(i, (i + 4) % 16, 500_000) for i in range(16)]
RECEIVERS = ["go-back-n", "in-order", "selective-repeat"]


def run(
    policy: str,
    flows: list[Flow],
    clos: dict[str, Any] = CLOS,
    transport: dict[str, Any] | None = None,
    **routing: Any,
) -> Outcome:
    chosen = {"policy": policy, "accept_retransmissions": True, **routing}
    return simulate(experiment(clos, routing=chosen, transport=transport or {}), flows)


def uplinks(out: Outcome, leaf: int = 0, spines: int = 4) -> list[int]:
    return [out.queue(f"leaf{leaf}", f"spine{s}")["tx_bytes"] for s in range(spines)]


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("policy", ["ecmp", "flowlet", "adaptive", "spray", "pinned"])
def test_all_packets_are_accounted_for_and_the_same_comes_out_twice(
    policy: str, receiver: str
) -> None:
    flows = PERMUTATION[:6]
    first, second = (run(policy, flows, transport={"receiver": receiver}) for _ in range(2))
    counts = first.counters
    assert (first.flows["status"] == "done").all()
    assert counts["injected_packets"] == (
        counts["delivered_packets"] + counts["dropped_packets"] + counts["inflight_packets"]
    )
    assert first.drops == {}
    assert first.flows.equals(second.flows)
    assert counts == second.counters


def test_flowlets_with_a_gap_above_the_difference_of_the_paths_reorder_nothing() -> None:
    # Bursts with silences of 60 us; a queue that one burst meets holds less than 50 us.
    flows = [
        Flow(src, src + 4, 200_000, at_ps=burst * 70 * US + src * US)
        for burst in range(12)
        for src in range(8)
    ]
    out = run("flowlet", flows, flowlet={"gap": "50us"})
    used = [sum(load > 100_000 for load in uplinks(out, leaf)) for leaf in (0, 1)]
    assert used == [4, 4], "flows moved"
    assert out.counters["nak_packets"] == 0
    assert out.counters["retransmitted_packets"] == 0


def test_a_gap_below_the_queueing_delay_reorders() -> None:
    flows = [Flow(src, 4 + src % 4, 2_000_000) for src in (0, 1, 2, 3, 8, 9, 10, 11)]
    out = run("flowlet", flows, flowlet={"gap": "1ns"})
    assert out.counters["nak_packets"] > 0


def test_adaptive_keeps_uplinks_even_where_the_hash_does_not() -> None:
    even = uplinks(run("adaptive", PERMUTATION))
    hashed = uplinks(run("ecmp", PERMUTATION))
    assert max(even) < 1.1 * sum(even) / 4
    assert max(hashed) > 1.5 * sum(hashed) / 4


def test_go_back_n_punishes_what_adaptive_routing_reorders() -> None:
    hashed, adaptive = run("ecmp", PERMUTATION), run("adaptive", PERMUTATION)
    assert hashed.counters["retransmitted_packets"] == 0
    assert adaptive.counters["retransmitted_packets"] > len(PERMUTATION) * 100
    assert adaptive.flows["end_ps"].max() > hashed.flows["end_ps"].max()


def test_control_packets_keep_the_path_of_their_hash() -> None:
    """The ACKs of one queue pair all take one uplink, whatever the data does."""
    out = run("adaptive", [Flow(0, 4, 500_000)])
    back = [out.queue("leaf1", f"spine{s}")["tx_packets"] for s in range(4)]
    assert sorted(back)[:3] == [0, 0, 0]
    assert back != [0, 0, 0, 0]


def test_a_known_dead_port_is_avoided_before_routes_change() -> None:
    """Adaptive routing stops using a port when it is seen to be down; ECMP waits for BGP."""
    fault = {"kind": "link-down", "link": "leaf0-spine0[0]", "at": "0s"}
    timers = {"loss_of_signal": "1us", "bgp_local_repair": "100ms"}
    flows = [Flow(src, src + 4, 400_000, at_ps=3 * US) for src in range(4)]
    lost = {}
    for policy in ("ecmp", "flowlet", "adaptive"):
        routing = {"policy": policy, "accept_retransmissions": True}
        spec = experiment(
            CLOS, routing=routing, faults=[fault], timers=timers, stop={"at": "300us"}
        )
        out = simulate(spec, flows, seed=3)
        # What the spine sends back into the dead link is not the leaf's to avoid.
        lost[policy] = int(
            out.engine.port_drops()["link_down"]["packets"][out.port("leaf0", "spine0")]
        )
    assert lost["ecmp"] > 0
    assert lost["flowlet"] == lost["adaptive"] == 0


def test_the_global_variant_avoids_what_waits_behind_a_spine() -> None:
    """A spine's dead downlink is known to the leaves after the delay, long before BGP says so."""
    clos = {"leaves": 2, "spines": 4, "hosts_per_leaf": 4}
    fault = {"kind": "link-down", "link": "leaf1-spine2[0]", "at": "0s"}
    timers = {"loss_of_signal": "1us", "bgp_local_repair": "100ms"}
    flows = [Flow(0, 4, 400_000, at_ps=30 * US)]
    sent = {}
    for remote in (None, {"interval": "2us", "delay": "10us"}):
        routing = {
            "policy": "adaptive", "accept_retransmissions": True, "adaptive": {"remote": remote},
        }  # fmt: skip
        spec = experiment(
            clos, routing=routing, faults=[fault], timers=timers, stop={"at": "200us"}
        )
        out = simulate(spec, flows)
        sent[remote is not None] = out.queue("leaf0", "spine2")["tx_packets"]
    assert sent[False] > 0
    assert sent[True] == 0


def test_policies_say_where_they_have_nothing_to_choose_from() -> None:
    spec = experiment(CLOS, design="stretched-l2/rstp", routing={"policy": "flowlet"})
    with pytest.raises(SpecError, match="stretched-l2/rstp: the spanning tree leaves one path"):
        simulate(spec, PERMUTATION)


def test_per_packet_policies_need_the_flag_that_names_the_consequence() -> None:
    with pytest.raises(ValidationError, match=r"accept_retransmissions: true"):
        experiment(CLOS, routing={"policy": "adaptive"})


def test_a_lag_over_two_spines_is_noted() -> None:
    clos = {**CLOS, "peer_links": 1}
    spec = experiment(clos, design="stretched-l2/mlag", routing={"policy": "flowlet"})
    out = simulate(spec, PERMUTATION)
    assert any("two spines at most" in note for note in out.scenario.plan.notes)


def test_spray_evens_uplinks_to_within_a_packet_per_queue_pair() -> None:
    """Whole rounds over the uplinks: of one queue pair each carries the same number."""
    packets = 4 * 30 + 3
    out = run("spray", [Flow(0, 4, packets * 4096)], transport={"receiver": "selective-repeat"})
    sent = [out.queue("leaf0", f"spine{s}")["tx_packets"] for s in range(4)]
    assert sorted(sent) == [30, 31, 31, 31]
    many = [Flow(src, src + 4, 200 * 4096 + 4096 * src) for src in range(4)]
    out = run("spray", many, transport={"receiver": "selective-repeat"})
    sent = [out.queue("leaf0", f"spine{s}")["tx_packets"] for s in range(4)]
    assert max(sent) - min(sent) <= len(many)


def test_spray_reads_another_digit_at_the_next_tier() -> None:
    """Three tiers: all four paths through two spines and their super-spines carry the same."""
    clos = {
        "tiers": 3, "pods": 2, "leaves": 2, "spines": 2, "super_spines": 4, "hosts_per_leaf": 1,
    }  # fmt: skip
    packets = 400
    out = run("spray", [Flow(0, 3, packets * 4096)], clos, {"receiver": "selective-repeat"})
    queues = out.engine.queues()
    built = out.scenario.fabric
    per_super = []
    for node in built.switches:
        if built.nodes[node].kind.value != "super_spine":
            continue
        numbers = [int(out.ports.to_engine[p]) for p in built.ports_of(node)]
        data = sum(int(queues["tx_payload_bytes"][8 * n + 3]) for n in numbers)
        per_super.append(data // 4096)
    used = [n for n in per_super if n]
    assert len(used) == 4
    assert set(used) == {packets // 4}


def test_pinned_paths_spread_what_the_hash_lets_collide_and_reorder_nothing() -> None:
    out = run("pinned", PERMUTATION)
    for leaf in range(4):
        loads = uplinks(out, leaf)
        assert max(loads) < 1.02 * sum(loads) / 4
    assert out.counters["nak_packets"] == 0
    hashed = run("ecmp", PERMUTATION)
    assert out.flows["end_ps"].max() < 0.6 * hashed.flows["end_ps"].max()


def test_pinned_paths_differ_also_towards_one_receiver() -> None:
    """Queue pairs that share the last link are spread over all uplinks before it."""
    clos = {**CLOS, "spines": 2, "parallel_links": 2}
    flows = [Flow(src, 4, 400_000, lane=lane) for src in range(4) for lane in range(2)]
    out = run("pinned", flows, clos)
    fabric = out.scenario.fabric
    sent = [
        int(out.engine.queues()["tx_payload_bytes"][8 * int(out.ports.to_engine[p]) + 3])
        for p in fabric.ports_of(fabric.node("leaf0").id)
        if fabric.nodes[fabric.peer_node(p)].name.startswith("spine")
    ]
    assert sent == [800_000] * 4


def test_pinned_queue_pairs_of_a_dead_uplink_move_and_the_others_stay() -> None:
    fault = {"kind": "link-down", "link": "leaf0-spine0[0]", "at": "0s"}
    timers = {"loss_of_signal": "1us", "bgp_local_repair": "0s"}
    flows = [Flow(src, src + 4, 400_000, at_ps=20 * US) for src in range(4)]
    routing = {"policy": "pinned"}
    healthy = simulate(experiment(CLOS, routing=routing), flows)
    broken = simulate(
        experiment(CLOS, routing=routing, faults=[fault], timers=timers, stop={"at": "300us"}),
        flows,
    )
    before, after = uplinks(healthy), uplinks(broken)
    assert after[0] < 1_000
    moved = [b - a for a, b in zip(before[1:], after[1:], strict=True)]
    assert min(moved) > -5_000, "the other queue pairs are where they were"
    assert max(moved) > 300_000, "that of the dead uplink is on one of theirs"


def test_a_full_reorder_buffer_discards_and_everything_from_the_gap_is_sent_again() -> None:
    transport = {"receiver": "in-order", "reorder_full": "discard"}
    small = run("adaptive", PERMUTATION, transport={**transport, "reorder_buffer": "8192B"})
    large = run("adaptive", PERMUTATION, transport={**transport, "reorder_buffer": "1MB"})
    assert small.engine.reordering()["discarded_packets"].sum() > 0
    assert small.counters["nak_packets"] > 0
    assert small.counters["retransmitted_packets"] > 0
    assert large.engine.reordering()["early_packets"].sum() > 0
    assert large.engine.reordering()["discarded_packets"].sum() == 0
    assert large.counters["retransmitted_packets"] == 0
    assert large.flows["end_ps"].max() < small.flows["end_ps"].max()


@pytest.mark.parametrize("verb", ["write", "read"])
@pytest.mark.parametrize("full", ["wait", "discard"])
def test_reordering_below_the_buffer_costs_no_packet(full: str, verb: str) -> None:
    """No loss, and nobody is overtaken by more packets than the buffer holds."""
    flows = [Flow(f.src, f.dst, f.size, verb=verb) for f in PERMUTATION]
    out = run("adaptive", flows, transport={"receiver": "in-order", "reorder_full": full})
    assert 0 < out.engine.reordering()["early_max_packets"].max() < 256
    assert out.counters["retransmitted_packets"] == 0
    assert out.counters["data_packets"] == sum(-(-f.size // 4096) for f in flows)


@pytest.mark.parametrize("verb", ["write", "read"])
@pytest.mark.parametrize("loss_after", [8, 64, 256])
def test_one_loss_costs_an_in_order_receiver_what_a_round_trip_holds(
    loss_after: int, verb: str
) -> None:
    """From the gap on everything goes again, until the sender hears that the gap is closed."""
    loss = {
        "kind": "link-degraded", "link": "leaf0-spine0[0]", "sender": "leaf0", "at": "50us",
        "for": "84ns", "loss": 1.0,
    }  # fmt: skip
    again = {}
    for receiver in ("go-back-n", "in-order"):
        transport = {"receiver": receiver, "loss_after": loss_after}
        spec = experiment({"hosts_per_leaf": 1}, transport=transport, faults=[loss])
        out = simulate(spec, [Flow(0, 1, 8_000_000, verb=verb)])
        assert out.drops == {"link_error": 1}
        assert out.counters["timeouts"] == 0
        again[receiver] = out.counters["retransmitted_packets"]
    # Go-back-N stops discarding when the first packet of the answer comes: one round trip.
    assert again["go-back-n"] == 64
    assert again["in-order"] <= again["go-back-n"]


def incast(verb: str = "write") -> list[Flow]:
    """Everybody sends to its neighbour and some also to one receiver: PFC holds uplinks."""
    return [Flow(i, (i + 4) % 16, 4_000_000, verb=verb) for i in range(16)] + [
        Flow(i, 4, 2_000_000, verb=verb) for i in range(8, 14)
    ]


@pytest.mark.parametrize("verb", ["write", "read"])
def test_a_sender_that_knows_the_buffer_never_finds_it_full(verb: str) -> None:
    transport = {"receiver": "in-order", "reorder_buffer": "64KiB"}
    out = run("adaptive", incast(verb), transport=transport)
    raw = out.engine.reordering()
    assert raw["early_max_packets"].max() < 16
    assert raw["discarded_packets"].sum() == 0
    assert out.counters["retransmitted_packets"] == 0


@pytest.mark.parametrize("verb", ["write", "read"])
def test_what_is_discarded_of_an_answer_is_asked_for_again_without_a_timeout(verb: str) -> None:
    transport = {
        "receiver": "in-order", "reorder_buffer": "64KiB", "reorder_full": "discard",
    }  # fmt: skip
    out = run("adaptive", incast(verb), transport=transport)
    assert out.engine.reordering()["discarded_packets"].sum() > 1_000
    assert out.counters["timeouts"] == 0
    assert (out.flows["status"] == "done").all()


def test_a_bitmap_repeats_what_is_missing_and_nothing_else() -> None:
    loss = {"kind": "link-degraded", "link": "leaf0-spine0[0]", "at": "0s", "loss": 0.02}
    clos = {"leaves": 2, "spines": 1, "hosts_per_leaf": 1}
    lost, again = {}, {}
    for receiver in RECEIVERS:
        transport = {"receiver": receiver, "loss_after": 8}
        nic = {"ack_interval": 4}
        spec = experiment(clos, transport=transport, nic=nic, faults=[loss])
        out = simulate(spec, [Flow(0, 1, 4_000_000)])
        assert (out.flows["status"] == "done").all()
        # In this direction: the other one carries ACKs.
        gone = out.engine.port_drops()["link_error"]["packets"]
        lost[receiver] = int(gone[out.port("leaf0", "spine0")])
        again[receiver] = out.counters["retransmitted_packets"]
    assert lost["selective-repeat"] > 10
    assert again["selective-repeat"] == lost["selective-repeat"]
    assert again["go-back-n"] > 3 * lost["go-back-n"]
    assert again["in-order"] > 3 * lost["in-order"]


def test_a_sender_is_never_further_ahead_than_the_bitmap_reaches() -> None:
    transport = {"receiver": "selective-repeat", "window": 16}
    out = run("adaptive", PERMUTATION, transport=transport, adaptive={"quantum": "256KB"})
    raw = out.engine.reordering()
    assert raw["early_max_packets"].max() < 16
    assert (out.flows["status"] == "done").all()


def test_feedback_avoids_a_path_that_loses_everything() -> None:
    """A black hole behind one spine: values that lead there do not come back."""
    hole = {"kind": "link-degraded", "link": "leaf1-spine2[0]", "at": "0s", "loss": 1.0}
    clos = {"leaves": 2, "spines": 4, "hosts_per_leaf": 1}
    lost = {}
    for entropy in ("oblivious", "feedback"):
        spec = experiment(
            clos,
            routing={"policy": "spray", "spray": {"entropy": entropy}},
            transport={"receiver": "selective-repeat", "window": 64, "loss_after": 16},
            nic={"ack_interval": 4, "retransmit_timeout": "100us"},
            faults=[hole],
        )
        out = simulate(spec, [Flow(0, 1, 8_000_000)])
        assert (out.flows["status"] == "done").all()
        lost[entropy] = out.drops["link_error"]
    assert lost["oblivious"] > 500, "a quarter of all packets"
    assert lost["feedback"] < lost["oblivious"] / 5


@pytest.mark.parametrize("design", ["l3", "evpn/l2vni"])
def test_feedback_comes_back_through_tunnels(design: str) -> None:
    spec = experiment(
        CLOS,
        design=design,
        routing={"policy": "spray", "spray": {"entropy": "feedback", "values": 256}},
        transport={"receiver": "in-order"},
    )
    out = simulate(spec, PERMUTATION)
    assert (out.flows["status"] == "done").all()
    assert max(uplinks(out)) < 1.3 * sum(uplinks(out)) / 4


def test_feedback_needs_a_receiver_that_tells() -> None:
    with pytest.raises(ValidationError, match="feedback needs a receiver"):
        experiment(
            CLOS,
            routing={
                "policy": "spray", "spray": {"entropy": "feedback"}, "accept_retransmissions": True,
            },
        )  # fmt: skip


def test_spines_of_an_overlay_cannot_pin_what_they_do_not_see() -> None:
    clos = {
        "tiers": 3, "pods": 2, "leaves": 2, "spines": 2, "super_spines": 4, "hosts_per_leaf": 1,
    }  # fmt: skip
    spec = experiment(clos, design="evpn", routing={"policy": "pinned"})
    with pytest.raises(SpecError, match="see outer headers only"):
        simulate(spec, [Flow(0, 3, 1)])
