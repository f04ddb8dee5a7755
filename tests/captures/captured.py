# SPDX-License-Identifier: Apache-2.0
"""Small simulations with captures, and their frames as tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emu.sim.captures import ADDRESSES, Captures, file_of_port
from emu.sim.run import drive
from emu.sim.timeline import Timeline
from emu.spec import ExperimentSpec
from tests.captures.decode import frames
from tests.golden.lab import Flow, Outcome, prepare, scenario


@dataclass
class Captured:
    """A run and the folder of its captures."""

    out: Outcome
    folder: Path

    @property
    def addresses(self) -> dict[str, Any]:
        """addresses.json."""
        table: dict[str, Any] = json.loads((self.folder / ADDRESSES).read_text())
        return table

    def file(self, node: str, peer: str, number: int = 0) -> Path:
        """File of the port of ``node`` towards ``peer``."""
        fabric = self.out.scenario.fabric
        at, to = fabric.node(node).id, fabric.node(peer).id
        ports = [p for p in fabric.ports_of(at) if fabric.peer_node(p) == to]
        return self.folder / file_of_port(fabric.ports[ports[number]].name)

    def frames(self, node: str, peer: str, number: int = 0) -> pd.DataFrame:
        """Frames of the port of ``node`` towards ``peer``."""
        return frames(self.file(node, peer, number))


def capture(
    spec: ExperimentSpec,
    traffic: Sequence[Flow],
    folder: Path,
    *ports: str,
    seed: int = 1,
    **options: Any,
) -> Captured:
    """Run an experiment to its end with these ports captured."""
    record = spec.record.model_dump() | {"captures": [{"ports": list(ports), **options}]}
    spec = ExperimentSpec.model_validate({**spec.model_dump(), "record": record})
    out = prepare(scenario(spec, traffic, seed))
    captures = Captures(out.engine, out.scenario, out.ports, folder)
    timeline = Timeline(out.engine, out.scenario.fabric, out.ports)
    drive(out.engine, out.scenario, timeline)
    # A run ends with its last message; ACKs are then still on their way.
    out.engine.run_until(out.engine.now_ps + 50_000_000)
    captures.finish()
    return Captured(out, folder)
