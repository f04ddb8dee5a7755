# SPDX-License-Identifier: Apache-2.0
"""What a run tells programs while it goes on: a stream of JSON lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.sim.counters import SaiReader
from emu.sim.ports import tier_of
from emu.sim.scenario import Scenario
from emu.sim.timeline import Timeline
from emu.telemetry.stream import (
    PortCounters,
    StreamEnd,
    StreamEvent,
    StreamPort,
    StreamRun,
    StreamSample,
    StreamWriter,
)

Array = npt.NDArray[np.int64]


class Stream:
    """Tells a program of a run: counters at every sample, and what really happened."""

    def __init__(
        self,
        engine: _core.Engine,
        scenario: Scenario,
        counters: SaiReader,
        timeline: Timeline,
        run: str,
        path: Path,
    ) -> None:
        self._engine = engine
        self._counters = counters
        self._timeline = timeline
        self._run = run
        self._out = StreamWriter(path)
        self._then: Array | None = None
        self._told = 0
        self._sampled_ps = -1
        self._updates = scenario.plan.timeline
        fabric = scenario.fabric
        self._out.write(
            StreamRun(
                run=run,
                experiment=scenario.spec.name,
                design=scenario.plan.design,
                seed=scenario.seed,
                sample_interval_ps=scenario.spec.record.sample_interval,
                ports=[
                    StreamPort.model_validate(
                        {
                            "name": port.name,
                            "node": fabric.nodes[port.node].name,
                            "peer": fabric.ports[port.peer].name,
                            "link": fabric.links[port.link].name,
                            "tier": tier_of(fabric, port.id),
                            "rate_bps": port.rate_bps,
                        }
                    )
                    for port in fabric.ports
                ],
            )
        )

    def sample(self) -> None:
        """Send what has happened and what is counted now."""
        now = self._engine.now_ps
        while self._told < len(self._updates) and self._updates[self._told].at_ps <= now:
            event = self._timeline.event(self._updates[self._told])
            self._out.write(StreamEvent(run=self._run, **event))
            self._told += 1
        values = self._values()
        changed = (
            np.arange(len(values))
            if self._then is None
            else np.flatnonzero((values != self._then).any(axis=1))
        )
        names = self._counters.port_names
        ports = [
            PortCounters(
                name=str(names[row]),
                up=bool(cells[0]),
                in_packets=cells[1],
                in_octets=cells[2],
                in_errors=cells[3],
                in_discards=cells[4],
                out_packets=cells[5],
                out_octets=cells[6],
                out_discards=cells[7],
                ecn_marked_packets=cells[8],
                pfc_rx_frames=cells[9],
                pfc_tx_frames=cells[10],
                paused_us=cells[11],
                queue_bytes=cells[12],
            )
            for row, cells in zip(changed.tolist(), values[changed].tolist(), strict=True)
        ]
        self._then, self._sampled_ps = values, now
        self._out.write(StreamSample(run=self._run, t_ps=now, ports=ports))

    def finish(self) -> None:
        """Send the last sample and say that it was the last."""
        if self._engine.now_ps != self._sampled_ps:
            self.sample()
        self._out.write(StreamEnd(run=self._run, t_ps=self._engine.now_ps))
        self._out.close()

    def _values(self) -> Array:
        """A row per port, in the order of the fields of PortCounters."""
        found = self._counters.read()
        port, queue = found["port"], found["queue"]
        pre = "SAI_PORT_STAT_"
        columns = [
            _core.counters(self._engine)["link_up"],
            port[f"{pre}IF_IN_UCAST_PKTS"],
            port[f"{pre}IF_IN_OCTETS"],
            port[f"{pre}IF_IN_ERRORS"],
            port[f"{pre}IF_IN_DISCARDS"],
            port[f"{pre}IF_OUT_UCAST_PKTS"],
            port[f"{pre}IF_OUT_OCTETS"],
            port[f"{pre}IF_OUT_DISCARDS"],
            port[f"{pre}ECN_MARKED_PACKETS"],
            port[f"{pre}PFC_{{}}_RX_PKTS"].sum(axis=1),
            port[f"{pre}PFC_{{}}_TX_PKTS"].sum(axis=1),
            port[f"{pre}PFC_{{}}_RX_PAUSE_DURATION_US"].sum(axis=1),
            queue["SAI_QUEUE_STAT_CURR_OCCUPANCY_BYTES"].sum(axis=1),
        ]
        return np.stack(columns, axis=1)
