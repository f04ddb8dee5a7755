# SPDX-License-Identifier: Apache-2.0
"""What was lost and how far pauses spread."""

from __future__ import annotations

from typing import Any

from emu.report.analysis.losslessness import (
    drops_by_reason,
    pause_spread,
    port_groups,
    summarise,
)

LINKS = [
    {"link": 0, "a_port": 0, "b_port": 1, "a_tier": "endpoint", "b_tier": "leaf"},
    {"link": 1, "a_port": 2, "b_port": 3, "a_tier": "leaf", "b_tier": "spine"},
]


def port(number: int, tier: str, peer: str, pause: int) -> dict[str, Any]:
    return {"port": number, "tier": tier, "peer_tier": peer, "pfc_rx_pause_ps": pause}


def a_run(frames: Any, seed: int, lost: int, paused: list[dict[str, Any]]) -> Any:
    return frames.run(
        seed=seed,
        links=LINKS,
        ports=paused,
        counters={
            "dropped_packets": lost,
            "retransmitted_bytes": 10 * lost,
            "dropped_by_reason": {"no_route": lost},
        },
    )


def test_mean_and_range_over_seeds(frames: Any) -> None:
    loss = summarise([a_run(frames, 1, 0, []), a_run(frames, 2, 4, [])])
    assert (loss.lost_packets.value, loss.lost_packets.low, loss.lost_packets.high) == (2, 0, 4)
    assert not loss.lossless
    assert loss.retransmitted_bytes.high == 40


def test_lossless_means_no_seed_lost_anything(frames: Any) -> None:
    assert summarise([a_run(frames, 1, 0, []), a_run(frames, 2, 0, [])]).lossless


def test_reasons_are_means_and_zero_reasons_vanish(frames: Any) -> None:
    runs = [a_run(frames, 1, 0, []), a_run(frames, 2, 4, [])]
    assert drops_by_reason(runs) == {"no_route": 2.0}
    assert drops_by_reason(runs[:1]) == {}


def test_every_direction_counts_its_ports(frames: Any) -> None:
    groups = port_groups(a_run(frames, 1, 0, []))
    assert groups.set_index("group")["ports"].to_dict() == {
        "leaf → host": 1, "spine → leaf": 1, "leaf → spine": 1, "host → leaf": 1,
    }  # fmt: skip


def test_spread_runs_from_the_receiver_back_to_the_senders(frames: Any) -> None:
    runs = [
        a_run(frames, 1, 0, [port(1, "leaf", "endpoint", 50), port(3, "spine", "leaf", 20)]),
        a_run(frames, 2, 0, [port(1, "leaf", "endpoint", 30), port(3, "spine", "leaf", 0)]),
    ]
    spread = pause_spread(runs)
    assert spread["group"].tolist() == ["leaf → host", "spine → leaf", "leaf → spine",
                                        "host → leaf"]  # fmt: skip
    assert spread["paused_ports"].tolist() == [1.0, 0.5, 0.0, 0.0]
    assert spread["pause_ps"].tolist() == [40.0, 10.0, 0.0, 0.0]
    loss = summarise(runs)
    assert loss.tiers == ("leaf → host", "spine → leaf")
    assert (loss.paused_ports.low, loss.paused_ports.high, loss.ports) == (1, 2, 4)


def test_priorities_of_one_port_are_one_port(frames: Any) -> None:
    ports = [port(1, "leaf", "endpoint", 5) | {"priority": p} for p in (3, 4)]
    assert summarise([a_run(frames, 1, 0, ports)]).paused_ports.value == 1
