# SPDX-License-Identifier: Apache-2.0
"""routing.policy: controller, on small fabrics: when it acts, and what it achieves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from emu.sim.run import run_variant
from emu.spec import load_experiment
from emu.telemetry import Run
from tests.golden.lab import US, Flow, Outcome, experiment, simulate

CLOS = {"leaves": 2, "spines": 2, "hosts_per_leaf": 4}
LANES = 16
SIZE = 4_000_000
FLOWS = [
    Flow(src, src + 4, SIZE // LANES * (8 if lane < 2 else 1), lane=lane)
    for src in range(4)
    for lane in range(LANES)
]
"""Of each host's 16 queue pairs two carry more than the others together."""


def run(flows: list[Flow] = FLOWS, seed: int = 1, **controller: Any) -> Outcome:
    routing = {
        "policy": "controller",
        "controller": {"interval": "20us", "delay": "5us", **controller},
    }
    return simulate(experiment(CLOS, cc="dcqcn", routing=routing), flows, seed)


def moves(out: Outcome) -> pd.DataFrame:
    assert out.steering is not None
    return pd.DataFrame(out.steering.events)


def uplinks(out: Outcome) -> list[int]:
    return [out.queue("leaf0", f"spine{s}")["tx_bytes"] for s in range(2)]


def test_slots_are_dealt_out_evenly_and_nothing_moves_before_the_first_look() -> None:
    out = run([Flow(0, 4, 100_000)], interval="1s", delay=0)
    assert moves(out).empty
    ((_, members, slots, counts),) = out.engine.slots(0)
    assert [slots.count(port) for port in members] == [32, 32]
    # Of the data packets alone; an ACK keeps the path of its hash.
    assert sum(count > 0 for count in counts) == 1
    packets = -(-100_000 // 4096)
    # Preamble and gap are on the link and not in a frame.
    assert sum(counts) == sum(uplinks(out)) - 20 * packets
    assert out.engine.slots(1) == []


def test_moves_happen_a_delay_after_a_look_and_at_no_other_time() -> None:
    found = moves(run())
    assert len(found) > 3
    assert set(found["t_ps"] % (20 * US)) == {5 * US}
    per_look = found.groupby(["t_ps", "node"]).size()
    assert per_look.max() == 1
    two = moves(run(moves_max=2))
    assert two.groupby(["t_ps", "node"]).size().max() == 2


def test_without_delay_a_look_and_its_moves_are_one_moment() -> None:
    assert set(moves(run(delay=0))["t_ps"] % (20 * US)) == {0}


def test_uplinks_become_more_even() -> None:
    even = [Flow(f.src, f.dst, SIZE // LANES, lane=f.lane) for f in FLOWS]
    for seed in (1, 2, 3):
        steered, left_alone = run(even, seed=seed), run(even, seed=seed, interval="1s")
        assert (steered.flows["status"] == "done").all()
        before, after = (max(uplinks(o)) / min(uplinks(o)) for o in (left_alone, steered))
        assert after < before, seed


def test_of_two_elephants_on_one_uplink_one_is_moved_and_both_end_earlier() -> None:
    flows = [Flow(0, 4, 20_000_000), Flow(1, 5, 20_000_000)]
    for seed in range(1, 20):
        left_alone = run(flows, seed, interval="1s")
        if min(uplinks(left_alone)) == 0:
            break
    assert min(uplinks(left_alone)) == 0, "with no seed they meet"
    steered = run(flows, seed)
    assert min(uplinks(steered)) > 0.4 * max(uplinks(steered))
    assert steered.flows["end_ps"].max() < 0.7 * left_alone.flows["end_ps"].max()
    # The price: what is sent on the empty uplink overtakes what waits for the full one.
    assert left_alone.counters["retransmitted_packets"] == 0
    assert steered.counters["retransmitted_packets"] > 0


def test_the_same_comes_out_twice_and_no_packet_is_lost_by_a_move() -> None:
    first, second = run(), run()
    assert first.flows.equals(second.flows)
    assert first.counters == second.counters
    assert moves(first).equals(moves(second))
    assert first.drops == {}


def test_slots_leave_a_dead_uplink_without_the_controller() -> None:
    fault = [{"kind": "link-down", "link": "leaf0-spine0", "at": "30us"}]
    quick = {"interval": "1s", "delay": 0}
    spec = experiment(CLOS, routing={"policy": "controller", "controller": quick}, faults=fault)
    out = simulate(spec, FLOWS)
    assert (out.flows["status"] == "done").all()
    spine1 = out.port("leaf0", "spine1")
    used = [
        {slots[i] for i in range(len(slots)) if counts[i]}
        for _, members, slots, counts in out.engine.slots(0)
        if len(members) == 1
    ]
    assert used in ([{spine1}], [])


def test_moves_are_in_the_table_of_events(tmp_path: Path, repository: Path) -> None:
    given = yaml.safe_load((repository / "experiments/agreement/collision.yaml").read_text())
    given["topology"] = str(repository / "topologies" / "lab-2x2x10.yaml")
    given["routing"] = {"policy": "controller", "controller": {"interval": "10us", "delay": "2us"}}
    shutil.copy(repository / "experiments/agreement/collision.csv", tmp_path)
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(given))
    spec = load_experiment(tmp_path / "experiment.yaml")
    (variant,) = spec.variants()
    rows = []
    for seed in spec.seeds:
        run = Run(run_variant(variant, seed, tmp_path / str(seed)))
        rows.append(run.events[run.events["detail"].str.startswith("slot")])
    events = pd.concat(rows)
    assert len(events) > 0
    assert set(events["t_ps"] % (10 * US)) == {2 * US}
    assert events["detail"].str.contains("until now on leaf").all()


def test_a_delay_longer_than_the_interval_is_refused() -> None:
    with pytest.raises(ValidationError, match="answers the same news twice"):
        run(interval="1us", delay="2us")
