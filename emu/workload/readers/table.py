# SPDX-License-Identifier: Apache-2.0
"""Traces in tables, CSV or parquet: the header decides where each column is."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from emu.spec.nearest import hint_for
from emu.workload.readers.rows import BadRowError, open_text, unreadable


def split_header(line: str) -> list[str]:
    """Column names of a header line, without blanks and quotes."""
    return [name.strip().strip('"').strip() for name in line.strip().split(",")]


def is_header(line: str, forms: Sequence[Sequence[str]]) -> bool:
    """Whether the line is one of the known headers, in any case of letters."""
    given = [name.lower() for name in split_header(line)]
    return any(given == [name.lower() for name in form] for form in forms)


def resembles(line: str, forms: Sequence[Sequence[str]]) -> bool:
    """Whether most columns of one of the forms are there: a header with a slip in it."""
    given = {name.lower() for name in split_header(line)}
    return any(len(given & {n.lower() for n in form}) * 2 > len(form) for form in forms)


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
    known = list(dict.fromkeys(name for form in forms for name in form))
    lower = {name.lower() for name in known}
    wrong = next((name for name in header if name.strip().lower() not in lower), None)
    hint = "allowed headers: " + " or ".join(",".join(form) for form in forms)
    if wrong is None:
        unreadable(path, f"the header is '{','.join(header)[:80]}'", hint)
    return unreadable(
        path, f"unknown column '{wrong.strip()[:40]}'", f"{hint_for(wrong, known)}\n{hint}"
    )


def is_parquet(path: Path) -> bool:
    """Whether the file begins like a parquet file."""
    try:
        with path.open("rb") as raw:
            return raw.read(4) == b"PAR1"
    except OSError:
        return False


def parquet_columns(path: Path) -> list[str]:
    """Names of the columns of a parquet file."""
    import pyarrow.parquet

    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except (pyarrow.ArrowInvalid, OSError) as error:
        return unreadable(path, f"damaged parquet ({_line(error)})", "write the file again")


def table_rows(
    path: Path, check_columns: Callable[[list[str]], None]
) -> Iterator[tuple[int, dict[str, str] | BadRowError]]:
    """Rows of a CSV or parquet file with free order of columns, all fields as text.

    ``check_columns`` ends the reading when the columns are not the right ones.
    """
    if is_parquet(path):
        check_columns(parquet_columns(path))
        yield from _parquet_rows(path)
        return
    with open_text(path) as text:
        names = split_header(text.readline())
    check_columns(names)
    with open_text(path) as text:
        yield from numbered_rows(text, path, (names,))


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, str] | BadRowError]]:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        unreadable(path, f"damaged parquet ({_line(error)})", "write the file again")
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for index in range(table.num_rows):
        yield index + 1, {name: _text(column[index]) for name, column in columns.items()}


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:80]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    # A whole number that pandas made a float because of an empty cell beside it.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
