# SPDX-License-Identifier: Apache-2.0
"""The worker that is done first when its cached prefix is counted.

A long cached prefix wins over an idle worker as long as it saves more work than
the queue costs: the rule of the KV-aware routers, which weigh overlap against load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from emu.workload.placement.pool import Pool


def choose(pool: Pool, now_ps: int, blocks: Sequence[int], work_ps: Callable[[int], int]) -> int:
    """The worker with the smallest sum of backlog and work not saved."""
    hits = pool.matches(blocks)
    work = {int(hit): work_ps(int(hit)) for hit in np.unique(hits)}
    own = np.array([work[int(hit)] for hit in hits], dtype=np.int64)
    return pool.least(pool.backlog_ps(now_ps) + own)
