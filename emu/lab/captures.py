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
from emu.sim.captures import about_port, file_of_port
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario
from emu.spec.capture import CaptureSpec

_KNOWN = ("ports", "direction", "start", "stop", "payload")
"""Fields of a capture that the lab follows."""


class LabCaptures:
    """The captures of one run, from before its first packet to their files."""

    def __init__(
        self, engine: _core.Engine, scenario: Scenario, ports: PortMap, folder: Path
    ) -> None:
        """Open a file per captured port; ``folder`` is made.

        Raises
        ------
        emu.errors.InputError
            For ports that do not exist, and for filters that look into frames.
        """
        fabric = scenario.fabric
        self._folder = folder
        self._fabric = fabric
        self._ports: list[int] = []
        self.tap = _core.LabTap(engine)
        folder.mkdir(parents=True, exist_ok=True)
        for capture in resolve_captures(fabric, scenario.spec.record.captures):
            _refuse_filters(capture.spec)
            port = fabric.ports[capture.port]
            self._ports.append(port.id)
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
                start_ps=capture.spec.start,
                stop_ps=-1 if capture.spec.stop is None else capture.spec.stop,
                inbound=capture.spec.direction != "tx",
                outbound=capture.spec.direction != "rx",
                snapped=capture.spec.payload == "snapped",
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
            about_port(self._fabric, port, frames)
            for port, frames in zip(self._ports, self.tap.frames, strict=True)
        ]


def _refuse_filters(spec: CaptureSpec) -> None:
    plain = CaptureSpec(ports=spec.ports)
    changed = [
        name
        for name in CaptureSpec.model_fields
        if name not in _KNOWN and getattr(spec, name) != getattr(plain, name)
    ]
    if changed:
        raise InputError(
            f"record.captures: {changed[0]} is for the simulator: the lab looks into no frame",
            hint="filter the file afterwards, with tshark or `emu pcap`",
        )
