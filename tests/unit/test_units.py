# SPDX-License-Identifier: Apache-2.0
"""Quantities keep their value through text and refuse each other's units."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import units
from emu.units import (
    INTEGER_MAX,
    format_length,
    format_rate,
    format_size,
    format_time,
    parse_fraction,
    parse_length,
    parse_rate,
    parse_size,
    parse_time,
)

PARSERS: dict[str, Callable[[object], float]] = {
    "rate": parse_rate,
    "size": parse_size,
    "time": parse_time,
    "length": parse_length,
    "fraction": parse_fraction,
}
OF_KIND = {
    "rate": ["400G", "25Gb/s", "1.6T", "100Mbps", "10kbit/s", "1b/s"],
    "size": ["64KiB", "2MB", "9216B", "1.5GB", "0.5TiB"],
    "time": ["600ns", "1ps", "20ms", "1.5s", "4h", "2min", "5us", "5 µs"],
    "length": ["30m", "0.5km", "50cm"],
    "fraction": ["60%"],
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("400G", 400 * 10**9),
        ("0.4T", 400 * 10**9),
        ("100Mb/s", 10**8),
        (" 25Gbps ", 25 * 10**9),
        ("1e3k", 10**6),
        (0, 0),
        ("0", 0),
    ],
)
def test_rate(text: object, value: int) -> None:
    assert parse_rate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("2MB", 2_000_000), ("2MiB", 2_097_152), ("1.5KB", 1500), ("64KiB", 65_536), (0, 0)],
)
def test_size(text: object, value: int) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("600ns", 600_000), ("4.096us", 4_096_000), ("67.108864ms", 67_108_864_000), ("1ps", 1)],
)
def test_time(text: object, value: int) -> None:
    assert parse_time(text) == value


def test_length_and_fraction() -> None:
    assert parse_length("50cm") == 0.5
    assert parse_fraction("60%") == parse_fraction(0.6) == 0.6


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize("other", OF_KIND)
def test_a_parser_takes_its_own_units_only(kind: str, other: str) -> None:
    for text in OF_KIND[other]:
        if kind == other:
            PARSERS[kind](text)
        else:
            with pytest.raises(ValueError, match=f"a {kind} such as"):
                PARSERS[kind](text)


@pytest.mark.parametrize("kind", ["rate", "size", "time", "length"])
@pytest.mark.parametrize(
    "value",
    [1, 1.5, "7", True, None, [], "", "fast", float("nan"), float("inf"), "1e99G", "9" * 50],
)
def test_what_is_no_quantity_is_refused(kind: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"a {kind}"):
        PARSERS[kind](value)


def test_a_refusal_says_what_the_unit_would_have_meant() -> None:
    with pytest.raises(ValueError, match="'400GB' is a size: write a rate"):
        parse_rate("400GB")
    with pytest.raises(ValueError, match="'5m' is a length: write a time"):
        parse_time("5m")


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_rate, "-1G"), (parse_size, "-1B"), (parse_time, "-1ns")]
)
def test_negative_quantities_are_refused(parse: Callable[[object], int], text: str) -> None:
    with pytest.raises(ValueError, match="negative"):
        parse(text)


def test_what_does_not_fit_the_smallest_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of picoseconds"):
        parse_time("0.5ps")
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size("1.0005KB")
    with pytest.raises(ValueError, match="too large"):
        parse_time("10000000h")


@given(st.integers(0, INTEGER_MAX - 1))
def test_canonical_text_gives_the_same_integer_back(value: int) -> None:
    assert parse_rate(format_rate(value)) == value
    assert parse_size(format_size(value)) == value
    assert parse_time(format_time(value)) == value


@given(st.floats(0, 100_000).map(lambda metres: round(metres, 9)))
def test_canonical_text_gives_the_same_length_back(metres: float) -> None:
    assert parse_length(format_length(metres)) == pytest.approx(metres, rel=1e-12, abs=1e-30)


@given(st.text(max_size=30))
def test_no_text_makes_a_parser_fail_in_another_way(text: str) -> None:
    for parse in PARSERS.values():
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value == value


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(units).failed == 0
