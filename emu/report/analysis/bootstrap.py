# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals for samples that are not independent.

Transfers of one run share queues, so they come in blocks of time; runs of one variant share
nothing but the trace. The bootstrap follows that: it draws seeds with replacement, then blocks
within each drawn seed with replacement, and keeps the transfers of a block together.

Drawing n seeds with replacement understates the spread between them by (n-1)/n. The interval
is widened for it: the percentiles are taken at Phi(-z sqrt(n/(n-1))) instead of Phi(-z)
(Hesterberg, "What teachers should know about the bootstrap", 2015, section 4.3, with the
normal instead of the t quantile). `tests/unit/report/test_bootstrap.py` measures the coverage.

A bootstrap never draws a value beyond the largest that was seen, so with few samples it cannot
bound a high percentile from above. Where even the maximum of independent samples would miss
the percentile too often (q^n > 2.5 %: n < 368 for P99, n < 3688 for P99.9) the upper bound is
infinite: the sample does not say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "Interval",
    "is_bounded",
    "mean_interval",
    "quantile",
    "quantile_interval",
    "ratio_interval",
    "replicate_weights",
    "span_interval",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

DRAWS = 1000
LEVEL = 0.95
_SEED = 20150601
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A value and how far it can be trusted.

    `math.inf` means that it lies among transfers that never ended; `math.nan`, that there is
    nothing to compute it from.
    """

    value: float
    low: float
    high: float

    def below(self, other: Interval) -> bool:
        """Whether this interval ends before the other one begins."""
        return self.high < other.low

    def parts_from(self, other: Interval) -> bool:
        return self.below(other) or other.below(self)

    @property
    def known(self) -> bool:
        return not math.isnan(self.value)


def quantile(values: Floats, q: float) -> float:
    """The smallest value with at least a share q of the sample at or below it.

    An order statistic, never an interpolation: a 99.9th percentile of 300 transfers is their
    maximum and may be infinite (a transfer that never ended).
    """
    if values.size == 0:
        return math.nan
    rank = max(1, math.ceil(q * values.size - 1e-9))
    return float(np.partition(values, rank - 1)[rank - 1])


def replicate_weights(
    seeds: Ints, blocks: Ints, draws: int = DRAWS, rng_seed: int = _SEED
) -> tuple[Ints, Floats]:
    """How often each (seed, block) is drawn in each replicate.

    Returns
    -------
    unit : array of int, one per sample
        Index of the sample's (seed, block).
    weights : array (draws, units)
    """
    rng = np.random.default_rng(rng_seed)
    pairs, unit = np.unique(np.stack([seeds, blocks]), axis=1, return_inverse=True)
    unit = unit.reshape(-1)
    by_seed = [np.flatnonzero(pairs[0] == s) for s in np.unique(pairs[0])]
    n = len(by_seed)
    weights = np.zeros((draws, pairs.shape[1]))
    chosen = rng.integers(0, n, (draws, n)) if n > 1 else np.zeros((draws, 1), dtype=np.int64)
    rows = np.arange(draws)
    for column in range(n):
        for s, units in enumerate(by_seed):
            hit = rows[chosen[:, column] == s]
            picks = units[rng.integers(0, len(units), (len(hit), len(units)))]
            np.add.at(weights, (np.repeat(hit, len(units)), picks.reshape(-1)), 1.0)
    return unit, weights


def quantile_interval(
    values: Floats, seeds: Ints, blocks: Ints, q: float, draws: int = DRAWS
) -> Interval:
    """Interval of a percentile; open above if the sample is too small to bound it."""
    found = _interval(
        values,
        seeds,
        blocks,
        lambda v, u, w: _weighted_quantile(v, u, w, q),
        quantile(values, q),
        draws,
    )
    return found if is_bounded(values.size, q) else Interval(found.value, found.low, math.inf)


def is_bounded(n: int, q: float) -> bool:
    """Whether n independent samples bound their q-quantile from above at the level used."""
    return q**n <= (1 - LEVEL) / 2


def mean_interval(values: Floats, seeds: Ints, blocks: Ints, draws: int = DRAWS) -> Interval:
    """Interval of a mean."""
    value = float(values.mean()) if values.size else math.nan
    return _interval(values, seeds, blocks, _weighted_mean, value, draws)


def ratio_interval(
    a: Floats, b: Floats, seeds: Ints, blocks: Ints, q: float, draws: int = DRAWS
) -> Interval:
    """Interval of quantile(a) / quantile(b) for the same transfers under two designs.

    Both share each drawn set of seeds and blocks: what the trace does to both cancels.
    """
    if a.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    unit, weights = replicate_weights(seeds, blocks, draws)
    top = _weighted_quantile(a, unit, weights, q)
    bottom = _weighted_quantile(b, unit, weights, q)
    with np.errstate(invalid="ignore"):
        replicates = top / bottom
    value = quantile(a, q) / quantile(b, q)
    if not is_bounded(a.size, q):
        return Interval(value, 0.0, math.inf)
    return _percentiles(replicates, value, len(np.unique(seeds)))


def span_interval(values: Floats) -> Interval:
    """Mean over seeds with the smallest and largest seed: for counters kept once per run."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    return Interval(float(known.mean()), float(known.min()), float(known.max()))


def _interval(
    values: Floats,
    seeds: Ints,
    blocks: Ints,
    statistic: Callable[[Floats, Ints, Floats], Floats],
    value: float,
    draws: int,
) -> Interval:
    if values.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    unit, weights = replicate_weights(seeds, blocks, draws)
    return _percentiles(statistic(values, unit, weights), value, len(np.unique(seeds)))


def _percentiles(replicates: Floats, value: float, n_seeds: int) -> Interval:
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + LEVEL / 2)
    tail = normal.cdf(-z * math.sqrt(n_seeds / (n_seeds - 1))) if n_seeds > 1 else (1 - LEVEL) / 2
    clean = replicates[~np.isnan(replicates)]
    low, high = quantile(clean, tail), quantile(clean, 1 - tail)
    # A percentile interval of a skewed statistic may miss the estimate itself; a reader
    # would take that for a mistake, and widening it is the safe side.
    return Interval(value, min(low, value), max(high, value))


def _weighted_quantile(values: Floats, unit: Ints, weights: Floats, q: float) -> Floats:
    order = np.argsort(values, kind="stable")
    ranked, units = values[order], unit[order]
    result = np.empty(len(weights))
    step = max(1, _CHUNK // max(1, len(values)))
    for start in range(0, len(weights), step):
        cumulated = np.cumsum(weights[start : start + step][:, units], axis=1)
        wanted = np.ceil(q * cumulated[:, -1] - 1e-9)
        index = (cumulated < wanted[:, None]).sum(axis=1)
        result[start : start + step] = ranked[np.minimum(index, len(ranked) - 1)]
    return result


def _weighted_mean(values: Floats, unit: Ints, weights: Floats) -> Floats:
    n_units = weights.shape[1]
    sums = np.bincount(unit, values, minlength=n_units)
    counts = np.bincount(unit, minlength=n_units)
    result: Floats = (weights @ sums) / (weights @ counts)
    return result
