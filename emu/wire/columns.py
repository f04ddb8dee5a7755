# SPDX-License-Identifier: Apache-2.0
"""Tables as columns, and how they leave: rows of JSON, CSV, parquet.

A column is a list or an array; None in a row means that the value is not known.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from emu.errors import RunError

__all__ = ["Columns", "CsvWriter", "JsonWriter", "ParquetWriter", "Writer", "nullable", "rows"]

Columns = dict[str, Sequence[Any]]


def nullable(values: Iterable[Any], missing: int = -1) -> list[int | None]:
    """Integers of which `missing` stands for "not known"."""
    return [None if v == missing else int(v) for v in values]


def plain(values: Any) -> list[Any]:
    """A column as a list of Python values."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def rows(columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The table row by row."""
    names = list(columns)
    for values in zip(*(plain(columns[name]) for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


class Writer(Protocol):
    """Takes a table in batches of equal columns."""

    def write(self, columns: Columns) -> None: ...
    def close(self) -> None: ...


class CsvWriter:
    """CSV with a header line (RFC 4180, but lines end as text lines do); unknown is empty."""

    def __init__(self, file: IO[str]) -> None:
        self._out = csv.writer(file, lineterminator="\n")
        self._begun = False

    def write(self, columns: Columns) -> None:
        if not self._begun:
            self._out.writerow(columns)
            self._begun = True
        self._out.writerows(zip(*(plain(c) for c in columns.values()), strict=True))

    def close(self) -> None:
        pass


class JsonWriter:
    """One JSON array of objects, a row on each line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._begun = False

    def write(self, columns: Columns) -> None:
        for row in rows(columns):
            self._file.write(",\n " if self._begun else "[\n ")
            self._begun = True
            json.dump(row, self._file, ensure_ascii=False, allow_nan=False)

    def close(self) -> None:
        self._file.write("\n]\n" if self._begun else "[]\n")


class ParquetWriter:
    """A parquet file; the columns of the first batch decide the types."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out: Any = None

    def write(self, columns: Columns) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({name: self._array(pa, name, c) for name, c in columns.items()})
        try:
            if self._out is None:
                self._out = pq.ParquetWriter(self._path, table.schema, compression="zstd")
            self._out.write_table(table)
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {error.strerror or error}") from None

    @staticmethod
    def _array(pa: Any, name: str, values: Any) -> Any:
        data = plain(values)
        # The type follows the name, so that a batch of nulls has the same as any other.
        if name.endswith(("_ratio", "_share", "_bps", "_per_s")):
            return pa.array(data, pa.float64())
        text = any(isinstance(v, str) for v in data)
        known = any(v is not None for v in data)
        return pa.array(data, pa.string() if text or not known else None)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
