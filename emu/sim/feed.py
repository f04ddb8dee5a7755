# SPDX-License-Identifier: Apache-2.0
"""Hands flows to the engine as they come due, and takes them back as they end.

What is held is what is in flight: posted flows, and ended ones that wait for an earlier flow,
because the table of flows keeps its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.sim.flows import MESSAGE_COLUMNS, FlowTotals, flow_rows
from emu.sim.scenario import Scenario
from emu.telemetry import FLOWS_PER_GROUP
from emu.workload import FLOW_COLUMNS
from emu.workload.table import Table, concat, distinct

Columns = dict[str, npt.NDArray[np.int64]]
FOREVER_PS = 1 << 62


class Feed:
    """The flows of one run, from their stream through the engine to their table.

    Parameters
    ----------
    engine : Engine
        Has all queue pairs and no message.
    scenario : Scenario
        Whose flows these are.
    keep : callable
        Receives the rows of flows.parquet in their order, some at a time.
    whole : bool
        Post everything at once, for who asks for messages before they are posted.
    """

    def __init__(
        self,
        engine: _core.Engine,
        scenario: Scenario,
        keep: Callable[[Table], None],
        *,
        whole: bool = False,
    ) -> None:
        self.totals = FlowTotals(scenario)
        self._engine = engine
        self._keep = keep
        self._whole = whole
        self._delay_ps = scenario.spec.topology.nic.latency_tx
        stream = scenario.workload.stream
        self._blocks: Iterator[Table] = stream.blocks()
        self._rest = next(self._blocks, None)
        self._open: list[_Group] = []
        self._handed_out = 0
        engine.expect(stream.per_qp.astype(np.uint32))

    def post_until(self, until_ps: int) -> None:
        """Post what is due before this time; hand out what has ended by now."""
        limit_ps = FOREVER_PS if self._whole else until_ps
        while self._rest is not None:
            due = int(np.searchsorted(self._rest["post_ps"], limit_ps))
            if due:
                self._collect()
                self._post(self._rest.take(slice(due)))
            if due < len(self._rest):
                self._rest = self._rest.take(slice(due, None))
                return
            self._rest = next(self._blocks, None)

    def transfers_done(self) -> int:
        """Transfers of which every flow has ended."""
        self._collect()
        live = self._engine.live()
        at = {id(g): rows for g, rows, _ in self._places(live["number"][live["end_ps"] >= 0])}
        none = np.zeros(0, dtype=np.int64)
        ended = [group.ended(at.get(id(group), none)) for group in self._open]
        return self.totals.done(np.concatenate([none, *ended]))

    def finish(self) -> None:
        """Hand out the rest, also what has not ended or was never due."""
        self.post_until(FOREVER_PS)
        self._collect()
        self._put(self._engine.live())
        for group in self._open:
            self._hand_out(group)
        if not self._handed_out:
            self._hand_out(_Group())
        self._open.clear()

    def _post(self, flows: Table) -> None:
        self._engine.post(
            flows["qp_id"].astype(np.uint32),
            flows["payload_bytes"],
            flows["post_ps"] + self._delay_ps,
        )
        while len(flows):
            if not self._open or self._open[-1].room == 0:
                self._open.append(_Group())
            taken = flows.take(slice(self._open[-1].room))
            self._open[-1].add(taken)
            flows = flows.take(slice(len(taken), None))

    def _collect(self) -> None:
        self._put(self._engine.retire())
        while self._open and self._open[0].room == 0 and self._open[0].over.all():
            self._hand_out(self._open.pop(0))

    def _put(self, rows: Columns) -> None:
        for group, at, chosen in self._places(rows["number"]):
            for name in group.columns:
                group.columns[name][at] = rows[name][chosen]
            group.over[at] = True

    def _places(
        self, numbers: npt.NDArray[np.int64]
    ) -> Iterator[tuple[_Group, npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
        """For each group: which of its rows stand for which of these flows."""
        index = numbers // FLOWS_PER_GROUP - self._handed_out
        for i in distinct(index).tolist():
            chosen = index == i
            yield self._open[i], numbers[chosen] % FLOWS_PER_GROUP, chosen

    def _hand_out(self, group: _Group) -> None:
        rows = flow_rows(group.flows(), group.results())
        self.totals.add(rows)
        self._keep(rows)
        self._handed_out += 1


class _Group:
    """Consecutive flows that are written together."""

    def __init__(self) -> None:
        self.columns: Columns = {
            name: np.zeros(FLOWS_PER_GROUP, dtype=np.int64) for name in MESSAGE_COLUMNS
        }
        self.over = np.zeros(FLOWS_PER_GROUP, dtype=bool)
        self._tables: list[Table] = []
        self._count = 0

    @property
    def room(self) -> int:
        return FLOWS_PER_GROUP - self._count

    def add(self, flows: Table) -> None:
        self._tables.append(flows)
        self._count += len(flows)

    def flows(self) -> Table:
        if not self._tables:
            return Table({name: np.zeros(0, dtype=np.int64) for name in FLOW_COLUMNS})
        self._tables = [concat(self._tables)]
        return self._tables[0]

    def results(self) -> Columns:
        return {name: column[: self._count] for name, column in self.columns.items()}

    def ended(self, live: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Transfers of the flows that are over, or among these rows."""
        mask = self.over[: self._count].copy()
        mask[live] = True
        return self.flows()["transfer_id"][mask]
