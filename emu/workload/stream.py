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
import pandas as pd

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

    def blocks(self) -> Iterator[pd.DataFrame]:
        """``FLOW_COLUMNS`` in order of (post_ps, flow_id); ids are dense."""

    def transfers(self) -> Iterator[pd.DataFrame]:
        """The flows of transfers, each transfer whole in one frame, in order of post_ps."""


@dataclass(frozen=True)
class ListedFlows:
    """Flows that are all there, as a table with ``FLOW_COLUMNS``."""

    frame: pd.DataFrame
    qps: int

    @property
    def count(self) -> int:
        return len(self.frame)

    @property
    def last_post_ps(self) -> int:
        return int(self.frame["post_ps"].max()) if len(self.frame) else 0

    @property
    def per_qp(self) -> IntArray:
        return np.bincount(self.frame["qp_id"].to_numpy(np.int64), minlength=self.qps)

    @property
    def reads(self) -> IntArray:
        return np.unique(self.frame.loc[self.frame["verb"] == "read", "qp_id"].to_numpy(np.int64))

    def blocks(self) -> Iterator[pd.DataFrame]:
        yield self.frame

    def transfers(self) -> Iterator[pd.DataFrame]:
        yield self.frame[self.frame["transfer_id"] >= 0]
