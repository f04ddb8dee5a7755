# SPDX-License-Identifier: Apache-2.0
"""Runs an experiment file in memory and hands out what rows look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from emu.core import _core
from emu.sim.build import PRIORITIES, build_engine
from emu.sim.captures import Captures
from emu.sim.ports import PortMap, map_ports
from emu.sim.recording import Recording
from emu.sim.results import counters, flow_table
from emu.sim.run import drive
from emu.sim.scenario import Scenario, make_scenario
from emu.sim.timeline import Timeline
from emu.spec import ExperimentSpec, Variant, load_experiment


@dataclass
class Done:
    """One variant under one seed, run to its end."""

    variant: Variant
    scenario: Scenario
    engine: _core.Engine
    ports: PortMap
    recording: Recording | None = None

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Series of the queue pairs, of a run that was recorded."""
        assert self.recording is not None
        return self.recording.tables()["qp_series"]

    @cached_property
    def flows(self) -> pd.DataFrame:
        """flows.parquet as it would be."""
        return flow_table(self.engine, self.scenario)

    @cached_property
    def counters(self) -> dict[str, Any]:
        """``counters`` of run.json."""
        return counters(self.engine)

    def port(self, node: str, peer: str) -> int:
        """Engine number of the (first) port of ``node`` towards ``peer``."""
        fabric = self.scenario.fabric
        at, to = fabric.node(node).id, fabric.node(peer).id
        found = next(p for p in fabric.ports_of(at) if fabric.peer_node(p) == to)
        return int(self.ports.to_engine[found])

    def queue(self, node: str, peer: str, priority: int = 3) -> dict[str, int]:
        """Counters of one egress queue and of the priority group beside it."""
        row = self.port(node, peer) * PRIORITIES + priority
        return {name: int(column[row]) for name, column in self.engine.queues().items()}

    def samples(self, node: str, peer: str, priority: int = 3) -> pd.DataFrame:
        """Samples of one egress queue; a sample of an empty queue has no row."""
        frame = pd.DataFrame(self.engine.queue_samples())
        port = self.port(node, peer)
        return frame[(frame["port"] == port) & (frame["priority"] == priority)]


def load(folder: Path, name: str) -> ExperimentSpec:
    """An experiment file of the folder."""
    return load_experiment(folder / name)


def simulate(
    variant: Variant, seed: int, record: bool = False, captures: Path | None = None
) -> Done:
    """Run a variant in memory; with ``record`` what its level asks for is recorded, and with a
    folder ``captures`` what it asks for of those is written there."""
    scenario = make_scenario(variant, seed)
    ports = map_ports(scenario.fabric)
    engine = build_engine(scenario, ports)
    recording = Recording(engine, scenario, ports) if record else None
    files = Captures(engine, scenario, ports, captures) if captures is not None else None
    timeline = Timeline(engine, scenario.fabric, ports)
    drive(engine, scenario, timeline, captures=files, recording=recording)
    if files is not None:
        files.finish()
    return Done(variant, scenario, engine, ports, recording)


def runs(spec: ExperimentSpec, record: bool = False) -> Iterator[Done]:
    """Every variant with every seed."""
    for variant in spec.variants():
        for seed in spec.seeds:
            yield simulate(variant, seed, record)
