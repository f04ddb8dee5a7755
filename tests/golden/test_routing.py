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


def run(policy: str, flows: list[Flow], clos: dict[str, Any] = CLOS, **routing: Any) -> Outcome:
    chosen = {"policy": policy, "accept_retransmissions": True, **routing}
    return simulate(experiment(clos, routing=chosen), flows)


def uplinks(out: Outcome, leaf: int = 0, spines: int = 4) -> list[int]:
    return [out.queue(f"leaf{leaf}", f"spine{s}")["tx_bytes"] for s in range(spines)]


@pytest.mark.parametrize("policy", ["ecmp", "flowlet", "adaptive"])
def test_all_packets_are_accounted_for_and_the_same_comes_out_twice(policy: str) -> None:
    first, second = run(policy, PERMUTATION), run(policy, PERMUTATION)
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
