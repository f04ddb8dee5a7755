# SPDX-License-Identifier: Apache-2.0
"""Opening trace files and dealing with damaged rows, the same in every reader."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

from emu.errors import TraceError

TOKENS_MAX = 10**9
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
    except UnicodeDecodeError as error:
        unreadable(
            path,
            f"byte {error.start} is not UTF-8 text",
            "traces are JSON lines or CSV, plain or gzip",
        )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        unreadable(path, f"damaged gzip data ({error})", "fetch the file again")


def whole_number(value: object, field: str, low: int, high: int = TOKENS_MAX) -> int:
    """An integer field within bounds, from JSON or from CSV text."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise BadRowError(
                f"{field} is not a whole number",
                f"{field} is '{value}'",
                f"{field} is a whole number, {low} to {high}",
            ) from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRowError(
            f"{field} is not a whole number",
            f"{field} is {value!r}",
            f"{field} is a whole number, {low} to {high}",
        )
    if not low <= value <= high:
        raise BadRowError(
            f"{field} out of range",
            f"{field} is {value}",
            f"{field} is a whole number, {low} to {high}",
        )
    return value
