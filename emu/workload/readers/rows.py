# SPDX-License-Identifier: Apache-2.0
"""Opening trace files and dealing with damaged rows, the same in every reader."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn, TextIO

from emu.errors import TraceError

TOKENS_MAX = 10**9
"""No prompt is longer; more is a damaged row."""
DAY_PS = 86_400 * 10**12
STAMP_MAX_PS = 100 * DAY_PS
"""After the first row, or the start: 64 bits hold 106 days."""
STAMP_EARLY_PS = 5 * DAY_PS
"""Before the first row, when rows are out of order."""
_CLOCK_DAYS = 40_000
"""A century: stamps may count from 1970."""
_GZIP_MAGIC = b"\x1f\x8b"


class BadRowError(Exception):
    """A row that cannot be used: why, and what would be allowed."""

    def __init__(self, reason: str, detail: str, allowed: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.allowed = allowed


class Skipped:
    """Damaged rows of one file: the first ends the reading, or all are counted."""

    def __init__(self, path: Path, skip_bad: bool) -> None:
        self._path = path
        self._skip_bad = skip_bad
        self._counts: Counter[str] = Counter()

    def add(self, row: int, bad: BadRowError) -> None:
        if not self._skip_bad:
            raise TraceError(
                bad.detail,
                file=str(self._path),
                row=row,
                hint=f"{bad.allowed} (skip_bad counts such rows and goes on)",
            ) from None
        self._counts[bad.reason] += 1

    def counts(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))


def unreadable(path: Path, message: str, hint: str) -> NoReturn:
    """Gives up on a whole file."""
    raise TraceError(message, file=str(path), hint=hint) from None


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The file as UTF-8 text, gzip or not, with any line ending."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            binary = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(binary, encoding="utf-8-sig", newline=None) as text:
                yield text
    except FileNotFoundError:
        unreadable(path, "no such file", "paths in an experiment are relative to its file")
    except IsADirectoryError:
        unreadable(path, "is a folder", "give a file, or a folder of ServeGen descriptions")
    except PermissionError:
        unreadable(path, "permission denied", "make the file readable")
    except OSError as error:
        # gzip reports its damage as OSError too.
        unreadable(path, f"cannot be read ({error.strerror or error})", "fetch the file again")
    except UnicodeDecodeError as error:
        unreadable(
            path,
            f"byte {error.start} is not UTF-8 text",
            "traces are JSON lines or CSV, plain or gzip",
        )
    except (EOFError, zlib.error) as error:
        unreadable(path, f"damaged gzip data ({error})", "fetch the file again")


def decimal_ps(text: str, field: str, unit_ps: int, unit: str) -> int:
    """A time written as a decimal number of ``unit``, as exact picoseconds.

    Digits finer than a picosecond are rounded.
    """
    allowed = f"{field} is in {unit}, from 0 to {_CLOCK_DAYS:,} days"
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadRowError(
            f"{field} is not a number", f"{field} is '{text[:40]}'", allowed
        ) from None
    if not value.is_finite() or not 0 <= value * unit_ps < _CLOCK_DAYS * DAY_PS:
        raise BadRowError(f"{field} out of range", f"{field} is {text[:40]}", allowed)
    return round(value * unit_ps)


def json_text(value: object) -> str:
    """A value as it stood in the file, shortened."""
    return (str(value) if isinstance(value, Decimal) else json.dumps(value))[:40]


def written_number(text: str, field: str, low: int, high: int = TOKENS_MAX) -> int:
    """A whole number in a CSV field, within bounds."""
    digits = text[1:] if text[:1] == "-" else text
    # Not int() alone: it takes 1_000 and the digits of other scripts.
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20:
        raise BadRowError(
            f"{field} is not a whole number",
            f"{field} is '{text[:40]}'",
            f"{field} is a whole number, {low} to {high:,}",
        )
    return whole_number(int(text), field, low, high)


def whole_number(value: object, field: str, low: int, high: int = TOKENS_MAX) -> int:
    """A whole number from JSON, within bounds."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRowError(
            f"{field} is not a whole number",
            f"{field} is {json_text(value)}",
            f"{field} is a whole number, {low} to {high:,}",
        )
    if not low <= value <= high:
        raise BadRowError(
            f"{field} out of range",
            f"{field} is {value}",
            f"{field} is a whole number, {low} to {high:,}",
        )
    return value
