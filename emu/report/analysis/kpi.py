# SPDX-License-Identifier: Apache-2.0
"""KPIs under the names of the IETF draft, with the SONiC counter that measures the same.

Names, units and meanings: draft-calabria-bmwg-ai-fabric-inference-bench-02. Counters: SAI
statistics as SONiC keeps them in COUNTERS_DB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from emu.report.analysis import bystanders
from emu.report.analysis.bootstrap import Interval, quantile, span_interval
from emu.report.analysis.utilisation import active_ps, evenness, uplinks
from emu.telemetry import Run

__all__ = ["KPIS", "NOT_MEASURED", "Kpi", "evaluate", "goodput_gbytes_per_s"]


@dataclass(frozen=True)
class Kpi:
    """One row of the KPI table."""

    name: str
    part: str
    """Percentile or aspect; empty if the KPI is one number."""
    unit: str
    meaning: str
    counter: str
    """SONiC counter, empty if a switch has none."""
    compute: Callable[[Run], float]


def goodput_gbytes_per_s(run: Run) -> float:
    """Payload of finished transfers over the time from the first start to the last end."""
    own = bystanders.transfers(run)
    done = own[own["status"] == "done"]
    return float(done["kv_bytes"].sum()) * 1e3 / active_ps(run)


def _fct_us(q: float) -> Callable[[Run], float]:
    def compute(run: Run) -> float:
        return _us(_duration(bystanders.flows(run), "post_ps"), q)

    return compute


def _latency_us(q: float) -> Callable[[Run], float]:
    return lambda run: _us(_duration(bystanders.transfers(run), "start_ps"), q)


def _bandwidth(q: float) -> Callable[[Run], float]:
    def compute(run: Run) -> float:
        flows = bystanders.flows(run)
        flows = flows[flows["end_ps"] >= 0]
        if flows.empty:
            return math.nan
        group = flows.groupby("transfer_id")
        ports = group["dst_endpoint"].nunique()
        took = group["end_ps"].max() - group["post_ps"].min()
        rate = group["payload_bytes"].sum() / ports / took.clip(lower=1) * 1e3
        return quantile(rate.to_numpy(float), q)

    return compute


def _ttft_ms(column: str, q: float) -> Callable[[Run], float]:
    def compute(run: Run) -> float:
        values = bystanders.requests(run)[column].to_numpy(float)
        return quantile(np.where(values < 0, np.inf, values), q) / 1e9

    return compute


def _duration(frame: pd.DataFrame, start: str) -> np.ndarray:
    took = (frame["end_ps"] - frame[start]).to_numpy(float)
    return np.where(frame["end_ps"].to_numpy() < 0, np.inf, took)


def _us(values: np.ndarray, q: float) -> float:
    return quantile(values, q) / 1e6


def _marking_percent(run: Run) -> float:
    flows = run.flows
    packets = float(flows["packets"].sum())
    return 100 * float(flows["ecn_marked_packets"].sum()) / packets if packets else math.nan


def _drop_ppm(run: Run) -> float:
    sent = float(run.counters["injected_packets"])
    return 1e6 * float(run.counters["dropped_packets"]) / sent if sent else math.nan


def _buffer_percent(run: Run) -> float:
    switches = run.switches
    if switches.empty:
        return math.nan
    return 100 * float((switches["buffer_watermark_bytes"] / switches["buffer_bytes"]).max())


def _frames_per_ms(run: Run) -> float:
    return float(run.counters["pfc_frames"]) * 1e9 / active_ps(run)


def _link_percent(aspect: str) -> Callable[[Run], float]:
    def compute(run: Run) -> float:
        frame = uplinks(run)
        if frame.empty:
            return math.nan
        both = np.concatenate([frame["up"].to_numpy(), frame["down"].to_numpy()])
        return 100 * float(both.mean() if aspect == "mean" else both.max())

    return compute


def _jfi(run: Run) -> float:
    return evenness([run]).jfi.value


_PERCENTILES: Final = (("P50", 0.5), ("P95", 0.95), ("P99", 0.99), ("P99.9", 0.999))

KPIS: Final[tuple[Kpi, ...]] = (
    *(
        Kpi("TTFT", label, "ms", "request to first token", "", _ttft_ms("ttft_ps", q))
        for label, q in (_PERCENTILES[0], _PERCENTILES[2])
    ),
    *(
        Kpi(
            "TTFT_fabric",
            label,
            "ms",
            "the fabric's share of TTFT: KV transfer, NIC to NIC, that prefill does not hide",
            "",
            _ttft_ms("ttft_fabric_ps", q),
        )
        for label, q in (_PERCENTILES[0], _PERCENTILES[2])
    ),
    Kpi(
        "KV_BW",
        "",
        "GB/s",
        "aggregate KV transfer bandwidth between the pools",
        "",
        goodput_gbytes_per_s,
    ),
    *(
        Kpi(
            "KV_xfer_latency", label, "us", "completion time of one KV transfer", "", _latency_us(q)
        )
        for label, q in _PERCENTILES
    ),
    Kpi(
        "KV_xfer_bandwidth",
        "P50",
        "GB/s",
        "sustained bandwidth of one transfer, per NIC port",
        "",
        _bandwidth(0.5),
    ),
    *(
        Kpi("Fabric_FCT", label, "us", "completion time of a KV transfer flow", "", _fct_us(q))
        for label, q in _PERCENTILES
    ),
    Kpi(
        "Packet_drop_rate",
        "",
        "ppm",
        "drops by overflow, fault or transport error",
        "SAI_QUEUE_STAT_DROPPED_PACKETS, SAI_INGRESS_PRIORITY_GROUP_STAT_DROPPED_PACKETS",
        _drop_ppm,
    ),
    Kpi(
        "ECN_marking_rate",
        "",
        "%",
        "share of packets marked CE",
        "SAI_QUEUE_STAT_WRED_ECN_MARKED_PACKETS",
        _marking_percent,
    ),
    Kpi(
        "PFC_frame_count",
        "",
        "1/ms",
        "pause frames sent per unit of time",
        "SAI_PORT_STAT_PFC_3_TX_PKTS",
        _frames_per_ms,
    ),
    Kpi(
        "Buffer_utilization",
        "peak",
        "%",
        "peak switch buffer in use",
        "SAI_BUFFER_POOL_STAT_WATERMARK_BYTES",
        _buffer_percent,
    ),
    Kpi(
        "Link_utilization",
        "average",
        "%",
        "average of the fabric links",
        "SAI_PORT_STAT_IF_OUT_OCTETS",
        _link_percent("mean"),
    ),
    Kpi(
        "Link_utilization",
        "busiest link",
        "%",
        "average of the busiest fabric link",
        "SAI_PORT_STAT_IF_OUT_OCTETS",
        _link_percent("peak"),
    ),
    Kpi("JFI", "uplinks", "–", "Jain's index over each switch's uplinks", "", _jfi),
)

NOT_MEASURED: Final[tuple[tuple[str, str], ...]] = (
    ("ITL, ITL_fabric, E2E_latency", "decoding after the first token is not simulated"),
    ("EP_alltoall_latency, EP_alltoall_bandwidth", "no expert-parallel traffic in the workload"),
    ("Inference_Goodput", "token service is not simulated"),
)


def evaluate(runs: Sequence[Run]) -> list[Interval]:
    """Every KPI of some seeds: mean, smallest and largest seed, in the order of `KPIS`."""
    return [span_interval(np.asarray([kpi.compute(run) for run in runs])) for kpi in KPIS]
