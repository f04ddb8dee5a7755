# SPDX-License-Identifier: Apache-2.0
"""Which worker takes a request, and what its prefix cache holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emu.errors import SpecError
from emu.fabric.graph import Fabric
from emu.workload import find_compute
from emu.workload.placement import Pool, find_policy
from emu.workload.prefix import PrefixCache, reusable_tokens
from emu.workload.serving import plan_decode, plan_prefill
from emu.workload.trace import RequestTrace
from emu.workload.workers import make_workers

MS = 10**9


def _trace(arrival_ms: list[int], tokens: list[int], blocks: list[list[int]]) -> RequestTrace:
    lengths = [len(ids) for ids in blocks]
    return RequestTrace(
        arrival_ps=np.array(arrival_ms, dtype=np.int64) * MS,
        input_tokens=np.array(tokens, dtype=np.int64),
        output_tokens=np.ones(len(tokens), dtype=np.int64),
        block_ids=np.array([i for ids in blocks for i in ids], dtype=np.int64),
        block_offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        block_tokens=512,
        format="mooncake",
        source="t",
        rows_read=len(tokens),
    )


def _constant(work: int) -> Callable[[int], int]:
    return lambda hit: work


def test_round_robin_takes_turns() -> None:
    pool, policy = Pool(3), find_policy("round-robin", "prefill")
    taken = []
    for _ in range(7):
        worker = policy(pool, 0, (), _constant(1))
        pool.assign(worker, 0, 1, ())
        taken.append(worker)
    assert taken == [0, 1, 2, 0, 1, 2, 0]


def test_least_loaded_avoids_the_busy_and_shares_ties() -> None:
    pool, policy = Pool(3), find_policy("least-loaded", "prefill")
    taken = []
    for work in (100, 10, 10, 10, 10):
        worker = policy(pool, 0, (), _constant(work))
        pool.assign(worker, 0, work, ())
        taken.append(worker)
    assert taken == [0, 1, 2, 1, 2]
    # All idle again: the worker that was given least so far.
    assert policy(pool, 10_000, (), _constant(1)) == 0


def test_prefix_aware_goes_to_the_prefix_unless_the_queue_costs_more() -> None:
    pool, policy = Pool(2, 0), find_policy("prefix-aware", "decode")
    pool.assign(1, 0, 50, (1, 2, 3))

    def work(hit: int) -> int:
        return 100 - 20 * hit

    assert policy(pool, 0, (1, 2, 3, 4), work) == 1
    pool.assign(1, 0, 80, (9,))
    assert policy(pool, 0, (1, 2, 3, 4), work) == 0


def test_unknown_policy() -> None:
    with pytest.raises(SpecError, match="did you mean round-robin"):
        find_policy("round_robin", "prefill")


def test_cache_forgets_the_least_recent_and_tails_before_heads() -> None:
    cache = PrefixCache(4)
    cache.insert([1, 2, 3])
    cache.insert([7, 8])
    assert cache.match([1, 2, 3]) == 2
    assert cache.match([7, 8]) == 2
    cache.insert([1])
    cache.insert([9, 10])
    assert (cache.match([1]), cache.match([7, 8]), len(cache)) == (1, 1, 4)


def test_the_last_token_is_never_reused() -> None:
    assert reusable_tokens(2, 512, 1024) == 512
    assert reusable_tokens(2, 512, 1025) == 1024
    assert reusable_tokens(1, 512, 300) == 0


def test_prefills_queue_only_when_told() -> None:
    trace = _trace([0, 1, 2], [1000] * 3, [[1, 2], [3, 4], [5, 6]])
    compute = find_compute(1_000_000.0)
    policy = find_policy("round-robin", "prefill")
    free = plan_prefill(trace, 1, policy, compute, queue=False, caches=False)
    assert (free.start_ps // MS).tolist() == [0, 1, 2]
    queued = plan_prefill(trace, 1, policy, compute, queue=True, caches=False)
    assert (queued.start_ps // MS).tolist() == [0, 1, 2]
    slow = plan_prefill(trace, 1, policy, find_compute(100_000.0), queue=True, caches=False)
    assert (slow.start_ps // MS).tolist() == [0, 10, 20]
    assert (slow.end_ps // MS).tolist() == [10, 20, 30]


def test_a_cached_prefix_shortens_prefill() -> None:
    trace = _trace([0, 100], [1024, 1536], [[1, 2], [1, 2, 3]])
    policy = find_policy("prefix-aware", "prefill")
    plan = plan_prefill(trace, 2, policy, find_compute(1024.0), queue=False, caches=True)
    assert plan.worker.tolist() == [0, 0]
    assert ((plan.end_ps - plan.start_ps) // MS).tolist() == [1000, 500]


def test_decode_reuses_what_its_worker_was_sent() -> None:
    trace = _trace([0, 1, 2], [1024, 1536, 1536], [[1, 2], [1, 2, 3], [1, 2, 3]])
    ends = trace.arrival_ps
    policy = find_policy("round-robin", "decode")
    plan = plan_decode(trace, ends, 1, policy, ps_per_token=1.0, cache_blocks=0)
    assert plan.reused_tokens.tolist() == [0, 1024, 1024]
    none = plan_decode(trace, ends, 1, policy, ps_per_token=1.0, cache_blocks=None)
    assert none.reused_tokens.tolist() == [0, 0, 0]
    small = plan_decode(trace, ends, 1, policy, ps_per_token=1.0, cache_blocks=1)
    assert small.reused_tokens.tolist() == [0, 512, 512]


def test_decodes_are_placed_in_order_of_prefill_ends() -> None:
    trace = _trace([0, 1], [600, 600], [[1, 2], [3, 4]])
    policy = find_policy("round-robin", "decode")
    plan = plan_decode(trace, np.array([9, 5]), 2, policy, ps_per_token=1.0, cache_blocks=None)
    assert plan.worker.tolist() == [1, 0]


def test_workers_on_rails_put_rank_i_on_nic_i(rail_fabric: Fabric) -> None:
    workers = make_workers(rail_fabric, "decode", 4)
    assert len(workers) == 16
    assert workers.endpoints[0].tolist() == list(rail_fabric.hosts[8].nics[:4])
    assert workers.endpoints[1].tolist() == list(rail_fabric.hosts[8].nics[4:])
    assert workers.hosts[:3].tolist() == [8, 8, 9]


def test_nics_that_do_not_fill_a_worker_stay_idle(rail_fabric: Fabric) -> None:
    workers = make_workers(rail_fabric, "prefill", 3)
    assert len(workers) == 16
    assert len(np.unique(workers.endpoints)) == 48


def test_wide_workers_take_whole_hosts_in_a_row(fabric: Fabric, rail_fabric: Fabric) -> None:
    assert make_workers(fabric, "prefill", 4).endpoints.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    wide = make_workers(rail_fabric, "decode", 16)
    assert wide.endpoints.shape == (4, 16)
    assert wide.hosts.tolist() == [8, 10, 12, 14]


def test_a_pool_that_is_too_small(fabric: Fabric) -> None:
    with pytest.raises(SpecError, match="decode_tp is 16, but the decode hosts have 8 NICs"):
        make_workers(fabric, "decode", 16)
