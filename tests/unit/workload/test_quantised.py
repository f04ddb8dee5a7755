# SPDX-License-Identifier: Apache-2.0
"""Stamps that were rounded are found and spread; others stay as they are."""

from __future__ import annotations

import numpy as np

from emu.workload.readers.quantised import quantisation_step_ps, spread

SECOND = 10**12


def _poisson(rate: float, count: int) -> np.ndarray:
    gaps = np.random.default_rng(3).exponential(1 / rate, count)
    return np.cumsum(gaps * SECOND).astype(np.int64)


def test_three_second_steps_are_found_although_they_jitter() -> None:
    stamps = _poisson(3.4, 2000) // (3 * SECOND) * 3 * SECOND
    jitter = np.random.default_rng(1).integers(-3, 4, len(np.unique(stamps))) * 10**9
    stamps = stamps + jitter[np.unique(stamps, return_inverse=True)[1]]
    assert quantisation_step_ps(np.sort(stamps)) == 3 * SECOND


def test_continuous_stamps_are_not_quantised() -> None:
    assert quantisation_step_ps(_poisson(3.4, 2000)) == 0


def test_millisecond_stamps_are_a_clock_not_a_batch() -> None:
    assert quantisation_step_ps(_poisson(200.0, 2000) // 10**9 * 10**9) == 0


def test_bursts_of_equal_stamps_at_uneven_times_are_not_a_step() -> None:
    bursts = np.repeat(_poisson(0.2, 100), 10)
    assert quantisation_step_ps(bursts) == 0


def test_a_few_rows_prove_nothing() -> None:
    assert quantisation_step_ps(np.array([0, 0, 3, 3, 6, 6]) * SECOND) == 0


def test_spread_stays_within_the_step_and_depends_on_the_seed_only() -> None:
    stamps = np.repeat(np.arange(100) * 3 * SECOND, 10)
    one = spread(stamps, 3 * SECOND, 1)
    assert np.all((one >= stamps) & (one < stamps + 3 * SECOND))
    assert np.array_equal(one, spread(stamps, 3 * SECOND, 1))
    assert not np.array_equal(one, spread(stamps, 3 * SECOND, 2))
    gaps = np.diff(np.sort(one))
    assert 0.9 < gaps.std() / gaps.mean() < 1.1
