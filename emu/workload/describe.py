# SPDX-License-Identifier: Apache-2.0
"""What is in a trace: rate, sizes, burstiness, prefix reuse, and bytes for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emu.workload.models import find_model
from emu.workload.prefix import PrefixCache
from emu.workload.readers import ReadOptions, read_trace
from emu.workload.readers.quantised import quantisation_step_ps, spread
from emu.workload.trace import PS_PER_S, FloatArray, FlowTrace, IntArray, RequestTrace

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9, 100)
TIME_BINS = 60


@dataclass(frozen=True)
class Distribution:
    """Mean, percentiles (linear interpolation) and counts in powers of two.

    ``bins`` holds (lower edge, count); a bin ends where the edge has doubled.
    """

    mean: float
    total: int
    percentiles: dict[str, float]
    bins: list[tuple[int, int]]


@dataclass(frozen=True)
class Burstiness:
    """How uneven arrivals are.

    Attributes
    ----------
    iat_cv : standard deviation / mean of the gaps between arrivals; Poisson: 1.
    dispersion_1s, dispersion_10s : variance / mean of counts per 1 s and 10 s;
        Poisson: 1. None when the trace is shorter than ten such bins.
    peak_1s : most arrivals in one second.
    """

    iat_cv: float
    dispersion_1s: float | None
    dispersion_10s: float | None
    peak_1s: int


@dataclass(frozen=True)
class PrefixReuse:
    """What a cache that forgets nothing would find.

    Attributes
    ----------
    hit_token_fraction : prompt tokens that repeat an earlier prefix / all of them.
    """

    block_tokens: int
    blocks: int
    distinct_blocks: int
    hit_token_fraction: float


@dataclass(frozen=True)
class ModelBytes:
    """KV cache of each prompt for one model (one copy, nothing reused)."""

    model: str
    dtype: str
    source: str
    bytes_per_token: int
    request_bytes: Distribution
    mean_gbps: float
    peak_1s_gbps: float


@dataclass(frozen=True)
class TraceDescription:
    """Figures of one trace; JSON types in :meth:`to_json`."""

    file: str
    format: str
    rows_read: int
    rows_skipped: dict[str, int]
    notes: list[str]
    kind: str
    rows: int
    span_s: float
    rate_per_s: float
    distinct_stamps: int
    stamps: Burstiness
    spread_s: float
    arrivals: Burstiness
    arrivals_over_time: list[int]
    input_tokens: Distribution | None = None
    output_tokens: Distribution | None = None
    flow_bytes: Distribution | None = None
    prefix: PrefixReuse | None = None
    model: ModelBytes | None = None

    def to_json(self) -> dict[str, Any]:
        """Nested dicts and lists for ``--json``."""
        return asdict(self)


def describe(
    path: str | Path,
    model: str | Mapping[str, Any] | None = None,
    dtype: str = "bf16",
    format: str = "auto",  # noqa: A002 - the word users know from the spec
    *,
    skip_bad: bool = False,
    limit: int | None = None,
    seed: int = 1,
) -> TraceDescription:
    """Reads a trace and computes its figures.

    ``stamps`` describes the stamps as they stand in the file, ``arrivals`` what emu
    replays, i.e. after quantised stamps were spread.

    Raises
    ------
    TraceError, SpecError
        For a trace that cannot be read, or an unknown model.
    """
    shape = None if model is None else find_model(model)
    raw = read_trace(
        path, format, ReadOptions(skip_bad=skip_bad, limit=limit, seed=seed, spread_ps=0)
    )
    if isinstance(raw, FlowTrace):
        return _describe_flows(str(path), raw)
    step = raw.stamp_step_ps or quantisation_step_ps(raw.arrival_ps)
    arrival = np.sort(spread(raw.arrival_ps, step, seed)) if step else raw.arrival_ps
    arrival = arrival - arrival[0]
    return TraceDescription(
        **_common(str(path), raw, raw.arrival_ps, arrival),
        kind="requests",
        spread_s=step / PS_PER_S,
        input_tokens=distribution(raw.input_tokens),
        output_tokens=distribution(raw.output_tokens),
        prefix=_prefix(raw) if raw.has_prefixes else None,
        model=None
        if shape is None
        else _model_bytes(
            shape.name,
            dtype,
            shape.source,
            shape.bytes_per_token(dtype),
            shape.kv_bytes(raw.input_tokens, dtype),
            arrival,
        ),
    )


def _describe_flows(path: str, trace: FlowTrace) -> TraceDescription:
    return TraceDescription(
        **_common(path, trace, trace.start_ps, trace.start_ps),
        kind="flows",
        spread_s=0.0,
        flow_bytes=distribution(trace.size_bytes),
    )


def _common(
    path: str, trace: RequestTrace | FlowTrace, stamps: IntArray, arrival: IntArray
) -> dict[str, Any]:
    span = int(stamps[-1] - stamps[0])
    edges = np.linspace(0, int(arrival[-1]) + 1, TIME_BINS + 1)
    return {
        "file": path,
        "format": trace.format,
        "rows_read": trace.rows_read,
        "rows_skipped": trace.skipped,
        "notes": list(trace.notes),
        "rows": len(trace),
        "span_s": span / PS_PER_S,
        # n - 1 gaps between n arrivals.
        "rate_per_s": (len(trace) - 1) * PS_PER_S / span if span else 0.0,
        "distinct_stamps": len(np.unique(stamps)),
        "stamps": burstiness(stamps),
        "arrivals": burstiness(arrival),
        "arrivals_over_time": np.histogram(arrival, edges)[0].tolist(),
    }


def distribution(values: IntArray) -> Distribution:
    """Mean, percentiles and histogram of whole numbers."""
    exponent = np.zeros(len(values), dtype=np.int64)
    positive = values > 0
    # frexp is exact where log2 may round to the next power.
    exponent[positive] = np.frexp(values[positive].astype(np.float64))[1]
    counts = np.bincount(exponent)
    bins = [(1 << (e - 1) if e else 0, int(n)) for e, n in enumerate(counts)]
    first = next(index for index, (_, n) in enumerate(bins) if n)
    return Distribution(
        mean=float(values.mean()),
        total=int(values.sum()),
        percentiles={f"{p:g}": float(np.percentile(values, p)) for p in PERCENTILES},
        bins=bins[first:],
    )


def burstiness(arrival_ps: IntArray) -> Burstiness:
    """Figures of sorted arrivals."""
    gaps = np.diff(arrival_ps).astype(np.float64)
    mean = float(gaps.mean()) if len(gaps) else 0.0
    return Burstiness(
        iat_cv=float(gaps.std()) / mean if mean else 0.0,
        dispersion_1s=_dispersion(arrival_ps, PS_PER_S),
        dispersion_10s=_dispersion(arrival_ps, 10 * PS_PER_S),
        peak_1s=int(np.bincount((arrival_ps - arrival_ps[0]) // PS_PER_S).max()),
    )


def _dispersion(arrival_ps: IntArray, bin_ps: int) -> float | None:
    # The last bin is cut off by the end of the trace.
    counts = np.bincount((arrival_ps - arrival_ps[0]) // bin_ps)[:-1]
    return float(counts.var() / counts.mean()) if len(counts) >= 10 and counts.any() else None


def _prefix(trace: RequestTrace) -> PrefixReuse:
    cache, hit = PrefixCache(), 0
    for row in range(len(trace)):
        blocks = trace.blocks(row).tolist()
        hit += min(cache.match(blocks) * trace.block_tokens, int(trace.input_tokens[row]))
        cache.insert(blocks)
    return PrefixReuse(
        block_tokens=trace.block_tokens,
        blocks=len(trace.block_ids),
        distinct_blocks=len(cache),
        hit_token_fraction=hit / int(trace.input_tokens.sum()),
    )


def _model_bytes(
    name: str,
    dtype: str,
    source: str,
    per_token: int,
    request_bytes: IntArray,
    arrival_ps: IntArray,
) -> ModelBytes:
    span = int(arrival_ps[-1])
    weights: FloatArray = request_bytes.astype(np.float64)
    per_second = np.bincount(arrival_ps // PS_PER_S, weights=weights)
    return ModelBytes(
        model=name,
        dtype=dtype,
        source=source,
        bytes_per_token=per_token,
        request_bytes=distribution(request_bytes),
        mean_gbps=float(weights.sum()) * 8 / (span / PS_PER_S) / 1e9 if span else 0.0,
        peak_1s_gbps=float(per_second.max()) * 8 / 1e9,
    )
