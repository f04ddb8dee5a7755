# SPDX-License-Identifier: Apache-2.0
"""Requests become a workload: the stages in their order.

1. sizes and prefill times of every request; superposition of sessions;
2. placement, prefix reuse and prefill ends, on the serving clock;
3. segments and messages (who sends what to whom);
4. compression of the serving clock to the stated load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.workload.compute import ComputeProfile, find_compute
from emu.workload.engines import EngineProfile, find_engine, make_segments
from emu.workload.frames import finish_flows, transfers_frame
from emu.workload.messages import Messages, check_count, make_messages
from emu.workload.models import ModelShape, find_model
from emu.workload.placement import find_policy
from emu.workload.scaling import (
    compress,
    compression_factor,
    ingress_bps,
    offered_load,
    span_ps,
)
from emu.workload.serving import DecodePlan, PrefillPlan, plan_decode, plan_prefill
from emu.workload.superpose import superpose
from emu.workload.tensor_parallel import RankPair, rank_pairs
from emu.workload.trace import PS_PER_S, RequestTrace
from emu.workload.wire import wire_bytes
from emu.workload.workers import Workers, make_workers
from emu.workload.workload import Workload

T = TypeVar("T")

_QUEUE_FAULT = Fault(
    field="workload.compute.prefill_queue",
    message="prefill_queue is true and load.method is superpose",
    hint="the queue is that of one trace at its own rate: set load.method to compress, or "
    "prefill_queue to false",
)


@dataclass(frozen=True)
class _Parts:
    """What the names in the spec stand for."""

    shape: ModelShape
    dtype: str
    engine: EngineProfile
    compute: ComputeProfile
    pairs: tuple[RankPair, ...]
    prefill: Workers
    decode: Workers
    mtu_bytes: int
    capacity_bps: int
    priority: int

    @property
    def copies(self) -> int:
        """How often one copy of the cache crosses the network.

        More than once when decode ranks hold the same: a latent cache, or more
        ranks than KV heads.
        """
        return sum(pair.units for pair in self.pairs) // self.shape.units


def from_requests(
    workload: WorkloadSpec, trace: RequestTrace, fabric: Fabric, seed: int
) -> Workload:
    """All stages for one trace."""
    parts = resolve(workload, fabric)
    notes = list(trace.notes)
    if workload.prefix_reuse and not trace.has_prefixes:
        notes.append("prefix_reuse has no effect: the trace does not tell prefixes")
    sessions = 1
    if workload.load.method == "superpose":
        sessions = _sessions(workload, trace, parts)
        duration = parts.compute.duration_ps(trace.input_tokens)
        _check_size(sessions * len(trace), workload.trace.limit, parts)
        trace = superpose(trace, duration, sessions, workload.trace.limit, seed)
    prefills = plan_prefill(
        trace,
        len(parts.prefill),
        find_policy(workload.placement.prefill, "prefill"),
        parts.compute,
        queue=workload.compute.prefill_queue,
        caches=workload.placement.prefill == "prefix-aware",
    )
    decodes = _place_decodes(workload, trace, parts, prefills)
    messages = _messages(trace, parts, prefills, decodes)
    wire = int(wire_bytes(messages.payload_bytes, parts.mtu_bytes).sum())
    natural = offered_load(wire, span_ps(prefills.end_ps), parts.capacity_bps)
    factor = compression_factor(workload.load.fraction, natural)
    requests, flows = _frames(trace, parts, prefills, decodes, messages, factor)
    transfers = transfers_frame(
        flows,
        requests["request_id"].to_numpy(dtype=np.int64),
        requests["prefill_end_ps"].to_numpy(dtype=np.int64),
    )
    finished, qps = finish_flows(flows, workload, fabric, seed)
    stats = {
        **_trace_stats(trace, parts, decodes),
        "sessions": sessions,
        "transfers": len(transfers),
        "messages": len(flows),
        "background_messages": len(finished) - len(flows),
        "payload_bytes": int(messages.payload_bytes.sum()),
        "wire_bytes": wire,
        "time_compression": factor,
        "offered_load": natural * factor,
        "prefill_queue": workload.compute.prefill_queue,
    }
    return Workload(
        requests=requests,
        transfers=transfers,
        flows=finished,
        qps=qps,
        offered_load=natural * factor,
        span_ps=span_ps(requests["prefill_end_ps"].to_numpy(dtype=np.int64)),
        stats=stats,
        model=parts.shape,
        notes=[*notes, *_notes(workload, parts, sessions, factor, requests, flows)],
    )


def resolve(workload: WorkloadSpec, fabric: Fabric) -> _Parts:
    """Looks up everything that the workload names.

    Raises
    ------
    SpecError
        With all that is unknown or does not fit, at once.
    """
    faults: list[Fault] = []

    def known(find: Callable[[], T]) -> T | None:
        try:
            return find()
        except SpecError as error:
            faults.extend(error.faults)
            return None

    given, tp = workload.compute.prefill, workload.parallelism
    shape = known(lambda: find_model(workload.model))
    engine = known(lambda: find_engine(workload.engine))
    compute = known(lambda: find_compute(given if isinstance(given, str) else given.tokens_per_s))
    prefill = known(lambda: make_workers(fabric, "prefill", tp.prefill_tp))
    decode = known(lambda: make_workers(fabric, "decode", tp.decode_tp))
    pairs = None if shape is None else known(lambda: rank_pairs(shape, tp.prefill_tp, tp.decode_tp))
    if workload.compute.prefill_queue and workload.load.method == "superpose":
        faults.append(_QUEUE_FAULT)
    if not (shape and engine and compute and prefill and decode and pairs) or faults:
        raise SpecError(faults)
    return _Parts(
        shape=shape,
        dtype=workload.kv_dtype,
        engine=engine,
        compute=compute,
        pairs=pairs,
        prefill=prefill,
        decode=decode,
        mtu_bytes=fabric.spec.nic.mtu,
        capacity_bps=ingress_bps(fabric, decode.endpoints),
        priority=fabric.spec.nic.data_priority,
    )


def _estimate(trace: RequestTrace, parts: _Parts, span: int) -> float:
    """Load of the trace at its own rate, before reuse and message headers are known."""
    size = parts.shape.kv_bytes(trace.input_tokens, parts.dtype) * parts.copies
    wire = int(wire_bytes(size, parts.mtu_bytes).sum())
    return offered_load(wire, span, parts.capacity_bps)


def _sessions(workload: WorkloadSpec, trace: RequestTrace, parts: _Parts) -> int:
    """Copies to superpose: as told, or as many as come nearest to the load."""
    if workload.load.sessions > 1 or workload.load.fraction is None:
        return workload.load.sessions
    natural = _estimate(trace, parts, span_ps(trace.arrival_ps))
    return max(1, round(workload.load.fraction / natural)) if natural else 1


def _check_size(count: int, limit: int | None, parts: _Parts) -> None:
    """Refuses before hours are spent on placing requests that would not fit."""
    check_count((count if limit is None else min(count, limit)) * len(parts.pairs))


def _place_decodes(
    workload: WorkloadSpec, trace: RequestTrace, parts: _Parts, prefills: PrefillPlan
) -> DecodePlan:
    natural = _estimate(trace, parts, span_ps(prefills.end_ps))
    # A load that cannot be reached is reported later, with the real bytes.
    factor = compression_factor(workload.load.fraction, natural) if natural else 1.0
    token_bits = parts.shape.bytes_per_token(parts.dtype) * parts.copies * 8
    worker_bps = parts.capacity_bps / len(parts.decode)
    return plan_decode(
        trace,
        prefills.end_ps,
        len(parts.decode),
        find_policy(workload.placement.decode, "decode"),
        # The serving clock runs slower than the network's by the factor to come.
        ps_per_token=token_bits * PS_PER_S / worker_bps * factor,
        cache_blocks=_cache_blocks(workload, trace, parts) if workload.prefix_reuse else None,
    )


def _cache_blocks(workload: WorkloadSpec, trace: RequestTrace, parts: _Parts) -> int:
    """Blocks that a decode worker's prefix cache holds; 0: any number."""
    if workload.prefix_capacity is None or not trace.has_prefixes:
        return 0
    block = parts.shape.bytes_per_token(parts.dtype) * trace.block_tokens
    return max(1, workload.prefix_capacity // block)


def _messages(
    trace: RequestTrace, parts: _Parts, prefills: PrefillPlan, decodes: DecodePlan
) -> Messages:
    segments = make_segments(
        parts.engine,
        parts.shape,
        trace.input_tokens,
        decodes.reused_tokens,
        prefills.end_ps - prefills.start_ps,
        parts.compute,
    )
    return make_messages(
        segments,
        parts.pairs,
        parts.engine,
        parts.shape,
        parts.dtype,
        parts.prefill,
        parts.decode,
        prefills.worker,
        decodes.worker,
    )


def _frames(
    trace: RequestTrace,
    parts: _Parts,
    prefills: PrefillPlan,
    decodes: DecodePlan,
    messages: Messages,
    factor: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Requests and flows in fabric time, whose 0 is the first post."""
    ready = compress(prefills.end_ps, factor)
    ahead = (prefills.end_ps - prefills.start_ps)[messages.transfer] - messages.after_ps
    # Stretched (a factor below 1), a prefill keeps its length.
    post = ready[messages.transfer] - compress(ahead, max(factor, 1.0)) + messages.overhead_ps
    origin = int(post.min())
    end = ready - origin
    begin = end - (prefills.end_ps - prefills.start_ps)
    kv_bytes = np.zeros(len(trace), dtype=np.int64)
    np.add.at(kv_bytes, messages.transfer, messages.payload_bytes)
    requests = pd.DataFrame(
        {
            "request_id": np.arange(len(trace), dtype=np.int64),
            "arrival_ps": begin - (prefills.start_ps - trace.arrival_ps),
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
            "reused_tokens": decodes.reused_tokens,
            "prefill_worker": prefills.worker,
            "decode_worker": decodes.worker,
            "prefill_host": parts.prefill.hosts[prefills.worker],
            "decode_host": parts.decode.hosts[decodes.worker],
            "prefill_start_ps": begin,
            "prefill_end_ps": end,
            "kv_bytes": kv_bytes,
        }
    )
    flows = pd.DataFrame(
        {
            "transfer_id": messages.transfer,
            "src_endpoint": messages.src,
            "dst_endpoint": messages.dst,
            "lane": messages.lane,
            "payload_bytes": messages.payload_bytes,
            "post_ps": post - origin,
            "verb": parts.engine.verb,
            "priority": np.int64(parts.priority),
        }
    )
    return requests, flows


def _trace_stats(trace: RequestTrace, parts: _Parts, decodes: DecodePlan) -> dict[str, Any]:
    return {
        "trace": trace.source,
        "trace_format": trace.format,
        "rows_read": trace.rows_read,
        "rows_skipped": trace.skipped,
        "requests": len(trace),
        "input_tokens": int(trace.input_tokens.sum()),
        "reused_tokens": int(decodes.reused_tokens.sum()),
        "model": parts.shape.name,
        "model_source": parts.shape.source,
        "kv_bytes_per_token": parts.shape.bytes_per_token(parts.dtype),
        "kv_copies": parts.copies,
        "engine": parts.engine.name,
        "engine_source": parts.engine.source,
        "prefill_compute": parts.compute.name,
        "prefill_compute_source": parts.compute.source,
        "prefill_workers": len(parts.prefill),
        "decode_workers": len(parts.decode),
    }


def _notes(
    workload: WorkloadSpec,
    parts: _Parts,
    sessions: int,
    factor: float,
    requests: pd.DataFrame,
    flows: pd.DataFrame,
) -> list[str]:
    notes = []
    if sessions > 1:
        notes.append(f"{sessions} copies of the trace are superposed, each shifted in time")
    if factor > 1.0:
        notes.append(
            f"the serving clock is compressed {factor:.4g} times: bytes leave that much "
            "closer together; sizes, and the queue and prefill times in TTFT, are unscaled"
        )
    elif factor < 1.0:
        notes.append(
            f"transfers are moved apart in time {1 / factor:.4g} times; sizes, and the queue and "
            "prefill times in TTFT, are unscaled"
        )
    if workload.compute.prefill_queue:
        notes.append("prefills queue for their worker at the trace's own rate")
    else:
        notes.append("prefills start on arrival: the prefill pool is never the bottleneck")
    if parts.copies > 1:
        notes.append(
            f"decode ranks hold the same cache: it crosses the network {parts.copies} times"
        )
    notes += _spread_note(requests, flows)
    return notes


def _spread_note(requests: pd.DataFrame, flows: pd.DataFrame) -> list[str]:
    """Warns when bytes leave over much more time than the load is stated for."""
    ready = span_ps(requests["prefill_end_ps"].to_numpy(dtype=np.int64))
    posts = int(flows["post_ps"].max() - flows["post_ps"].min())
    if ready == 0 or posts <= 1.25 * ready:
        return []
    return [
        f"posts spread over {posts / ready:.1f} times the span that the load is stated for, "
        "because prefills are long beside it: the mean load is lower by as much"
    ]
