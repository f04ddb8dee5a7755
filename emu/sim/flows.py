# SPDX-License-Identifier: Apache-2.0
"""What became of flows: their rows in a run directory, and what other tables say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.sim.scenario import Scenario
from emu.workload.table import Table

MESSAGE_COLUMNS = (
    "first_tx_ps",
    "end_ps",
    "acked_ps",
    "retransmitted_bytes",
    "packets",
    "ecn_marked_packets",
    "cnp_received",
    "timeouts",
    "naks",
    "failed",
)
"""What the engine tells of each message."""

_GIVEN = (
    "flow_id",
    "transfer_id",
    "qp_id",
    "src_endpoint",
    "dst_endpoint",
    "priority",
    "payload_bytes",
    "post_ps",
)

Messages = Mapping[str, npt.NDArray[Any]]


class Rows(Protocol):
    """Columns by name, whoever holds them."""

    def __getitem__(self, name: str, /) -> Any: ...


def flow_rows(flows: Table, messages: Messages) -> Table:
    """Rows of flows.parquet: flows of the workload, and what became of them."""
    failed = messages["failed"].astype(bool)
    ended = np.where(messages["end_ps"] >= 0, "done", "unfinished")
    return flows.select(_GIVEN).having(
        **{name: messages[name] for name in MESSAGE_COLUMNS[:-1]},
        status=np.where(failed, "failed", ended),
    )


def all_flow_rows(engine: _core.Engine, scenario: Scenario) -> Table:
    """flows.parquet of an engine that was given all flows at once."""
    return flow_rows(scenario.workload.flow_table, engine.messages())


class FlowTotals:
    """What other tables say of flows, learnt from these in any order: when transfers end (with
    their slowest flow), and packets by queue pair."""

    def __init__(self, scenario: Scenario) -> None:
        n_flows = scenario.workload.transfer_table["n_flows"]
        self.packets = np.zeros(len(scenario.workload.qp_table), dtype=np.int64)
        self._n_flows = n_flows
        self._done = np.zeros_like(n_flows)
        self._latest_ps = np.full_like(n_flows, -1)
        self.failed = np.zeros(len(n_flows), dtype=bool)

    def add(self, flows: Rows) -> None:
        """Rows of flows.parquet, each once."""
        np.add.at(self.packets, np.asarray(flows["qp_id"]), np.asarray(flows["packets"]))
        transfer = np.asarray(flows["transfer_id"])
        own = transfer >= 0
        transfer = transfer[own]
        end_ps = np.asarray(flows["end_ps"])[own]
        np.maximum.at(self._latest_ps, transfer, end_ps)
        np.add.at(self._done, transfer[end_ps >= 0], 1)
        self.failed[transfer[np.asarray(flows["status"])[own] == "failed"]] = True

    def done(self, more: npt.NDArray[np.int64]) -> int:
        """Transfers whose flows have all ended, with one more flow of each of ``more``."""
        counts = self._done + np.bincount(more[more >= 0], minlength=len(self._done))
        return int((counts == self._n_flows).sum())

    @property
    def end_ps(self) -> npt.NDArray[np.int64]:
        """By transfer; -1: some of it has not arrived."""
        return np.where(self._done == self._n_flows, self._latest_ps, -1)
