# SPDX-License-Identifier: Apache-2.0
"""Trace + fabric + seed -> Workload: the stages in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec, WorkloadSpec
from emu.workload.compute import ComputeProfile, find_compute
from emu.workload.engines import EngineProfile, find_engine, make_segments
from emu.workload.messages import Messages, make_messages
from emu.workload.models import ModelShape, find_model
from emu.workload.placement import find_policy
from emu.workload.queue_pairs import assign_qps
from emu.workload.readers import ReadOptions, read_trace
from emu.workload.scaling import compress, ingress_bps, offered_load, span_ps
from emu.workload.serving import DecodePlan, PrefillPlan, plan_decode, plan_prefill
from emu.workload.tensor_parallel import RankPair, rank_pairs
from emu.workload.trace import PS_PER_S, FlowTrace, IntArray, RequestTrace
from emu.workload.wire import wire_bytes
from emu.workload.workers import Workers, make_workers
from emu.workload.workload import Workload


@dataclass(frozen=True)
class _Plan:
    """Everything resolved before time is scaled."""

    trace: RequestTrace
    shape: ModelShape
    engine: EngineProfile
    compute: ComputeProfile
    pairs: tuple[RankPair, ...]
    prefill: Workers
    decode: Workers


def build_workload(spec: ExperimentSpec, fabric: Fabric, seed: int) -> Workload:
    """The workload of one variant; the same for the same arguments.

    Raises
    ------
    SpecError
        When the workload does not fit the fabric or the model.
    TraceError
        When the trace cannot be read.
    """
    trace = read_trace(
        spec.workload.trace.file, spec.workload.trace.format, _read_options(spec, seed)
    )
    if isinstance(trace, FlowTrace):
        raise NotImplementedError
    return _from_requests(spec.workload, trace, fabric, seed)


def _read_options(spec: ExperimentSpec, seed: int) -> ReadOptions:
    given = spec.workload.trace
    return ReadOptions(
        skip_bad=given.skip_bad,
        limit=given.limit,
        start_ps=given.start,
        spread_ps=None if given.spread == "auto" else given.spread,
        seed=seed,
    )


def _from_requests(
    workload: WorkloadSpec, trace: RequestTrace, fabric: Fabric, seed: int
) -> Workload:
    shape, engine = find_model(workload.model), find_engine(workload.engine)
    tp = workload.parallelism
    plan = _Plan(
        trace=trace,
        shape=shape,
        engine=engine,
        compute=_compute(workload),
        pairs=rank_pairs(shape, tp.prefill_tp, tp.decode_tp),
        prefill=make_workers(fabric, "prefill", tp.prefill_tp),
        decode=make_workers(fabric, "decode", tp.decode_tp),
    )
    mtu, capacity = fabric.spec.nic.mtu, ingress_bps(fabric, plan.decode.endpoints)
    prefills = plan_prefill(
        trace,
        len(plan.prefill),
        find_policy(workload.placement.prefill, "prefill"),
        plan.compute,
        queue=False,
        caches=workload.placement.prefill == "prefix-aware",
    )
    decodes = _place_decodes(workload, plan, prefills, fabric, capacity)
    messages = _messages(workload, plan, prefills, decodes)
    total = int(wire_bytes(messages.payload_bytes, mtu).sum())
    natural = offered_load(total, span_ps(prefills.end_ps), capacity)
    factor = _factor(workload, natural)
    return _assemble(plan, prefills, decodes, messages, factor, natural * factor, fabric, seed)


def _compute(workload: WorkloadSpec) -> ComputeProfile:
    given = workload.compute.prefill
    return find_compute(given.preset, given.tokens_per_s, given.overhead)


def _factor(workload: WorkloadSpec, natural: float) -> float:
    target = workload.load.fraction
    if not natural:
        raise _fault(
            "workload.load.fraction",
            "a load cannot be stated for a single transfer",
            "raise trace.limit",
        )
    return float(target / natural)


def _place_decodes(
    workload: WorkloadSpec,
    plan: _Plan,
    prefills: PrefillPlan,
    fabric: Fabric,
    capacity_bps: int,
) -> DecodePlan:
    trace = plan.trace
    token_bytes = plan.shape.bytes_per_token(workload.kv_dtype) * _copies(plan)
    size = plan.shape.kv_bytes(trace.input_tokens, workload.kv_dtype) * _copies(plan)
    natural = offered_load(int(size.sum()), span_ps(prefills.end_ps), capacity_bps)
    worker_bps = capacity_bps / len(plan.decode)
    # The serving clock runs `factor` times slower than the network's.
    factor = _factor(workload, natural)
    return plan_decode(
        trace,
        prefills.end_ps,
        len(plan.decode),
        find_policy(workload.placement.decode, "decode"),
        ps_per_token=token_bytes * 8 * PS_PER_S / worker_bps * factor,
        cache_blocks=0 if workload.prefix_reuse else None,
    )


def _copies(plan: _Plan) -> int:
    """How often one copy of the cache crosses the network (MLA, many decode ranks)."""
    return max(1, sum(pair.units for pair in plan.pairs) // plan.shape.units)


def _messages(
    workload: WorkloadSpec, plan: _Plan, prefills: PrefillPlan, decodes: DecodePlan
) -> Messages:
    segments = make_segments(
        plan.engine,
        plan.shape,
        plan.trace.input_tokens,
        decodes.reused_tokens,
        prefills.end_ps - prefills.start_ps,
        plan.compute,
    )
    return make_messages(
        segments,
        plan.pairs,
        plan.engine,
        plan.shape,
        workload.kv_dtype,
        plan.prefill,
        plan.decode,
        prefills.worker,
        decodes.worker,
    )


def _assemble(
    plan: _Plan,
    prefills: PrefillPlan,
    decodes: DecodePlan,
    messages: Messages,
    factor: float,
    load: float,
    fabric: Fabric,
    seed: int,
) -> Workload:
    trace = plan.trace
    start = prefills.start_ps[messages.transfer]
    post = compress(start + messages.after_ps, factor) + messages.overhead_ps
    origin = int(post.min())
    end = compress(prefills.end_ps, factor) - origin
    begin = end - (prefills.end_ps - prefills.start_ps)
    requests = pd.DataFrame(
        {
            "request_id": np.arange(len(trace), dtype=np.int64),
            "arrival_ps": begin - (prefills.start_ps - trace.arrival_ps),
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
            "reused_tokens": decodes.reused_tokens,
            "prefill_worker": prefills.worker,
            "decode_worker": decodes.worker,
            "prefill_host": plan.prefill.hosts[prefills.worker],
            "decode_host": plan.decode.hosts[decodes.worker],
            "prefill_start_ps": begin,
            "prefill_end_ps": end,
            "kv_bytes": _sum_by(messages.transfer, messages.payload_bytes, len(trace)),
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
            "verb": plan.engine.verb,
            "priority": np.int64(fabric.spec.nic.data_priority),
        }
    )
    transfers = _transfers(requests, flows)
    flows, qps = _finish_flows(flows, seed)
    return Workload(
        requests=requests,
        transfers=transfers,
        flows=flows,
        qps=qps,
        offered_load=load,
        span_ps=span_ps(end),
        stats=_stats(plan, factor, load),
        model=plan.shape,
        notes=[*trace.notes],
    )


def _sum_by(index: IntArray, values: IntArray, count: int) -> IntArray:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, index, values)
    return total


def _transfers(requests: pd.DataFrame, flows: pd.DataFrame) -> pd.DataFrame:
    grouped = flows.groupby("transfer_id", sort=True)
    return pd.DataFrame(
        {
            "transfer_id": requests["request_id"],
            "request_id": requests["request_id"],
            "kv_bytes": requests["kv_bytes"],
            "ready_ps": grouped["post_ps"].min().to_numpy(),
            "last_ready_ps": requests["prefill_end_ps"],
            "n_flows": grouped.size().to_numpy(dtype=np.int64),
        }
    )


def _finish_flows(flows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders by post, numbers the flows, gives them QPs."""
    order = np.argsort(flows["post_ps"].to_numpy(), kind="stable")
    flows = flows.iloc[order].reset_index(drop=True)
    qp_id, qps = assign_qps(flows, seed)
    flows.insert(0, "flow_id", np.arange(len(flows), dtype=np.int64))
    flows.insert(2, "qp_id", qp_id)
    return flows.drop(columns="lane"), qps


def _stats(plan: _Plan, factor: float, load: float) -> dict[str, Any]:
    trace = plan.trace
    return {
        "trace": trace.source,
        "trace_format": trace.format,
        "rows_read": trace.rows_read,
        "rows_skipped": trace.skipped,
        "requests": len(trace),
        "time_compression": factor,
        "offered_load": load,
    }


def _fault(field: str, message: str, hint: str) -> SpecError:
    return SpecError([Fault(field=field, message=message, hint=hint)])
