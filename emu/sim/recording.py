# SPDX-License-Identifier: Apache-2.0
"""What a run records beside its totals, by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.core import _core
from emu.sim.build import PRIORITIES
from emu.sim.counters import SaiReader
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd


class Recording:
    """The recording of one run, from before its first packet to its tables."""

    def __init__(self, engine: _core.Engine, scenario: Scenario, ports: PortMap) -> None:
        self.engine = engine
        self.scenario = scenario
        self.ports = ports
        self.spec = scenario.spec.record
        self.counting = self.spec.level != "off"
        self.sampling = self.spec.level in ("series", "everything")
        self.telemetry: _core.Telemetry | None = None
        whole = self.spec.level == "everything"
        if self.sampling:
            self.telemetry = _core.Telemetry(
                engine,
                meters=True,
                burst_bytes=self.spec.microburst if whole else 0,
                pauses_max=min(self.spec.pauses_max, self.spec.rows_max) if whole else 0,
                inband_every=self.spec.inband_every if whole else 0,
                rows_max=self.spec.rows_max,
            )
        self.counters = SaiReader(engine, scenario.fabric, ports)

    @property
    def queues(self) -> bool:
        """Whether queues are sampled."""
        return self.sampling and self.spec.queues

    def sample(self) -> None:
        """Take the sample of this moment."""
        self.engine.sample(self.queues)

    def finish(self) -> None:
        """Take the last sample; the engine does not run again."""
        self.engine.sample(self.queues)
        if self.telemetry is not None:
            self.telemetry.finish()

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of this level, by name."""
        from emu.sim.recorded import Recorded

        return Recorded(self).tables()

    def notes(self, tables: dict[str, pd.DataFrame]) -> list[str]:
        """A line for every table that is cut."""
        room = {
            "port_series": len(self.ports.to_fabric) * PRIORITIES,
            "wire_series": len(self.ports.to_fabric),
            "qp_series": len(self.scenario.workload.qp_table),
        }
        cut = [
            f"{name} stops after {len(frame):,} rows (record.rows_max)"
            for name, frame in tables.items()
            if name in (*room, "microbursts", "inband")
            and len(frame) > self.spec.rows_max - max(1, room.get(name, 1))
        ]
        most = min(self.spec.pauses_max, self.spec.rows_max)
        if "pauses" in tables and len(tables["pauses"]) == most:
            cut.append(f"pauses stops after {most:,} episodes (record.pauses_max)")
        return cut
