# SPDX-License-Identifier: Apache-2.0
"""CSV traces: the header decides where each column is."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from emu.spec.nearest import hint_for
from emu.workload.readers.rows import BadRowError, unreadable


def split_header(line: str) -> list[str]:
    """Column names of a header line, without blanks and quotes."""
    return [name.strip().strip('"').strip() for name in line.strip().split(",")]


def is_header(line: str, forms: Sequence[Sequence[str]]) -> bool:
    """Whether the line is one of the known headers, in any case of letters."""
    given = [name.lower() for name in split_header(line)]
    return any(given == [name.lower() for name in form] for form in forms)


def numbered_rows(
    text: TextIO, path: Path, forms: Sequence[Sequence[str]]
) -> Iterator[tuple[int, dict[str, str] | BadRowError]]:
    """Line number and fields of each row; a row with another width is a bad one.

    The header must be one of ``forms``; names come out as the form spells them.
    """
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, [])
        form = _match(header, path, forms)
        for fields in reader:
            if not fields or fields == [""]:
                continue
            if len(fields) != len(form):
                yield (
                    reader.line_num,
                    BadRowError(
                        "wrong number of columns",
                        f"{len(fields)} columns",
                        f"{len(form)} columns: {','.join(form)}",
                    ),
                )
            else:
                yield reader.line_num, dict(zip(form, (f.strip() for f in fields), strict=True))
    except csv.Error as error:
        unreadable(path, f"not CSV at line {reader.line_num}: {error}", "check the quotes")


def _match(header: list[str], path: Path, forms: Sequence[Sequence[str]]) -> Sequence[str]:
    given = [name.strip().lower() for name in header]
    for form in forms:
        if given == [name.lower() for name in form]:
            return form
    known = {name for form in forms for name in form}
    lower = {name.lower() for name in known}
    wrong = next((name for name in header if name.strip().lower() not in lower), None)
    hint = "allowed headers: " + " or ".join(",".join(form) for form in forms)
    if wrong is None:
        unreadable(path, f"the header is '{','.join(header)[:80]}'", hint)
    return unreadable(
        path, f"unknown column '{wrong.strip()[:40]}'", f"{hint_for(wrong, known)}\n{hint}"
    )
