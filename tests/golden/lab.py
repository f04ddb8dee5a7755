# SPDX-License-Identifier: Apache-2.0
"""Small simulations for tests: a fabric in a dictionary, flows in a list, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emu.core import _core
from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.sim.build import build_engine
from emu.sim.flows import FlowTotals
from emu.sim.ports import PortMap, map_ports
from emu.sim.results import counters, flow_table, transfer_table
from emu.sim.run import drive
from emu.sim.scenario import Scenario
from emu.sim.steering import Steering
from emu.sim.timeline import Timeline
from emu.spec import ExperimentSpec
from emu.workload import ListedFlows, Workload
from emu.workload.frames import empty_requests, finish_flows, transfers_table
from emu.workload.table import Table

NS, US, MS = 10**3, 10**6, 10**9
G = 10**9


@dataclass(frozen=True)
class Flow:
    """One message; ``src`` sends the data."""

    src: int
    dst: int
    size: int
    at_ps: int = 0
    verb: str = "write"
    priority: int = 3
    lane: int = 0


@dataclass
class Outcome:
    """An engine that has run, and what it ran."""

    scenario: Scenario
    engine: _core.Engine
    ports: PortMap
    steering: Steering | None = None
    """The controller, once it has run."""

    @property
    def flows(self) -> pd.DataFrame:
        """flows.parquet as it would be."""
        return flow_table(self.engine, self.scenario)

    @property
    def transfers(self) -> pd.DataFrame:
        """transfers.parquet as it would be."""
        totals = FlowTotals(self.scenario)
        totals.add(self.flows)
        return transfer_table(self.scenario, totals)

    @property
    def counters(self) -> dict[str, Any]:
        """``counters`` of run.json."""
        return counters(self.engine)

    @property
    def drops(self) -> dict[str, int]:
        """Lost packets by reason, without the reasons that did not occur."""
        reasons: dict[str, int] = self.counters["dropped_by_reason"]
        return reasons

    def port(self, node: str, peer: str) -> int:
        """Engine number of the (first) port of ``node`` towards ``peer``."""
        fabric = self.scenario.fabric
        at, to = fabric.node(node).id, fabric.node(peer).id
        found = next(p for p in fabric.ports_of(at) if fabric.peer_node(p) == to)
        return int(self.ports.to_engine[found])

    def queue(self, node: str, peer: str, priority: int = 3) -> dict[str, int]:
        """Counters of one egress queue (and of the priority group beside it)."""
        row = self.port(node, peer) * 8 + priority
        return {name: int(column[row]) for name, column in self.engine.queues().items()}


def experiment(
    clos: dict[str, Any] | None = None,
    *,
    design: str | dict[str, Any] = "l3",
    switch: dict[str, Any] | None = None,
    nic: dict[str, Any] | None = None,
    cc: str = "none",
    **more: Any,
) -> ExperimentSpec:
    """An experiment on the smallest leaf-spine fabric, with changes.

    ``switch`` and ``nic`` are laid over presets whose times are round: 500 ns
    in a switch, 600 ns in each NIC.
    """
    base = {
        "tiers": 2,
        "leaves": 2,
        "spines": 1,
        "hosts_per_leaf": 2,
        "parallel_links": 1,
        "host_rate": "400G",
        "fabric_rate": "400G",
        "host_delay": "15ns",
        "fabric_delay": "150ns",
    }
    profile = {"base": "tomahawk4", "pipeline_latency": "500ns", **(switch or {})}
    topology = {
        "name": "lab",
        "clos": {**base, **(clos or {})},
        "switches": {"leaf": profile, "spine": profile, "super_spine": profile},
        "nic": {"base": "connectx7", **(nic or {})},
    }
    workload = {"trace": {"file": "none.csv", "format": "flows"}}
    return ExperimentSpec.model_validate(
        {
            "name": "lab",
            "topology": topology,
            "workload": workload,
            "designs": [design],
            **more,
            "transport": {"cc": cc, **more.get("transport", {})},
        }
    )


def scenario(spec: ExperimentSpec, flows: Sequence[Flow], seed: int = 1) -> Scenario:
    """The experiment's only variant with these flows instead of a trace."""
    (variant,) = spec.variants()
    fabric = build_fabric(variant.spec.topology)
    table = Table(
        {
            "transfer_id": np.arange(len(flows), dtype=np.int64),
            "src_endpoint": np.array([flow.src for flow in flows], dtype=np.int64),
            "dst_endpoint": np.array([flow.dst for flow in flows], dtype=np.int64),
            "lane": np.array([flow.lane for flow in flows], dtype=np.int64),
            "payload_bytes": np.array([flow.size for flow in flows], dtype=np.int64),
            "post_ps": np.array([flow.at_ps for flow in flows], dtype=np.int64),
            "verb": [flow.verb for flow in flows],
            "priority": np.array([flow.priority for flow in flows], dtype=np.int64),
        }
    )
    nobody = np.full(len(flows), -1, dtype=np.int64)
    transfers = transfers_table(table, nobody, table["post_ps"])
    finished, qps = finish_flows(table, variant.spec.workload, fabric, seed)
    workload = Workload(
        request_table=empty_requests(),
        transfer_table=transfers,
        stream=ListedFlows(finished, len(qps)),
        qp_table=qps,
        offered_load=0.0,
        span_ps=1,
        stats={},
        model=None,
        notes=[],
    )
    return Scenario(variant.spec, seed, fabric, plan_design(fabric, variant.spec, seed), workload)


def prepare(given: Scenario) -> Outcome:
    """The engine of a scenario at fabric time 0."""
    ports = map_ports(given.fabric)
    return Outcome(given, build_engine(given, ports), ports)


def simulate(spec: ExperimentSpec, flows: Sequence[Flow], seed: int = 1) -> Outcome:
    """Run an experiment to its end."""
    out = prepare(scenario(spec, flows, seed))
    timeline = Timeline(out.engine, out.scenario.fabric, out.ports)
    drive(out.engine, out.scenario, timeline)
    out.steering = timeline.steering
    return out
