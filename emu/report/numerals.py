# SPDX-License-Identifier: Apache-2.0
"""How numbers are written: three significant digits, one unit per column."""

from __future__ import annotations

import math
from collections.abc import Iterable

from emu.report.analysis.bootstrap import Interval

__all__ = ["BYTES", "COUNT", "RATIO", "TIME", "Scale", "interval_text", "number", "pick", "spoken"]

_DIGITS = 3


class Scale:
    """Units for one kind of quantity, smallest first, as factors of the stored unit."""

    def __init__(self, *units: tuple[str, float]) -> None:
        self.units = units

    def choose(self, values: Iterable[float]) -> tuple[str, float]:
        """The largest unit in which the largest value is at least 1."""
        finite = [abs(v) for v in values if math.isfinite(v)]
        top = max(finite, default=0.0)
        best = self.units[0]
        for unit in self.units:
            if top >= unit[1]:
                best = unit
        return best


TIME = Scale(("ns", 1e3), ("µs", 1e6), ("ms", 1e9), ("s", 1e12))
BYTES = Scale(("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))
COUNT = Scale(("", 1.0))
RATIO = Scale(("", 1.0))


def number(value: float) -> str:
    """Three significant digits, thousands apart, never an exponent for what fits a table."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    rounded = round(value, _DIGITS - 1 - magnitude)
    magnitude = math.floor(math.log10(abs(rounded)))  # 9.999 has become 10.0
    decimals = max(0, _DIGITS - 1 - magnitude)
    if decimals > 6:
        return f"{value:.2e}".replace("-", "−")
    whole = float(value).is_integer() and magnitude < 4
    text = f"{int(value):,}" if whole else f"{rounded:,.{decimals}f}"
    return text.replace(",", "\u202f").replace("-", "−")


def interval_text(interval: Interval, factor: float = 1.0) -> str:
    """`low–high` in the unit of the column; empty if there is nothing to say."""
    if not interval.known:
        return ""
    low, high = number(interval.low / factor), number(interval.high / factor)
    if math.isinf(interval.high) and math.isfinite(interval.value):
        return f"≥\u00a0{low}"
    return "" if low == high == number(interval.value / factor) else f"{low}–{high}"


def pick(scale: Scale, intervals: Iterable[Interval]) -> tuple[str, float]:
    """Unit for a column of intervals, chosen by their values."""
    return scale.choose(i.value for i in intervals if i.known)


def spoken(value: float, scale: Scale) -> str:
    """A value with its own unit, for sentences."""
    if not math.isfinite(value):
        return number(value)
    unit, factor = scale.choose([value])
    return f"{number(value / factor)} {unit}".rstrip()
