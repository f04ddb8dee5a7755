# SPDX-License-Identifier: Apache-2.0
"""Flows in the order in which they are posted, a block at a time.

A backend takes the next block when its time comes, so that what has not started yet needs no
memory. Reading twice gives the same blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emu.workload.table import Table, distinct
from emu.workload.trace import IntArray

FLOW_COLUMNS = (
    "flow_id",
    "transfer_id",
    "qp_id",
    "src_endpoint",
    "dst_endpoint",
    "payload_bytes",
    "post_ps",
    "verb",
    "priority",
)


class FlowStream(Protocol):
    """All flows of a workload."""

    @property
    def count(self) -> int:
        """Flows, background included."""

    @property
    def last_post_ps(self) -> int:
        """Post of the last flow; 0 without flows."""

    @property
    def per_qp(self) -> IntArray:
        """Flows by queue pair."""

    @property
    def reads(self) -> IntArray:
        """Queue pairs whose flows are READs."""

    def blocks(self) -> Iterator[Table]:
        """``FLOW_COLUMNS`` in order of (post_ps, flow_id); ids are dense."""

    def transfers(self) -> Iterator[Table]:
        """The flows of transfers, each transfer whole in one table, in order of post_ps."""


@dataclass(frozen=True)
class ListedFlows:
    """Flows that are all there, as a table with ``FLOW_COLUMNS``."""

    table: Table
    qps: int

    @property
    def count(self) -> int:
        return len(self.table)

    @property
    def last_post_ps(self) -> int:
        return int(self.table["post_ps"].max()) if len(self.table) else 0

    @property
    def per_qp(self) -> IntArray:
        return np.bincount(self.table["qp_id"], minlength=self.qps)

    @property
    def reads(self) -> IntArray:
        return distinct(self.table["qp_id"][self.table["verb"] == "read"])

    def blocks(self) -> Iterator[Table]:
        yield self.table

    def transfers(self) -> Iterator[Table]:
        yield self.table.take(self.table["transfer_id"] >= 0)
