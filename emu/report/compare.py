# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side, with bootstrap confidence intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
from rich.table import Table

from emu.report.analysis.bootstrap import (
    Interval,
    quantile,
    quantile_interval,
    ratio_interval,
)
from emu.report.analysis.kpi import KPIS, goodput_gbytes_per_s
from emu.report.analysis.slowdown import samples
from emu.report.numerals import number
from emu.telemetry import Run

__all__ = ["ComparisonRow", "compare_runs", "comparison_table"]

_PERCENTILES = (("P50", 0.5), ("P95", 0.95), ("P99", 0.99), ("P99.9", 0.999))
_COUNTED = (
    ("lost packets", "1", "dropped_packets"),
    ("sent again", "bytes", "retransmitted_bytes"),
    ("pause frames", "1", "pfc_frames"),
    ("flooded", "bytes", "flooded_bytes"),
    ("header bytes", "bytes", "header_bytes"),
)
_KPIS_TAKEN = {"ECN_marking_rate", "Buffer_utilization", "Link_utilization", "JFI"}


class ComparisonRow(TypedDict):
    """One measure of both runs; None where a value does not exist or is infinite."""

    measure: str
    unit: str
    first: float | None
    second: float | None
    ratio: float | None
    """second / first"""
    low: float | None
    high: float | None
    """95 % interval of the ratio; None for measures kept once per run"""
    verdict: str


def compare_runs(first: Path | str, second: Path | str) -> list[ComparisonRow]:
    """Compare two runs, measure by measure.

    If both carried the same transfers, the ratio's interval comes from a bootstrap over the
    blocks of time that they share, so that what the trace does to both cancels. Otherwise
    each run is drawn by itself.

    Raises
    ------
    RunError
        If one of the two is not a complete run.
    """
    a, b = Run(first), Run(second)
    rows = [_slowdown(a, b, part, q) for part, q in _PERCENTILES]
    rows.append(_plain("goodput", "GB/s", goodput_gbytes_per_s(a), goodput_gbytes_per_s(b)))
    for name, unit, key in _COUNTED:
        rows.append(_plain(name, unit, float(a.counters[key]), float(b.counters[key])))
    rows.append(
        _plain(
            "paused",
            "ms",
            float(a.ports["pfc_rx_pause_ps"].sum()) / 1e9,
            float(b.ports["pfc_rx_pause_ps"].sum()) / 1e9,
        )
    )
    for kpi in KPIS:
        if kpi.name in _KPIS_TAKEN:
            name = f"{kpi.name} {kpi.part}".strip()
            rows.append(_plain(name, kpi.unit, kpi.compute(a), kpi.compute(b)))
    return rows


def comparison_table(first: Path | str, second: Path | str, rows: list[ComparisonRow]) -> Table:
    """The rows for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("measure")
    names = [f"{r.meta['design_label']}, seed {r.seed}" for r in (Run(first), Run(second))]
    if names[0] == names[1]:
        names = ["first", "second"]
    for head in ("unit", *names, "ratio", "95 % interval"):
        table.add_column(head, justify="right" if head != "unit" else "left")
    table.add_column("verdict")
    for row in rows:
        interval = ""
        if row["low"] is not None or row["high"] is not None:
            interval = f"{_text(row['low'])}–{_text(row['high'])}"
        if row["low"] == 0 and row["high"] is None:
            interval = "too few"
        table.add_row(
            row["measure"], row["unit"], _text(row["first"]), _text(row["second"]),
            _text(row["ratio"]), interval, row["verdict"],
        )  # fmt: skip
    return table


def _slowdown(a: Run, b: Run, part: str, q: float) -> ComparisonRow:
    left, right = samples([a]), samples([b])
    both = left.merge(right, on="transfer_id", suffixes=("", "_b"))
    if len(both) >= 0.9 * max(len(left), len(right), 1) and _same_trace(a, b):
        ratio = ratio_interval(
            both["slowdown_b"].to_numpy(float),
            both["slowdown"].to_numpy(float),
            np.zeros(len(both), np.int64),
            both["block"].to_numpy(np.int64),
            q,
        )
    else:
        ratio = _unpaired(left, right, q)
    values = [quantile(f["slowdown"].to_numpy(float), q) for f in (left, right)]
    if not ratio.known:
        verdict = "cannot be told"
    elif ratio.high < 1:
        verdict = "second is shorter"
    elif ratio.low > 1:
        verdict = "first is shorter"
    else:
        verdict = "cannot be told"
    return _row(f"slowdown {part}", "×", values[0], values[1], ratio, verdict)


def _same_trace(a: Run, b: Run) -> bool:
    mine, other = a.transfers, b.transfers
    return len(mine) == len(other) and bool(
        (mine["kv_bytes"].to_numpy() == other["kv_bytes"].to_numpy()).all()
    )


def _unpaired(left: pd.DataFrame, right: pd.DataFrame, q: float) -> Interval:
    """Bounds of the ratio when the two runs share nothing: from both intervals' ends."""
    intervals = []
    for frame in (left, right):
        seeds, blocks = np.zeros(len(frame), np.int64), frame["block"].to_numpy(np.int64)
        intervals.append(quantile_interval(frame["slowdown"].to_numpy(float), seeds, blocks, q))
    a, b = intervals
    if not (a.known and b.known):
        return Interval(math.nan, math.nan, math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Interval(
            float(np.divide(b.value, a.value)),
            float(np.divide(b.low, a.high)),
            float(np.divide(b.high, a.low)),
        )


def _plain(measure: str, unit: str, first: float, second: float) -> ComparisonRow:
    ratio = second / first if first else math.nan
    verdict = "equal" if first == second else ""
    return _row(measure, unit, first, second, Interval(ratio, math.nan, math.nan), verdict)


def _row(
    measure: str, unit: str, first: float, second: float, ratio: Interval, verdict: str
) -> ComparisonRow:
    return {
        "measure": measure,
        "unit": unit,
        "first": _finite(first),
        "second": _finite(second),
        "ratio": _finite(ratio.value),
        "low": _finite(ratio.low),
        "high": _finite(ratio.high),
        "verdict": verdict,
    }


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _text(value: float | None) -> str:
    return "–" if value is None else number(value)
