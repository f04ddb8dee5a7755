# SPDX-License-Identifier: Apache-2.0
"""Rules of the static pipeline: the paths are the engine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import InputError
from emu.fabric import forwarding as fw
from emu.lab.static_flows import StaticPipeline
from emu.sim.build import build_engine
from emu.sim.ports import map_ports
from emu.sim.scenario import Scenario, make_scenario
from emu.spec import load_experiment

HERE = Path(__file__).resolve().parents[3] / "experiments" / "agreement"


def _scenario(name: str, seed: int, design: str = "l3") -> Scenario:
    spec = load_experiment(HERE / f"{name}.yaml")
    (variant,) = [v for v in spec.variants() if v.design.key == design]
    return make_scenario(variant, seed)


def _uplink_packets_by_rule(scenario: Scenario) -> dict[int, int]:
    """Fabric port to queue pairs that the rules send there, data direction, first leaf."""
    pipeline = StaticPipeline(scenario, str)
    chosen = {(r.switch, r.match): r.port for r in pipeline.rules() if r.priority == 200}
    fabric, counts = scenario.fabric, dict[int, int]()
    qps = scenario.workload.qps
    columns = (qps["src_endpoint"], qps["dst_endpoint"], qps["udp_sport"])
    for src, dst, sport in zip(*(c.tolist() for c in columns), strict=True):
        leaf = fabric.peer_node(fabric.ports_of(src)[0]) - fabric.n_endpoints
        match = f"udp,nw_src={src},nw_dst={dst},tp_src={sport},tp_dst=4791"
        port = chosen[leaf, match]
        counts[port] = counts.get(port, 0) + 1
    return counts


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_queue_pair_takes_the_uplink_that_the_engine_picks(seed: int) -> None:
    scenario = _scenario("collision", seed)
    ports = map_ports(scenario.fabric)
    engine = build_engine(scenario, ports)
    engine.run_until(1 << 60, stop_when_done=True)
    packets = engine.queues()["tx_packets"].reshape(-1, 8)[:, 3]
    data = {2_000_000 // 4096 + 1}
    for port, count in _uplink_packets_by_rule(scenario).items():
        # Nothing is sent twice here, and ACKs of the other direction leave elsewhere.
        sent = int(packets[int(ports.to_engine[port])])
        assert sent == count * data.copy().pop()


def test_a_repair_changes_only_the_switches_that_it_is_about() -> None:
    scenario = _scenario("link-failure", 1)
    pipeline = StaticPipeline(scenario, str)
    updates = [u for u in scenario.plan.timeline if isinstance(u, fw.SetGroup | fw.SetFib)]
    assert updates
    before = {row: pipeline.rules([row]) for row in range(scenario.fabric.n_switches)}
    touched = {row for update in updates for row in pipeline.apply(update)}
    after = {row: pipeline.rules([row]) for row in range(scenario.fabric.n_switches)}
    assert {row for row in before if before[row] != after[row]} == touched


def test_bridges_and_tunnels_are_refused() -> None:
    with pytest.raises(InputError, match="bridges or tunnels"):
        StaticPipeline(_scenario("designs", 1, "evpn/l2vni"), str)
