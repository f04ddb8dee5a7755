# SPDX-License-Identifier: Apache-2.0
"""What a placement policy may know of its pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from emu.workload.prefix import PrefixCache
from emu.workload.trace import FloatArray, IntArray


class Pool:
    """Workers with the work they were given and, if asked for, their prefix caches.

    Work is in picoseconds of the serving clock and drains one request after another:
    prefill time in the prefill pool, transfer time at the worker's own link rate in
    the decode pool. It serves to compare workers; what the network really does is
    not known when a request is placed.
    """

    def __init__(self, workers: int, cache_blocks: int | None = None) -> None:
        self.free_ps: IntArray = np.zeros(workers, dtype=np.int64)
        self.assigned: IntArray = np.zeros(workers, dtype=np.int64)
        self.caches = (
            None if cache_blocks is None else [PrefixCache(cache_blocks) for _ in range(workers)]
        )

    def __len__(self) -> int:
        return len(self.free_ps)

    def backlog_ps(self, now_ps: int) -> IntArray:
        """Work each worker still has to do."""
        return np.maximum(self.free_ps - now_ps, 0)

    def matches(self, blocks: Sequence[int]) -> IntArray:
        """Leading blocks each worker holds."""
        if self.caches is None:
            return np.zeros(len(self), dtype=np.int64)
        return np.array([cache.match(blocks) for cache in self.caches], dtype=np.int64)

    def least(self, cost: IntArray | FloatArray) -> int:
        """Worker of the lowest cost; of equals the one that was given least so far."""
        equal = np.flatnonzero(cost == cost.min())
        return int(equal[np.argmin(self.assigned[equal])])

    def assign(self, worker: int, now_ps: int, work_ps: int, blocks: Sequence[int]) -> int:
        """Gives a request to a worker; returns when it would begin in its queue."""
        begin = max(int(self.free_ps[worker]), now_ps)
        self.free_ps[worker] = begin + work_ps
        self.assigned[worker] += 1
        if self.caches is not None:
            self.caches[worker].insert(blocks)
        return begin


# (pool, now, blocks of the request, work without any of its first n blocks) -> worker
Policy = Callable[[Pool, int, Sequence[int], Callable[[int], int]], int]
