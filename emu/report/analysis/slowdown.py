# SPDX-License-Identifier: Apache-2.0
"""Slowdown: how many times longer a transfer took than on an empty fabric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis import bystanders
from emu.report.analysis.bootstrap import (
    Floats,
    Interval,
    is_bounded,
    quantile,
    quantile_interval,
    ratio_interval,
)
from emu.telemetry import Run

__all__ = [
    "SlowdownSummary",
    "by_size",
    "ccdf",
    "paired_ratio",
    "percentile_name",
    "samples",
    "summarise",
    "tail_percentile",
]

_COLUMNS = ("block", "transfer_id", "kv_bytes", "slowdown")
_TAILS = (0.99, 0.95, 0.9)


@dataclass(frozen=True)
class SlowdownSummary:
    """What one design made of one case."""

    p50: Interval
    tail: Interval
    """The percentile on which verdicts rest; see `tail_percentile`."""
    p99: Interval
    p999: Interval
    n: int
    unfinished: int

    @property
    def p999_is_maximum(self) -> bool:
        """Whether there are too few transfers for a 99.9th percentile below the maximum."""
        return self.n < 1000


def samples(runs: Sequence[Run]) -> pd.DataFrame:
    """Pool the transfers of some seeds.

    Those that a fault of their own host decides are left out (`bystanders`); others that failed
    or had not ended count as infinitely slow: leaving them out would reward the design that
    lost them.

    Returns
    -------
    DataFrame
        seed, block, transfer_id, kv_bytes, slowdown.
    """
    frames = []
    for run in runs:
        frame = bystanders.transfers(run)[[*_COLUMNS, "status"]].copy()
        frame["slowdown"] = frame["slowdown"].where(frame["status"] == "done", np.inf)
        frame.insert(0, "seed", run.seed)
        frames.append(frame.drop(columns="status"))
    if not frames:
        return pd.DataFrame(columns=["seed", *_COLUMNS])
    return pd.concat(frames, ignore_index=True)


def tail_percentile(n: int) -> float:
    """The highest percentile that n transfers bound: P99 from 368 on, P95 from 72, P90 from 36.

    A verdict about a percentile that the sample does not bound would rest on its two or three
    slowest transfers.
    """
    return next((q for q in _TAILS if is_bounded(n, q)), 0.5)


def percentile_name(q: float) -> str:
    """P99.9 for 0.999."""
    return f"P{100 * q:.4g}"


def summarise(frame: pd.DataFrame, tail_q: float = 0.99) -> SlowdownSummary:
    """Median, tail, 99th and 99.9th percentile with 95 % intervals."""
    values, seeds, blocks = _arrays(frame)
    p50, p99, p999 = (quantile_interval(values, seeds, blocks, q) for q in (0.5, 0.99, 0.999))
    tail = p99 if tail_q == 0.99 else quantile_interval(values, seeds, blocks, tail_q)
    return SlowdownSummary(p50, tail, p99, p999, len(values), int(np.isinf(values).sum()))


def paired_ratio(frame: pd.DataFrame, base: pd.DataFrame, q: float) -> Interval | None:
    """Interval of the ratio of a percentile to that of `base`, on the transfers both have.

    None if the two do not share transfers (different traces or seeds).
    """
    keys = ["seed", "transfer_id"]
    both = frame.merge(base, on=keys, suffixes=("", "_base"))
    if len(both) < 0.9 * max(len(frame), len(base)) or both.empty:
        return None
    values, seeds, blocks = _arrays(both)
    return ratio_interval(values, both["slowdown_base"].to_numpy(float), seeds, blocks, q)


def ccdf(values: Floats, points: int = 160) -> pd.DataFrame:
    """Share of transfers slower than x, thinned towards the body and whole in the tail."""
    finite = np.sort(values[np.isfinite(values)])
    n = values.size
    if finite.size == 0:
        return pd.DataFrame({"slowdown": [], "share_slower": []})
    ranks = np.unique(np.round(np.geomspace(1, n, points)).astype(int)) - 1  # from the top
    ranks = ranks[ranks >= n - finite.size]
    index = n - 1 - ranks
    frame = pd.DataFrame({"slowdown": finite[index], "share_slower": (ranks + 1) / n})
    return frame.sort_values(
        ["slowdown", "share_slower"], ascending=[True, False], ignore_index=True
    )


def by_size(frame: pd.DataFrame, edges: Floats) -> pd.DataFrame:
    """Median and 95th percentile per class of size.

    Parameters
    ----------
    edges : array
        Bounds in bytes; the same for every design so that lines can be compared.
    """
    sizes = frame["kv_bytes"].to_numpy(float)
    slow = frame["slowdown"].to_numpy(float)
    group = np.clip(np.searchsorted(edges, sizes, side="right") - 1, 0, len(edges) - 2)
    rows = []
    for i in range(len(edges) - 1):
        chosen = group == i
        if not chosen.any():
            continue
        rows.append(
            {
                "size_bytes": float(np.median(sizes[chosen])),
                "transfers": int(chosen.sum()),
                "p50": quantile(slow[chosen], 0.5),
                "p95": quantile(slow[chosen], 0.95),
            }
        )
    return pd.DataFrame(rows, columns=["size_bytes", "transfers", "p50", "p95"])


def _arrays(frame: pd.DataFrame) -> tuple[Floats, np.ndarray, np.ndarray]:
    return (
        frame["slowdown"].to_numpy(float),
        frame["seed"].to_numpy(np.int64),
        frame["block"].to_numpy(np.int64),
    )
