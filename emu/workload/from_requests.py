# SPDX-License-Identifier: Apache-2.0
"""Requests become a workload: the stages in their order.

1. sizes and prefill times of every request; superposition of sessions;
2. placement, prefix reuse and prefill ends, on the serving clock;
3. compression of the serving clock to the stated load;
4. segments and messages (who sends what to whom), made as they come due.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.workload.background import background_flows
from emu.workload.messages import check_count
from emu.workload.parts import Parts, resolve
from emu.workload.placement import find_policy
from emu.workload.request_flows import RequestPlan, request_flows, survey_posts, survey_size
from emu.workload.scaling import compress, compression_factor, offered_load, span_ps
from emu.workload.serving import DecodePlan, PrefillPlan, plan_decode, plan_prefill
from emu.workload.superpose import superpose
from emu.workload.table import Table
from emu.workload.trace import PS_PER_S, IntArray, RequestTrace
from emu.workload.wire import wire_bytes
from emu.workload.workload import Workload


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
    plan = RequestPlan(trace, parts, prefills, decodes)
    size = survey_size(plan)
    natural = offered_load(size.wire_bytes, span_ps(prefills.end_ps), parts.capacity_bps)
    factor = compression_factor(workload.load.fraction, natural)
    survey = survey_posts(plan, factor)
    requests = _requests(plan, survey.origin_ps, size.kv_bytes, factor)
    last_ps = survey.last_ps - survey.origin_ps
    background = [f for f in background_flows(workload.background, fabric, last_ps, seed) if len(f)]
    stream, qps = request_flows(plan, factor, survey, background, workload.source_ports, seed)
    transfers = Table(
        {
            "transfer_id": requests["request_id"],
            "request_id": requests["request_id"],
            "kv_bytes": size.kv_bytes,
            "ready_ps": survey.first_ps - survey.origin_ps,
            "last_ready_ps": requests["prefill_end_ps"],
            "n_flows": size.messages,
        }
    )
    messages = int(size.messages.sum())
    stats = {
        **_trace_stats(trace, parts, decodes),
        "sessions": sessions,
        "transfers": len(transfers),
        "messages": messages,
        "background_messages": stream.count - messages,
        "payload_bytes": int(size.kv_bytes.sum()),
        "wire_bytes": size.wire_bytes,
        "time_compression": factor,
        "offered_load": natural * factor,
        "prefill_queue": workload.compute.prefill_queue,
    }
    return Workload(
        request_table=requests,
        transfer_table=transfers,
        stream=stream,
        qp_table=qps,
        offered_load=natural * factor,
        span_ps=span_ps(requests["prefill_end_ps"]),
        stats=stats,
        model=parts.shape,
        notes=[*notes, *_notes(workload, parts, sessions, factor, requests, last_ps)],
    )


def _estimate(trace: RequestTrace, parts: Parts, span: int) -> float:
    """Load of the trace at its own rate, before reuse and message headers are known."""
    size = parts.shape.kv_bytes(trace.input_tokens, parts.dtype) * parts.copies
    wire = int(wire_bytes(size, parts.mtu_bytes).sum())
    return offered_load(wire, span, parts.capacity_bps)


def _sessions(workload: WorkloadSpec, trace: RequestTrace, parts: Parts) -> int:
    """Copies to superpose: as told, or as many as come nearest to the load."""
    if workload.load.sessions > 1 or workload.load.fraction is None:
        return workload.load.sessions
    natural = _estimate(trace, parts, span_ps(trace.arrival_ps))
    return max(1, round(workload.load.fraction / natural)) if natural else 1


def _check_size(count: int, limit: int | None, parts: Parts) -> None:
    """Refuses before hours are spent on placing requests that would not fit."""
    check_count((count if limit is None else min(count, limit)) * len(parts.pairs))


def _place_decodes(
    workload: WorkloadSpec, trace: RequestTrace, parts: Parts, prefills: PrefillPlan
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


def _cache_blocks(workload: WorkloadSpec, trace: RequestTrace, parts: Parts) -> int:
    """Blocks that a decode worker's prefix cache holds; 0: any number."""
    if workload.prefix_capacity is None or not trace.has_prefixes:
        return 0
    block = parts.shape.bytes_per_token(parts.dtype) * trace.block_tokens
    return max(1, workload.prefix_capacity // block)


def _requests(plan: RequestPlan, origin_ps: int, kv_bytes: IntArray, factor: float) -> Table:
    """Requests in fabric time, whose 0 is the first post."""
    trace, prefills, decodes, parts = plan.trace, plan.prefills, plan.decodes, plan.parts
    end = compress(prefills.end_ps, factor) - origin_ps
    begin = end - (prefills.end_ps - prefills.start_ps)
    return Table(
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


def _trace_stats(trace: RequestTrace, parts: Parts, decodes: DecodePlan) -> dict[str, Any]:
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
    parts: Parts,
    sessions: int,
    factor: float,
    requests: Table,
    last_ps: int,
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
    notes += _spread_note(requests, last_ps)
    return notes


def _spread_note(requests: Table, posts: int) -> list[str]:
    """Warns when bytes leave over much more time than the load is stated for."""
    ready = span_ps(requests["prefill_end_ps"])
    if ready == 0 or posts <= 1.25 * ready:
        return []
    return [
        f"posts spread over {posts / ready:.1f} times the span that the load is stated for, "
        "because prefills are long beside it: the mean load is lower by as much"
    ]
