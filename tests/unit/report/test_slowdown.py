# SPDX-License-Identifier: Apache-2.0
"""Slowdown keeps transfers that never ended in the sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from emu.report.analysis.slowdown import (
    by_size,
    ccdf,
    paired_ratio,
    percentile_name,
    samples,
    summarise,
    tail_percentile,
)


def transfers(n: int, slowdown: float = 2.0, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "transfer_id": i, "block": i % 5, "slowdown": slowdown + i / n, "status": "done",
            "kv_bytes": 1000 * (i + 1), **more,
        }
        for i in range(n)
    ]  # fmt: skip


def test_failed_and_unfinished_transfers_are_infinitely_slow(frames: Any) -> None:
    rows = transfers(4)
    rows[1] |= {"status": "failed", "slowdown": 1.1}
    rows[2] |= {"status": "unfinished", "slowdown": math.nan}
    frame = samples([frames.run(transfers=rows)])
    assert np.isinf(frame["slowdown"]).tolist() == [False, True, True, False]
    assert summarise(frame).unfinished == 2


def test_seeds_are_pooled(frames: Any) -> None:
    frame = samples([frames.run(seed=s, transfers=transfers(10)) for s in (1, 2)])
    assert frame.groupby("seed").size().to_dict() == {1: 10, 2: 10}
    assert summarise(frame).p999_is_maximum


def test_paired_ratio_needs_the_same_transfers(frames: Any) -> None:
    one = samples([frames.run(transfers=transfers(50, 4.0))])
    two = samples([frames.run(transfers=transfers(50, 2.0))])
    ratio = paired_ratio(one, two, 0.5)
    assert ratio is not None
    assert ratio.low > 1
    other_seed = two.assign(seed=9)
    assert paired_ratio(one, other_seed, 0.5) is None


def test_ccdf_falls_from_one_to_the_slowest() -> None:
    frame = ccdf(np.array([3.0, 1.0, 2.0, 4.0]))
    assert frame["slowdown"].tolist() == [1, 2, 3, 4]
    assert frame["share_slower"].tolist() == [1.0, 0.75, 0.5, 0.25]


def test_ccdf_counts_those_that_never_ended_without_drawing_them() -> None:
    frame = ccdf(np.array([1.0, 2.0, math.inf, math.inf]))
    assert frame["share_slower"].tolist() == [1.0, 0.75]


def test_ccdf_is_thinned_but_keeps_the_tail() -> None:
    frame = ccdf(np.arange(1.0, 10_001.0), points=100)
    assert len(frame) <= 100
    assert frame["slowdown"].tolist()[-3:] == [9998, 9999, 10_000]


def test_size_classes_hold_every_transfer(frames: Any) -> None:
    frame = samples([frames.run(transfers=transfers(60))])
    table = by_size(frame, np.quantile(frame["kv_bytes"], [0, 0.25, 0.5, 1.0]))
    assert table["transfers"].sum() == 60
    assert (table["p95"] >= table["p50"]).all()
    assert table["size_bytes"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("n", "name"),
    [(35, "P50"), (36, "P90"), (71, "P90"), (72, "P95"), (367, "P95"), (368, "P99"), (9999, "P99")],
)
def test_verdicts_rest_on_the_highest_percentile_that_is_bounded(n: int, name: str) -> None:
    assert percentile_name(tail_percentile(n)) == name


def test_a_percentile_that_is_not_bounded_is_open_above(frames: Any) -> None:
    summary = summarise(samples([frames.run(transfers=transfers(100))]), tail_percentile(100))
    assert math.isinf(summary.p99.high)
    assert math.isfinite(summary.tail.high)


def test_no_runs_no_numbers() -> None:
    assert math.isnan(summarise(samples([])).p50.value)


@pytest.mark.parametrize("q", [0.5, 0.99])
def test_summary_lies_inside_its_interval(frames: Any, q: float) -> None:
    summary = summarise(samples([frames.run(seed=s, transfers=transfers(40)) for s in (1, 2, 3)]))
    interval = {0.5: summary.p50, 0.99: summary.p99}[q]
    assert interval.low <= interval.value <= interval.high
