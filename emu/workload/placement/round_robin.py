# SPDX-License-Identifier: Apache-2.0
"""Workers in turn, whatever they are doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.workload.placement.pool import Pool


def choose(pool: Pool, now_ps: int, blocks: Sequence[int], work_ps: Callable[[int], int]) -> int:
    """The next worker."""
    return int(pool.assigned.sum()) % len(pool)
