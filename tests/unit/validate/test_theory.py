# SPDX-License-Identifier: Apache-2.0
"""The formulas that rows compare with, against limits and against each other."""

from __future__ import annotations

import numpy as np
import pytest

from emu.validate import Check, theory
from emu.validate.fluid import FluidParams, fixed_point
from emu.validate.plot import Figure, Line, svg
from emu.validate.row import at_least


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_the_distribution_of_md1_has_the_mean_of_md1(load: float) -> None:
    queue = theory.md1_queue(load, 400)
    grid = np.arange(0, 60, 0.01)
    tail = [1 - theory.md1_wait_cdf(load, x, queue) for x in grid]
    assert sum(tail) * 0.01 == pytest.approx(theory.md1_mean(load), rel=0.02)
    assert theory.md1_wait_cdf(load, 0.0, queue) == pytest.approx(1 - load)
    assert queue.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_class_alone_waits_as_in_md1() -> None:
    assert theory.priority_means(0.6, 0.0)[0] == pytest.approx(theory.md1_mean(0.6))
    assert theory.priority_means(0.0, 0.6)[1] == pytest.approx(theory.md1_mean(0.6))


def test_lindley_serves_one_after_the_other() -> None:
    arrival = np.array([0, 1, 2, 30, 30])
    assert theory.lindley(arrival, 10).tolist() == [0, 9, 18, 0, 10]


def test_periodic_sources_never_wait_for_more_than_there_are() -> None:
    assert theory.ndd1_exceeds(4, 10.0, 4) == 0.0
    assert 0 < theory.ndd1_exceeds(4, 10.0, 1) < theory.ndd1_exceeds(4, 10.0, 0) < 1
    assert theory.ndd1_exceeds(1, 10.0, 0) == pytest.approx(0.1)


def test_more_flows_need_more_marks() -> None:
    points = [fixed_point(FluidParams(), flows) for flows in (2, 10, 32, 64)]
    assert [p.p for p in points] == sorted(p.p for p in points)
    assert points[1].queue_kb == pytest.approx(41.809, abs=0.001)
    assert points[-1].queue_kb == 200.0


def test_a_check_holds_within_its_tolerance_only() -> None:
    assert Check("x", 100, 101, 0.01).ok
    assert not Check("x", 100, 102, 0.01).ok
    assert not Check("x", 0, 1, 0.0, absolute=True).ok
    assert at_least("x", 2, 3).ok
    assert not at_least("x", 2, 1).ok


def test_a_figure_is_the_same_text_every_time() -> None:
    figure = Figure("T", "x", "y", [Line("a", [1, 10], [1, 100]), Line("b", [5], [5], True)], True)
    assert svg(figure) == svg(figure)
    assert svg(figure).count("<circle") == 1
