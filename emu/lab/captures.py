# SPDX-License-Identifier: Apache-2.0
"""``record.captures`` in the lab: the real frames of a port, with their fabric time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import emu
from emu.core import _core
from emu.errors import InputError, RunError
from emu.fabric.captures import resolve_captures
from emu.sim.captures import FOLDER, file_of_port
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario
from emu.spec.capture import CaptureSpec


class LabCaptures:
    """The captures of one run, from before its first packet to their files."""

    def __init__(
        self, engine: _core.Engine, scenario: Scenario, ports: PortMap, folder: Path
    ) -> None:
        """Open a file per captured port; ``folder`` is made.

        Raises
        ------
        emu.errors.InputError
            For ports that do not exist, and for filters: the lab keeps whole frames.
        """
        fabric = scenario.fabric
        self._folder = folder
        self._names: list[str] = []
        self.tap = _core.LabTap(engine)
        folder.mkdir(parents=True, exist_ok=True)
        for capture in resolve_captures(fabric, scenario.spec.record.captures):
            _refuse_filters(capture.spec)
            port = fabric.ports[capture.port]
            self._names.append(port.name)
            self.tap.add_port(
                port=int(ports.to_engine[port.id]),
                path=str(folder / file_of_port(port.name)),
                application=f"emu {emu.__version__}",
                comment=(
                    f"experiment {scenario.spec.name}, design {scenario.plan.design}, seed "
                    f"{scenario.seed}; real frames of the lab; fabric time 0 is "
                    "1970-01-01T00:00:00Z"
                ),
                name=port.name,
                description=f"{fabric.links[port.link].name}, to {fabric.ports[port.peer].name}",
                mac=0,
                speed_bps=port.rate_bps,
                names=[],
            )
        self._check()

    def _check(self) -> None:
        if self.tap.error:
            why = os.strerror(self.tap.error)
            raise RunError(f"{self._folder}: cannot write the captures: {why}")

    def finish(self) -> list[dict[str, Any]]:
        """Write what is left; ``captures`` of run.json."""
        self.tap.finish()
        self._check()
        return [
            {"port": name, "file": f"{FOLDER}/{file_of_port(name)}", "frames": frames}
            for name, frames in zip(self._names, self.tap.frames, strict=True)
        ]


def _refuse_filters(spec: CaptureSpec) -> None:
    plain = CaptureSpec(ports=spec.ports)
    changed = [
        name
        for name in CaptureSpec.model_fields
        if name not in ("ports", "payload") and getattr(spec, name) != getattr(plain, name)
    ]
    if changed:
        raise InputError(
            f"record.captures: {changed[0]} is for the simulator: the lab keeps every frame",
            hint="filter the file afterwards, with tshark or `emu pcap`",
        )
