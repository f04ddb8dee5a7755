# SPDX-License-Identifier: Apache-2.0
"""Intervals cover what they promise, for samples that come in seeds and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emu.report.analysis.bootstrap import (
    Interval,
    mean_interval,
    quantile,
    quantile_interval,
    ratio_interval,
    replicate_weights,
    span_interval,
)

NORMAL_Q99 = 2.3263478740408408


def nested(
    rng: np.random.Generator, seeds: int, blocks: int, per_block: int, spread: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal samples with an effect per seed and one per block."""
    values = (
        rng.normal(0, spread[0], (seeds, 1, 1))
        + rng.normal(0, spread[1], (seeds, blocks, 1))
        + rng.normal(0, 1, (seeds, blocks, per_block))
    )
    seed = np.repeat(np.arange(seeds), blocks * per_block)
    block = np.tile(np.repeat(np.arange(blocks), per_block), seeds)
    return values.ravel(), seed, block


@pytest.mark.parametrize(
    ("seeds", "spread", "least"),
    [
        # Least coverage for the median and for the 99th percentile, 95 % being the promise.
        (3, (0.0, 0.0), (0.93, 0.93)),
        (3, (0.1, 0.3), (0.90, 0.90)),
        # Three seeds cannot show all of so large an effect of the seed.
        (3, (0.3, 0.3), (0.84, 0.84)),
        (10, (0.3, 0.3), (0.92, 0.92)),
        # One seed is 300 samples: three of them lie beyond the 99th percentile.
        (1, (0.0, 0.3), (0.88, 0.70)),
    ],
)
@pytest.mark.parametrize("tail", [False, True])
def test_intervals_cover_the_true_percentile(
    tail: bool, seeds: int, spread: tuple[float, float], least: tuple[float, float]
) -> None:
    rng = np.random.default_rng(2026)
    q = 0.99 if tail else 0.5
    scale = math.sqrt(1 + spread[0] ** 2 + spread[1] ** 2)
    true = {0.5: 0.0, 0.99: NORMAL_Q99}[q] * scale
    trials = 150
    hits = 0
    for _ in range(trials):
        interval = quantile_interval(*nested(rng, seeds, 10, 30, spread), q, draws=200)
        hits += interval.low <= true <= interval.high
    assert hits / trials >= least[tail]


def test_blocks_widen_an_interval_that_ignores_them() -> None:
    rng = np.random.default_rng(5)
    values, seed, block = nested(rng, 3, 10, 50, (0.0, 1.0))
    honest = quantile_interval(values, seed, block, 0.5)
    naive = quantile_interval(values, np.zeros_like(seed), np.arange(len(values)), 0.5)
    assert (honest.high - honest.low) > 2 * (naive.high - naive.low)


def test_weights_draw_whole_blocks_of_drawn_seeds() -> None:
    seeds = np.repeat([1, 2, 3], 8)
    blocks = np.tile(np.repeat([0, 1], 4), 3)
    unit, weights = replicate_weights(seeds, blocks, draws=50)
    assert len(set(unit.tolist())) == 6
    assert (weights.sum(axis=1) == 6).all()  # three seeds, two blocks of each
    assert (weights.reshape(50, 3, 2).sum(axis=2) % 2 == 0).all()


def test_same_input_same_interval() -> None:
    rng = np.random.default_rng(1)
    args = nested(rng, 2, 5, 20, (0.1, 0.1))
    assert quantile_interval(*args, 0.99) == quantile_interval(*args, 0.99)


def test_quantile_is_an_order_statistic() -> None:
    values = np.arange(1.0, 301.0)
    assert quantile(values, 0.999) == 300
    assert quantile(values, 0.99) == 297
    assert quantile(values, 0.5) == 150
    assert quantile(np.array([1.0, math.inf]), 0.99) == math.inf
    assert math.isnan(quantile(np.array([]), 0.5))


def test_transfers_that_never_ended_reach_the_interval() -> None:
    values = np.array([1.0] * 95 + [math.inf] * 5)
    interval = quantile_interval(values, np.zeros(100, int), np.arange(100) % 10, 0.99)
    assert interval.value == math.inf
    assert interval.high == math.inf


def test_ratio_of_the_same_transfers_is_sharper_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    values, seed, block = nested(rng, 3, 10, 30, (0.2, 0.4))
    base = np.exp(values)
    ratio = ratio_interval(1.3 * base, base, seed, block, 0.99)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.3, 1.3, 1.3))
    a, b = (quantile_interval(v, seed, block, 0.99) for v in (1.3 * base, base))
    assert not a.parts_from(b)


def test_mean_interval_is_around_the_mean() -> None:
    values, seed, block = nested(np.random.default_rng(4), 3, 10, 30, (0.0, 0.2))
    interval = mean_interval(values, seed, block)
    assert interval.low < values.mean() < interval.high


def test_span_is_the_smallest_and_largest_seed() -> None:
    assert span_interval(np.array([3.0, 1.0, math.nan, 2.0])) == Interval(2.0, 1.0, 3.0)
    assert not span_interval(np.array([])).known


def test_intervals_part_only_if_they_do_not_touch() -> None:
    assert Interval(1, 0, 2).parts_from(Interval(4, 3, 5))
    assert not Interval(1, 0, 3).parts_from(Interval(4, 3, 5))
