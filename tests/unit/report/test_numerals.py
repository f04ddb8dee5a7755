# SPDX-License-Identifier: Apache-2.0
"""Numbers on the page."""

from __future__ import annotations

import math

import pytest

from emu.report.analysis.bootstrap import Interval
from emu.report.numerals import BYTES, TIME, interval_text, number, spoken


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (1234.5, "1\u202f230"),
        (1234, "1\u202f234"), (37_449, "37\u202f400"), (0.00123, "0.00123"), (5, "5"),
        (-2.5, "−2.50"), (math.nan, "–"), (math.inf, "∞"), (9.999, "10.0"), (2e-9, "2.00e−09"),
    ],
)  # fmt: skip
def test_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("ps", "text"), [(120 * 10**9, "120 ms"), (1500, "1.50 ns"), (2 * 10**12, "2 s"), (0, "0 ns")]
)
def test_times_carry_their_unit(ps: float, text: str) -> None:
    assert spoken(ps, TIME) == text


def test_one_unit_fits_a_column() -> None:
    assert BYTES.choose([10, 2_500_000]) == ("MB", 1e6)
    assert BYTES.choose([math.inf, math.nan]) == ("B", 1.0)


def test_an_interval_that_says_nothing_is_left_out() -> None:
    assert interval_text(Interval(1.0, 1.0, 1.0)) == ""
    assert interval_text(Interval(16.1, 16.101, 16.099)) == ""
    assert interval_text(Interval(math.nan, math.nan, math.nan)) == ""
    assert interval_text(Interval(2e6, 1e6, 3e6), 1e6) == "1–3"
