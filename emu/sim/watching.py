# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it goes on: a view for people and metrics, and who else is told."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.sim.build import PRIORITIES
from emu.sim.counters import SaiReader
from emu.sim.feed import Feed
from emu.sim.ideal import ideal_transfer_ps
from emu.sim.ports import PortMap, tier_of
from emu.sim.scenario import Scenario
from emu.telemetry.live import (
    LIVE_FILE,
    SNAPSHOTS,
    UNFINISHED_FILE,
    LiveView,
    QueueView,
    TransferView,
    write_live,
)

if TYPE_CHECKING:
    from emu.sim.streaming import Stream

INTERVAL_S = 0.5
"""Wall time between two views, at least."""
COST = 0.02
"""Of the wall time, what views may take."""
ROWS = 10
Array = npt.NDArray[np.int64]


class LiveFile:
    """Keeps the view of a run that goes on in its unfinished directory."""

    def __init__(
        self,
        engine: _core.Engine,
        scenario: Scenario,
        ports: PortMap,
        counters: SaiReader,
        variant: str,
        folder: Path,
        feed: Feed | None = None,
    ) -> None:
        """``feed``: of a run of which ended flows are not kept; it knows how many there were."""
        self._engine = engine
        self._feed = feed
        self._scenario = scenario
        self._counters = counters
        self._variant = variant
        self._folder = folder
        self._next_s = time.monotonic() + INTERVAL_S
        fabric = scenario.fabric
        self._uplinks = [
            (int(ports.to_engine[p.id]), p.name, p.rate_bps)
            for p in fabric.ports
            if fabric.links[p.link].kind == "fabric" and tier_of(fabric, p.id) == "leaf"
        ]
        n = len(self._uplinks)
        self._loads: deque[npt.NDArray[np.float64]] = deque(maxlen=SNAPSHOTS)
        self._then = (0, np.zeros(n), np.zeros(len(fabric.ports) * PRIORITIES, dtype=np.int64))
        if feed is None:
            transfer = scenario.workload.flow_table["transfer_id"]
            self._flow_rows = np.flatnonzero(transfer >= 0)
            self._flow_transfer = transfer[self._flow_rows]
        self._start = scenario.workload.transfer_table["ready_ps"]
        self._ideal: npt.NDArray[np.int64] | None = None

    def show(self, fraction: float) -> None:
        """Write a view if it is time for one."""
        began = time.monotonic()
        if began < self._next_s:
            return
        try:
            write_live(self._folder, self.view(fraction), self._counters.rows())
        except OSError:  # a full disk ends the run when it writes its tables, not here
            return
        ended = time.monotonic()
        self._next_s = ended + max(INTERVAL_S, (ended - began) / COST)

    def remove(self) -> None:
        """The run is over: what is left is its directory."""
        for name in (LIVE_FILE, UNFINISHED_FILE):
            (self._folder / name).unlink(missing_ok=True)

    def view(self, fraction: float) -> LiveView:
        """The run at this moment."""
        engine, scenario = self._engine, self._scenario
        raw, totals = engine.queues(), engine.totals()
        done, slowest = self._transfers()
        return LiveView(
            experiment=scenario.spec.name,
            variant=self._variant,
            design=scenario.plan.design,
            seed=scenario.seed,
            t_ps=engine.now_ps,
            fraction=fraction,
            packets=engine.packets,
            drops=sum(totals["dropped_packets_by_reason"].values()),
            ecn_marked=totals["ecn_marked_packets"],
            pfc_frames=totals["pfc_frames"],
            transfers_done=done,
            transfers=len(scenario.workload.transfer_table),
            uplinks=self._load(raw["tx_bytes"]),
            queues=self._queues(raw),
            slowest=slowest,
        )

    def _load(self, tx_bytes: Array) -> dict[str, list[float]]:
        sent = tx_bytes.reshape(-1, PRIORITIES).sum(axis=1)
        now = np.array([sent[number] for number, _, _ in self._uplinks], dtype=float)
        rates = np.array([rate for _, _, rate in self._uplinks], dtype=float)
        passed = max(1, self._engine.now_ps - self._then[0])
        self._loads.append((now - self._then[1]) * 8e12 / passed / np.maximum(rates, 1))
        self._then = (self._engine.now_ps, now, self._then[2])
        return {
            name: [round(float(load[i]), 4) for load in self._loads]
            for i, (_, name, _) in enumerate(self._uplinks)
        }

    def _queues(self, raw: dict[str, Array]) -> list[QueueView]:
        held = _core.counters(self._engine)["queue_bytes"]
        paused = raw["pfc_rx_pause_ps"] - self._then[2]
        self._then = (*self._then[:2], raw["pfc_rx_pause_ps"])
        passed = max(1, int(self._engine.now_ps))
        busy = np.flatnonzero((held > 0) | (paused > 0))
        order = busy[np.lexsort((busy, -paused[busy], -held[busy]))][:ROWS]
        return [
            QueueView(
                port=str(self._counters.port_names[row // PRIORITIES]),
                priority=int(row % PRIORITIES),
                queue_bytes=int(held[row]),
                watermark_bytes=int(raw["egress_watermark_bytes"][row]),
                paused=round(min(1.0, float(raw["pfc_rx_pause_ps"][row]) / passed), 4),
            )
            for row in order.tolist()
        ]

    def _transfers(self) -> tuple[int, list[TransferView]]:
        """How many have ended, and those under way, the oldest first.

        Of a run that does not keep its flows only the number is known.
        """
        if self._feed is not None:
            return self._feed.transfers_done(), []
        if len(self._start) == 0:
            return 0, []
        n, now = len(self._start), self._engine.now_ps
        ended = self._engine.messages()["end_ps"][self._flow_rows] >= 0
        flows = np.bincount(self._flow_transfer, minlength=n)
        over = np.bincount(self._flow_transfer, weights=ended, minlength=n)
        start = self._start
        open_ = np.flatnonzero((over < flows) & (start < now))
        rows = open_[np.argsort(start[open_], kind="stable")][:ROWS]
        if self._ideal is None:
            work = self._scenario.workload
            self._ideal = ideal_transfer_ps(
                self._scenario.fabric,
                self._scenario.spec,
                work.transfer_table,
                [work.flow_table.take(self._flow_rows)],
            )
        return int((over >= flows).sum()), [
            TransferView(
                transfer_id=row,
                age_ps=int(now - start[row]),
                done=round(float(over[row] / flows[row]), 4),
                slowdown=round(float((now - start[row]) / max(1, self._ideal[row])), 3),
            )
            for row in rows.tolist()
        ]


class Watchers:
    """Everybody who is told of a run while it goes on."""

    def __init__(self, live: LiveFile, stream: Stream | None) -> None:
        self._live = live
        self._stream = stream

    def sample(self, fraction: float) -> None:
        """A sample was taken; ``fraction`` of the run is done."""
        self._live.show(fraction)
        if self._stream is not None:
            self._stream.sample()

    def finish(self) -> None:
        """The run is over."""
        self._live.remove()
        if self._stream is not None:
            self._stream.finish()
