# SPDX-License-Identifier: Apache-2.0
"""The worker with the least work outstanding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.workload.placement.pool import Pool


def choose(pool: Pool, now_ps: int, blocks: Sequence[int], work_ps: Callable[[int], int]) -> int:
    """The worker that is free first."""
    return pool.least(pool.backlog_ps(now_ps))
