# SPDX-License-Identifier: Apache-2.0
"""Closed formulas that rows compare with. Times are in units of the service time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def md1_mean(load: float) -> float:
    """Mean wait of M/D/1 (Pollaczek and Khinchine)."""
    return load / (2 * (1 - load))


def md1_queue(load: float, states: int) -> FloatArray:
    """Probabilities of 0, 1, 2 … customers in M/D/1 at departures, from the embedded chain."""
    arrivals = np.array([math.exp(-load + k * math.log(load) - math.lgamma(k + 1))
                         for k in range(states + 1)])  # fmt: skip
    q = np.zeros(states)
    q[0] = 1 - load
    for n in range(states - 1):
        # q[n] = q[0] a[n] + sum of q[j] a[n - j + 1] over j = 1 … n + 1, solved for q[n + 1]
        known = q[0] * arrivals[n] + float(np.dot(q[1 : n + 1], arrivals[n:0:-1]))
        q[n + 1] = max(0.0, (q[n] - known) / arrivals[0])
    return q


def md1_wait_cdf(load: float, wait: float, queue: FloatArray) -> float:
    """P(wait <= ``wait``) of M/D/1.

    Franx, "A simple solution for the M/D/c waiting time distribution", Operations Research
    Letters 29 (2001): a sum of positive terms, unlike Crommelin's.
    """
    k = math.floor(wait) + 1
    total = np.cumsum(queue)
    y = load * (k - wait)
    # One more than wait may be there: the one in service.
    terms = [total[k - j] * y**j / math.factorial(j) for j in range(min(k, 120))]
    return math.exp(-y) * float(sum(terms))


def md1_percentile(load: float, share: float) -> float:
    """Wait that is not exceeded with probability ``share``, by bisection."""
    queue = md1_queue(load, 40 + round(40 / (1 - load)))
    low, high = 0.0, len(queue) - 3.0
    for _ in range(60):
        middle = (low + high) / 2
        if md1_wait_cdf(load, middle, queue) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def priority_means(high: float, low: float) -> tuple[float, float]:
    """Mean waits of two non-preemptive classes with equal constant service (Cobham 1954)."""
    residual = (high + low) / 2
    return residual / (1 - high), residual / ((1 - high) * (1 - high - low))


def ndd1_exceeds(sources: int, period: float, x: int) -> float:
    """P(work in the system > x) of N periodic sources with random phases.

    Roberts and Virtamo, "The superposition of periodic cell arrival streams in an ATM
    multiplexer", IEEE Trans. Communications 39 (1991). One arrival per source and period.
    """
    total = 0.0
    for n in range(x + 1, sources + 1):
        p = (n - x) / period
        if p >= 1:
            continue
        total += (
            math.comb(sources, n)
            * p**n
            * (1 - p) ** (sources - n)
            * (period - sources + x)
            / (period - n + x)
        )
    return total


def lindley(arrival: npt.NDArray[np.int64], service: int) -> npt.NDArray[np.int64]:
    """Waits of a single server with constant service, in the order of arrival."""
    if len(arrival) == 0:
        return arrival
    ahead = np.arange(len(arrival), dtype=np.int64) * service - arrival
    return np.asarray(ahead - np.minimum.accumulate(ahead), dtype=np.int64)
