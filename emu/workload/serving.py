# SPDX-License-Identifier: Apache-2.0
"""From arrivals to prefill ends: placement, prefix reuse and the prefill queue.

Everything here runs on the serving clock, i.e. the trace's own time; arrival scaling
comes later (:mod:`emu.workload.scaling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emu.workload.compute import ComputeProfile
from emu.workload.placement import Policy, Pool
from emu.workload.prefix import reusable_tokens
from emu.workload.trace import IntArray, RequestTrace


@dataclass(frozen=True)
class PrefillPlan:
    """Per request: where its prefill runs and when, in serving time."""

    worker: IntArray
    start_ps: IntArray
    end_ps: IntArray


@dataclass(frozen=True)
class DecodePlan:
    """Per request: the decode worker and the leading tokens it already holds."""

    worker: IntArray
    reused_tokens: IntArray


def plan_prefill(
    trace: RequestTrace,
    workers: int,
    policy: Policy,
    compute: ComputeProfile,
    *,
    queue: bool,
    caches: bool,
) -> PrefillPlan:
    """Places prefills in order of arrival.

    With ``caches`` each worker keeps the prefixes it computed and a hit shortens the
    prefill. Without ``queue`` a prefill starts at its arrival, as if the pool always
    had a free worker behind the same NICs.
    """
    pool = Pool(workers, 0 if caches and trace.has_prefixes else None)
    count = len(trace)
    full = compute.duration_ps(trace.input_tokens)
    worker, start, end = (np.zeros(count, dtype=np.int64) for _ in range(3))
    blocks: Sequence[int] = ()
    for row in range(count):
        tokens, arrival = int(trace.input_tokens[row]), int(trace.arrival_ps[row])
        if pool.caches is not None:
            blocks = trace.blocks(row).tolist()

        def work_ps(hit: int, tokens: int = tokens, row: int = row) -> int:
            if not hit:
                return int(full[row])
            saved = reusable_tokens(hit, trace.block_tokens, tokens)
            return (
                int(full[row] - compute.duration_ps(np.array([saved]))[0])
                if saved
                else int(full[row])
            )

        chosen = policy(pool, arrival, blocks, work_ps)
        hit = pool.caches[chosen].match(blocks) if pool.caches is not None else 0
        work = work_ps(hit)
        begin = pool.assign(chosen, arrival, work, blocks)
        worker[row], start[row] = chosen, begin if queue else arrival
        end[row] = start[row] + work
    return PrefillPlan(worker, start, end)


def plan_decode(
    trace: RequestTrace,
    prefill_end_ps: IntArray,
    workers: int,
    policy: Policy,
    *,
    ps_per_token: float,
    cache_blocks: int | None,
) -> DecodePlan:
    """Places decodes in order of prefill ends.

    ``cache_blocks`` is the capacity of a worker's prefix cache (0: unlimited), None
    when the decode side keeps nothing.
    """
    pool = Pool(workers, cache_blocks if trace.has_prefixes else None)
    worker = np.zeros(len(trace), dtype=np.int64)
    reused = np.zeros(len(trace), dtype=np.int64)
    blocks: Sequence[int] = ()
    for row in np.argsort(prefill_end_ps, kind="stable").tolist():
        tokens, now = int(trace.input_tokens[row]), int(prefill_end_ps[row])
        if pool.caches is not None:
            blocks = trace.blocks(row).tolist()

        def saved_tokens(hit: int, tokens: int = tokens) -> int:
            return reusable_tokens(hit, trace.block_tokens, tokens) if hit else 0

        def work_ps(hit: int, tokens: int = tokens) -> int:
            return round((tokens - saved_tokens(hit, tokens)) * ps_per_token)

        chosen = policy(pool, now, blocks, work_ps)
        hit = pool.caches[chosen].match(blocks) if pool.caches is not None else 0
        pool.assign(chosen, now, work_ps(hit), blocks)
        worker[row], reused[row] = chosen, saved_tokens(hit)
    return DecodePlan(worker, reused)
