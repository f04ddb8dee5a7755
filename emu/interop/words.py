# SPDX-License-Identifier: Apache-2.0
"""Blank-separated words of a text file, each with its place for messages."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from emu.errors import InputError
from emu.units import parse_rate, parse_time


@dataclass(frozen=True)
class Word:
    """A word and where it stands."""

    text: str
    file: str
    line: int
    column: int

    def fault(self, message: str, hint: str = "") -> InputError:
        """An error that points at the word."""
        return InputError(message, file=self.file, line=self.line, column=self.column, hint=hint)

    def integer(self, what: str, low: int, high: int) -> int:
        """The word as a whole number; InputError says what was wanted."""
        try:
            value = int(self.text)
        except ValueError:
            raise self.fault(f"{what} is {self.text[:40]!r}: a whole number is wanted") from None
        if not low <= value <= high:
            raise self.fault(f"{what} is {value}: {low} to {high} are allowed")
        return value

    def decimal(self, what: str) -> Decimal:
        """The word as an exact decimal number, at least 0."""
        try:
            value = Decimal(self.text)
        except InvalidOperation:
            raise self.fault(f"{what} is {self.text[:40]!r}: a number is wanted") from None
        if not value.is_finite() or value < 0:
            raise self.fault(f"{what} is {self.text[:40]}: it must not be negative")
        return value

    def rate_bps(self, what: str) -> int:
        """A rate such as 100Gbps or 40Mb/s, in bit/s."""
        try:
            rate = parse_rate(self.text.replace("bps", ""))
        except ValueError as error:
            raise self.fault(f"{what}: {error}", "such as 100Gbps") from None
        if rate <= 0:
            raise self.fault(f"{what} is {self.text}: it must be positive")
        return rate

    def time_ps(self, what: str) -> int:
        """A time such as 0.001ms, in picoseconds."""
        try:
            return parse_time(self.text)
        except ValueError as error:
            raise self.fault(f"{what}: {error}", "such as 0.001ms") from None


def read_text(path: Path) -> str:
    """The text of a file, also of one compressed with gzip; InputError if it cannot be read."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8")
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}", file=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("is not a text file", file=str(path)) from None


def words_of(path: Path, comment: str = "") -> list[list[Word]]:
    """Lines of words; empty lines, and what follows ``comment``, are left out."""
    lines = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.split(comment, 1)[0] if comment else line
        words, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            words.append(Word(word, str(path), number, at + 1))
            at += len(word)
        if words:
            lines.append(words)
    return lines


class Reader:
    """Hands out words one after another, wherever lines end."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self._words = [word for line in words_of(path) for word in line]
        self._next = 0

    def word(self, what: str) -> Word:
        """The next word; InputError naming what was expected at the end of the file."""
        if self._next == len(self._words):
            raise InputError(f"ends before {what}", file=self._file)
        self._next += 1
        return self._words[self._next - 1]
