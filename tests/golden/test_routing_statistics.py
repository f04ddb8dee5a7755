# SPDX-License-Identifier: Apache-2.0
"""What theory says of a hash, of flowlets and of spraying, held against the engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.golden.lab import US, Flow, Outcome, experiment, simulate

BINS = 8
CLOS = {"leaves": 2, "spines": BINS, "hosts_per_leaf": 16}


def sent_by_uplink(out: Outcome, leaf: str = "leaf0", spines: int = BINS) -> np.ndarray:
    """Payload of each uplink."""
    return np.array([out.queue(leaf, f"spine{s}")["tx_payload_bytes"] for s in range(spines)])


def run(policy: str, flows: list[Flow], seed: int = 1, **more: Any) -> Outcome:
    routing = {"policy": policy, "accept_retransmissions": True, **more.pop("routing", {})}
    return simulate(experiment(more.pop("clos", CLOS), routing=routing, **more), flows, seed)


def test_a_hash_throws_flows_like_balls_into_bins() -> None:
    """Every uplink gets 1/n of all flows, with the variance of independent throws: over many
    seeds chi square per degree of freedom is 1, neither more (clumps) nor less (dealt out)."""
    balls, seeds = 64, 40
    flows = [Flow(i % 16, 16 + i // 4 % 16, 4096, lane=i // 16) for i in range(balls)]
    squares, total = [], np.zeros(BINS)
    for seed in range(seeds):
        bins = sent_by_uplink(run("ecmp", flows, seed)) / 4096
        assert bins.sum() == balls
        squares.append(float(((bins - balls / BINS) ** 2).sum() / (balls / BINS)))
        total += bins
    freedom = seeds * (BINS - 1)
    chi = sum(squares)
    # Six standard deviations of a chi-square variable with so many degrees.
    assert abs(chi - freedom) < 6 * math.sqrt(2 * freedom)
    share = total / (seeds * balls)
    assert np.abs(share - 1 / BINS).max() < 5 * math.sqrt((1 / BINS) / (seeds * balls))


@pytest.mark.parametrize(("balls", "bins", "mean_of_max"), [(8, 8, 2.59), (16, 8, 2.10 * 2)])
def test_the_fullest_bin_is_as_full_as_theory_has_it(
    balls: int, bins: int, mean_of_max: float
) -> None:
    """The mean of the busiest uplink's flows over many seeds, as 20,000 throws give it."""
    flows = [Flow(i, 16 + i, 4096) for i in range(balls)]
    most = [
        sent_by_uplink(run("ecmp", flows, seed), spines=bins).max() / 4096 for seed in range(60)
    ]
    error = float(np.std(most)) / math.sqrt(len(most))
    assert abs(float(np.mean(most)) - mean_of_max) < 4 * error + 0.02


@pytest.mark.parametrize("load", [1, 4])
def test_a_gap_above_the_difference_of_the_paths_delays_reorders_nothing(load: int) -> None:
    """The gap is longer than any packet of these bursts waits anywhere, so what went before has
    arrived when a flow moves; and flows do move."""
    clos = {"leaves": 4, "spines": 4, "hosts_per_leaf": 4}
    flows = [
        Flow(src, 4 + (src + burst) % 4, 60_000 * load, at_ps=burst * 90 * US + src * US, lane=0)
        for burst in range(10)
        for src in range(4)
    ]
    out = run("flowlet", flows, clos=clos, routing={"flowlet": {"gap": "60us"}})
    deepest = max(
        out.queue(a, b)["egress_watermark_bytes"]
        for leaf in range(4)
        for spine in range(4)
        for a, b in (
            (f"leaf{leaf}", f"spine{spine}"),
            (f"spine{spine}", f"leaf{leaf}"),
        )
    )
    assert 0 < 2 * deepest * 8 / 400e9 < 60e-6
    assert (sent_by_uplink(out, spines=4) > 0).sum() > 2
    assert out.engine.reordering()["early_packets"].sum() == 0
    assert out.counters["nak_packets"] == out.counters["retransmitted_packets"] == 0


@pytest.mark.parametrize("packets", [1, 7, 8, 9, 100, 8 * 30 + 5])
@pytest.mark.parametrize("design", ["l3", "l3-host", "evpn/l2vni"])
def test_spray_evens_uplinks_to_within_the_last_packet(packets: int, design: str) -> None:
    flow = Flow(0, 16, packets * 4096)
    transport = {"receiver": "selective-repeat"}
    out = run("spray", [flow], transport=transport, design=design)
    sent = sent_by_uplink(out) // 4096
    assert sent.sum() == packets
    assert sent.max() - sent.min() <= 1


@pytest.mark.parametrize("policy", ["ecmp", "pinned"])
def test_what_goes_by_the_flow_is_never_reordered(policy: str) -> None:
    """Also towards one receiver, whose queues hold up whole uplinks."""
    flows = [Flow(src, 16 + src % 2, 400_000, lane=lane) for src in range(8) for lane in range(2)]
    for seed in range(3):
        out = run(policy, flows, seed, transport={"receiver": "in-order"})
        assert out.engine.reordering()["early_packets"].sum() == 0
        assert (out.flows["status"] == "done").all()
