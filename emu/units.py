# SPDX-License-Identifier: Apache-2.0
"""Quantities: rates, sizes, times, lengths and fractions.

Inside emu they are plain integers whose names carry the unit (``rate_bps``,
``size_bytes``, ``time_ps``). In files a quantity is a number **with** its unit,
and each parser refuses the units of the others and bare numbers: "400G" is a
rate and never a size, and nobody has to guess what "1.5" means. Only 0 needs no
unit. K, M and G are powers of 1000; Ki, Mi and Gi are powers of 1024.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction as Ratio
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

RATE_UNITS: Mapping[str, int] = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
SIZE_UNITS: Mapping[str, int] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
TIME_UNITS: Mapping[str, int] = {
    "ps": 1,
    "ns": 10**3,
    "us": 10**6,
    "ms": 10**9,
    "s": 10**12,
    "min": 60 * 10**12,
    "h": 3600 * 10**12,
}
# 2**62 leaves room for sums and differences in the engine's signed 64-bit integers.
INTEGER_MAX = 2**62

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ/%]*)")
_ALLOWED = {
    "rate": "a rate such as 400G, 25Gb/s or 100Mbps (bits per second; k M G T)",
    "size": "a size such as 64KiB, 2MB or 9216B (KB MB GB are powers of 1000, KiB MiB GiB of 1024)",
    "time": "a time such as 600ns, 20ms or 1.5s (ps ns us ms s min h)",
    "length": "a length such as 30m or 0.5km (cm m km)",
    "fraction": "a fraction such as 0.6 or 60%",
}


def _split(value: object, kind: str) -> tuple[Ratio, str]:
    """Number and unit of the text, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not {_ALLOWED[kind]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is not {_ALLOWED[kind]}")
    # More digits than any quantity needs would only burn time in the arithmetic.
    text = value.strip() if isinstance(value, str) else repr(value)
    match = _NUMBER.fullmatch(text) if len(text) <= 40 else None
    if match is None or not -30 <= _exponent(match[1]) <= 30:
        raise ValueError(f"{_shown(value)} is not {_ALLOWED[kind]}")
    return Ratio(match[1]), match[2].replace("µ", "u")


def _exponent(number: str) -> int:
    return int(re.split("[eE]", number)[1]) if "e" in number.lower() else 0


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _other_kind(unit: str) -> str:
    """What a unit that does not belong here would have meant."""
    if unit in SIZE_UNITS:
        return "a size"
    if unit in TIME_UNITS:
        return "a time"
    if unit and (unit in RATE_UNITS or _rate_prefix(unit) is not None):
        return "a rate"
    return {"m": "a length", "km": "a length", "cm": "a length", "%": "a fraction"}.get(unit, "")


def _rate_prefix(unit: str) -> str | None:
    """The SI prefix of a rate unit ("Gb/s" -> "G"), None if it is no rate unit."""
    for ending in ("b/s", "bps", "bit/s"):
        if unit.endswith(ending) and unit.removesuffix(ending) in RATE_UNITS:
            return unit.removesuffix(ending)
    return unit if unit and unit in RATE_UNITS else None


def _refuse_unit(value: object, unit: str, kind: str) -> ValueError:
    if not unit:
        return ValueError(f"{_shown(value)} has no unit: write {_ALLOWED[kind]}")
    other = _other_kind(unit)
    if other:
        return ValueError(f"{_shown(value)} is {other}: write {_ALLOWED[kind]}")
    return ValueError(f"{_shown(value)} has the unknown unit {unit!r}: write {_ALLOWED[kind]}")


def _whole(value: object, number: Ratio, factor: int, kind: str, smallest: str) -> int:
    """number x factor as a non-negative integer, or ValueError."""
    product = number * factor
    if product < 0:
        raise ValueError(f"{_shown(value)} is negative: a {kind} is 0 or more")
    if product.denominator != 1:
        raise ValueError(f"{_shown(value)} is not a whole number of {smallest}")
    if product >= INTEGER_MAX:
        raise ValueError(f"{_shown(value)} is too large for a {kind}")
    return int(product)


def parse_rate(value: object) -> int:
    """Rate in bit/s.

    >>> parse_rate("400G")
    400000000000
    """
    number, unit = _split(value, "rate")
    if number == 0 and unit == "":
        return 0
    prefix = _rate_prefix(unit)
    if prefix is None:
        raise _refuse_unit(value, unit, "rate")
    return _whole(value, number, RATE_UNITS[prefix], "rate", "bits per second")


def parse_size(value: object) -> int:
    """Size in bytes.

    >>> parse_size("2MB"), parse_size("64KiB")
    (2000000, 65536)
    """
    number, unit = _split(value, "size")
    if number == 0 and unit == "":
        return 0
    if unit not in SIZE_UNITS:
        raise _refuse_unit(value, unit, "size")
    return _whole(value, number, SIZE_UNITS[unit], "size", "bytes")


def parse_time(value: object) -> int:
    """Time in picoseconds.

    >>> parse_time("600ns")
    600000
    """
    number, unit = _split(value, "time")
    if number == 0 and unit == "":
        return 0
    if unit not in TIME_UNITS:
        raise _refuse_unit(value, unit, "time")
    return _whole(value, number, TIME_UNITS[unit], "time", "picoseconds")


def parse_length(value: object) -> float:
    """Length in metres.

    >>> parse_length("30m")
    30.0
    """
    number, unit = _split(value, "length")
    if number == 0 and unit == "":
        return 0.0
    factors = {"cm": Ratio(1, 100), "m": Ratio(1), "km": Ratio(1000)}
    if unit not in factors:
        raise _refuse_unit(value, unit, "length")
    metres = number * factors[unit]
    if not 0 <= metres <= 100_000:
        raise ValueError(f"{_shown(value)} is out of range: a cable is 0 to 100km long")
    return float(metres)


def parse_fraction(value: object) -> float:
    """Fraction: "60%" and 0.6 are the same; not bounded here.

    >>> parse_fraction("60%")
    0.6
    """
    number, unit = _split(value, "fraction")
    if unit not in ("", "%"):
        raise _refuse_unit(value, unit, "fraction")
    return float(number / 100 if unit else number)


def _largest_exact(value: int, units: Mapping[str, int]) -> str:
    """The shortest exact way to write a whole quantity."""
    texts = [f"{value // size}{unit}" for unit, size in units.items() if value % size == 0]
    return min(texts, key=lambda text: (len(text), text))


def format_rate(rate_bps: int) -> str:
    """Canonical text of a rate; ``parse_rate`` gives the same integer back.

    >>> format_rate(400 * 10**9)
    '400G'
    """
    text = _largest_exact(rate_bps, RATE_UNITS)
    return f"{text}b/s" if text[-1].isdigit() else text


def format_size(size_bytes: int) -> str:
    """Canonical text of a size; ``parse_size`` gives the same integer back.

    >>> format_size(65536), format_size(2_000_000)
    ('64KiB', '2MB')
    """
    return _largest_exact(size_bytes, SIZE_UNITS) if size_bytes else "0B"


def format_time(time_ps: int) -> str:
    """Canonical text of a time; ``parse_time`` gives the same integer back.

    >>> format_time(600_000)
    '600ns'
    """
    fitting = [unit for unit in ("s", "ms", "us", "ns", "ps") if time_ps % TIME_UNITS[unit] == 0]
    return f"{time_ps // TIME_UNITS[fitting[0]]}{fitting[0]}" if time_ps else "0s"


def format_length(length_m: float) -> str:
    """Canonical text of a length; ``parse_length`` gives the same number back.

    >>> format_length(30.0)
    '30m'
    """
    return f"{length_m:.0f}m" if length_m == int(length_m) else f"{length_m!r}m"


def _quantity(
    parse: Callable[[object], Any], write: Callable[[Any], str], kind: str, pattern: str
) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    return (
        BeforeValidator(parse),
        PlainSerializer(write, return_type=str),
        WithJsonSchema(
            {
                "anyOf": [{"type": "string", "pattern": pattern}, {"const": 0}],
                "description": _ALLOWED[kind],
            }
        ),
    )


_N = r"^\s*\d*\.?\d+([eE][+-]?\d+)?\s*"
_rate = _quantity(parse_rate, format_rate, "rate", _N + r"([kMGT]|[kMGT]?(b/s|bps|bit/s))\s*$")
_size = _quantity(parse_size, format_size, "size", _N + r"([KMGT]i?)?B\s*$")
_time = _quantity(parse_time, format_time, "time", _N + r"(ps|ns|us|µs|ms|s|min|h)\s*$")
_length = _quantity(parse_length, format_length, "length", _N + r"(cm|m|km)\s*$")

Rate = Annotated[int, *_rate]
Size = Annotated[int, *_size]
Time = Annotated[int, *_time]
Length = Annotated[float, *_length]
Fraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": _N + r"%?\s*$"}],
            "description": _ALLOWED["fraction"],
        }
    ),
]
