# SPDX-License-Identifier: Apache-2.0
"""Segments of transfers become messages: rank pairs, slices, queue pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emu.errors import Fault, SpecError
from emu.workload.engines import EngineProfile, Segments
from emu.workload.models import ModelShape
from emu.workload.tensor_parallel import RankPair
from emu.workload.trace import IntArray
from emu.workload.workers import Workers

# About 1 GB of arrays here and as much again in the engine.
MESSAGES_MAX = 5_000_000


@dataclass(frozen=True)
class Messages:
    """Parallel arrays, ordered by transfer, segment, rank pair and QP.

    Attributes
    ----------
    transfer : transfer id.
    after_ps : serving time since the start of the prefill at which it may be posted.
    overhead_ps : time between then and the post, in fabric time.
    lane : which of the rank pair's QPs carries it.
    """

    transfer: IntArray
    src: IntArray
    dst: IntArray
    lane: IntArray
    payload_bytes: IntArray
    after_ps: IntArray
    overhead_ps: IntArray


def make_messages(
    segments: Segments,
    pairs: tuple[RankPair, ...],
    engine: EngineProfile,
    shape: ModelShape,
    dtype: str,
    prefill: Workers,
    decode: Workers,
    prefill_worker: IntArray,
    decode_worker: IntArray,
) -> Messages:
    """Every message of every transfer. Bytes are conserved exactly."""
    width = len(pairs)
    request = np.repeat(segments.request, width)
    pair = np.tile(np.arange(width), len(segments.request))
    units = np.array([p.units for p in pairs], dtype=np.int64)[pair]
    unit_bytes = shape.unit_bytes_per_token_layer(dtype)
    size = np.repeat(segments.token_layers, width) * unit_bytes * units
    source_rank = np.array([p.prefill_rank for p in pairs])[pair]
    target_rank = np.array([p.decode_rank for p in pairs])[pair]
    posts = Messages(
        transfer=request,
        src=prefill.endpoints[prefill_worker[request], source_rank],
        dst=decode.endpoints[decode_worker[request], target_rank],
        lane=np.zeros_like(request),
        payload_bytes=size,
        after_ps=np.repeat(segments.after_ps, width),
        overhead_ps=np.zeros_like(request),
    )
    descriptors = _descriptors(segments, size, width, engine)
    if engine.coalesce:
        return _by_lane(posts, descriptors, engine)
    return _by_descriptor(posts, descriptors, engine)


def _descriptors(segments: Segments, size: IntArray, width: int, engine: EngineProfile) -> IntArray:
    if engine.slice_bytes:
        return -(-size // engine.slice_bytes)
    counts = segments.regions if engine.coalesce else segments.blocks
    return np.minimum(np.repeat(counts, width), size)


def _waits_ps(engine: EngineProfile, index: IntArray, descriptors: IntArray) -> IntArray:
    """Posting delay of descriptor ``index``: until its batch is built."""
    batch = engine.post_batch or np.iinfo(np.int32).max
    return np.minimum((index // batch + 1) * batch, descriptors) * engine.post_overhead_ps


def _by_lane(posts: Messages, descriptors: IntArray, engine: EngineProfile) -> Messages:
    lanes, slice_bytes = engine.qps_per_endpoint, engine.slice_bytes
    check_count(len(posts.src) * lanes)
    row = np.repeat(np.arange(len(posts.src)), lanes)
    lane = np.tile(np.arange(lanes, dtype=np.int64), len(posts.src))
    size, count = posts.payload_bytes[row], descriptors[row]
    if slice_bytes:
        # Slices go to the QPs in turn; the last one may be short.
        own = (count // lanes + (lane < count % lanes)) * slice_bytes
        last = lane == (count - 1) % lanes
        own = own - np.where(last, count * slice_bytes - size, 0)
    else:
        own = size // lanes + (lane < size % lanes)
    keep = own > 0
    row, lane, own = row[keep], lane[keep], own[keep]
    wait = _waits_ps(engine, np.zeros_like(row), descriptors[row])
    return _take(posts, row, lane, own, wait)


def _by_descriptor(posts: Messages, descriptors: IntArray, engine: EngineProfile) -> Messages:
    check_count(int(descriptors.sum()))
    row = np.repeat(np.arange(len(posts.src)), descriptors)
    first = np.repeat(np.cumsum(descriptors) - descriptors, descriptors)
    index = np.arange(len(row), dtype=np.int64) - first
    size, count = posts.payload_bytes[row], descriptors[row]
    if engine.slice_bytes:
        own = np.minimum(engine.slice_bytes, size - index * engine.slice_bytes)
    else:
        own = size // count + (index < size % count)
    wait = _waits_ps(engine, index, count)
    return _take(posts, row, index % engine.qps_per_endpoint, own, wait)


def _take(
    posts: Messages, row: IntArray, lane: IntArray, size: IntArray, wait: IntArray
) -> Messages:
    return Messages(
        transfer=posts.transfer[row],
        src=posts.src[row],
        dst=posts.dst[row],
        lane=lane,
        payload_bytes=size,
        after_ps=posts.after_ps[row],
        overhead_ps=wait,
    )


def check_count(count: int) -> None:
    """Refuses a workload of more messages than fit."""
    if count > MESSAGES_MAX:
        raise SpecError(
            [
                Fault(
                    field="workload.engine",
                    message=f"the workload has {count:,} messages; at most {MESSAGES_MAX:,} fit",
                    hint="lower trace.limit, set coalesce: true, or a larger slice or chunk_tokens",
                )
            ]
        )
