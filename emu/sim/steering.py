# SPDX-License-Identifier: Apache-2.0
"""The controller of ``routing.policy: controller``, at work beside the engine.

It sees what a controller of real switches sees: counters of ports and slots, at an interval; and
what it decides happens a while later. The policy is the one that ``controllers/adaptive.py``
calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.fabric.steering import SteeringParams, UplinkLoad, steer
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario

NEVER_PS = 1 << 62
_Key = tuple[int, int]
"""Switch row and group."""


class Steering:
    """Looks, decides, and lets it happen after the delay."""

    def __init__(self, engine: _core.Engine, scenario: Scenario, ports: PortMap) -> None:
        own = scenario.spec.routing.controller
        self._engine, self._fabric, self._ports = engine, scenario.fabric, ports
        self._delay_ps = own.delay
        self._params = SteeringParams(
            own.interval, own.imbalance_min, own.moves_max, own.hold_intervals
        )
        self._rows = [row for row, p in enumerate(scenario.plan.policies) if p.name == "controller"]
        self._look_ps = own.interval if self._rows else NEVER_PS
        self._change_ps = NEVER_PS
        self._changes: list[tuple[int, int, int, int, int]] = []
        """Switch row, group, slot, port before and port then."""
        self._sent_bytes = np.zeros(len(scenario.fabric.ports), dtype=np.int64)
        self._slot_bytes: dict[_Key, list[int]] = {}
        self._held: dict[_Key, dict[int, int]] = {}
        self.events: list[dict[str, Any]] = []
        """Rows of events.parquet."""

    @property
    def next_ps(self) -> int:
        """When it has something to do next."""
        return min(self._look_ps, self._change_ps)

    def act(self) -> None:
        """Do what is due: the engine stands at ``next_ps``."""
        now = self._engine.now_ps
        if now == self._change_ps:
            self._change()
        if now == self._look_ps:
            self._look()
            self._look_ps += self._params.interval_ps
            if self._changes and self._delay_ps == 0:
                self._change()

    def _look(self) -> None:
        interval_ps = self._params.interval_ps
        loads_now = self._engine.port_loads()
        sent, waiting = (self._per_port(loads_now[name]) for name in ("tx_bytes", "queue_bytes"))
        carried, self._sent_bytes = sent - self._sent_bytes, sent
        for row in self._rows:
            for group, members, slots, counts in self._engine.slots(row):
                key = (row, group)
                before = self._slot_bytes.get(key, [0] * len(counts))
                self._slot_bytes[key] = counts
                loads = {
                    port: UplinkLoad(
                        rate_bps=self._fabric.ports[int(self._ports.to_fabric[port])].rate_bps,
                        sent_bps=int(carried[port]) * 8 * 10**12 // interval_ps,
                        queue_bytes=int(waiting[port]),
                    )
                    for port in members
                }
                rates = [
                    (b - a) * 8 * 10**12 // interval_ps for a, b in zip(before, counts, strict=True)
                ]
                moves, self._held[key] = steer(
                    slots, rates, loads, self._params, self._held.get(key, {})
                )
                self._changes += [(row, group, m.slot, m.source, m.target) for m in moves]
        if self._changes:
            self._change_ps = self._engine.now_ps + self._delay_ps

    def _per_port(self, counts: Any) -> npt.NDArray[np.int64]:
        """By engine port, all classes together."""
        table = np.asarray(counts, dtype=np.int64).reshape(len(self._fabric.ports), -1)
        total: npt.NDArray[np.int64] = table.sum(axis=1)
        return total

    def _change(self) -> None:
        for row, group, slot, source, target in self._changes:
            self._engine.point_slot(row, group, slot, target)
            before, then = (
                self._fabric.ports[int(self._ports.to_fabric[p])] for p in (source, target)
            )
            self.events.append(
                {
                    "t_ps": self._engine.now_ps,
                    "kind": "forwarding",
                    "phase": "step",
                    "node": self._fabric.nodes[then.node].name,
                    "port": then.name,
                    "detail": f"slot {slot} of group {group}, until now on {before.name}",
                }
            )
        self._changes = []
        self._change_ps = NEVER_PS
