# SPDX-License-Identifier: Apache-2.0
"""The parquet files of run directories: from columns to bytes that depend on nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emu.telemetry.schema import EVENT_KINDS, EVENT_PHASES, TABLES

__all__ = ["ROWS_PER_GROUP", "arrow_table", "open_file"]

ROWS_PER_GROUP = 1 << 20

# Every setting that shapes the bytes is fixed here; the default of a later pyarrow
# would otherwise change files whose content is the same.
_PARQUET: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": True,
    "write_statistics": True,
    "data_page_size": 1 << 20,
    "store_schema": True,
}


def open_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A new file that tables are written to."""
    return pq.ParquetWriter(path, schema, **_PARQUET)


def arrow_table(name: str, frame: pd.DataFrame | Mapping[str, Any]) -> pa.Table:
    """The columns of one table of `TABLES`, in its order and types.

    Raises
    ------
    ValueError
        For a column that is missing or unknown, and for a value that a column cannot hold.
    """
    schema = TABLES[name].schema
    given, wanted = set(frame.keys()), set(schema.names)
    if given != wanted:
        raise ValueError(
            f"table {name}: missing {sorted(wanted - given)}, unknown {sorted(given - wanted)}"
        )
    arrays = [_array(name, field, frame[field.name]) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    if name == "events":
        _check_events(table)
    return table


def _array(table: str, field: pa.Field, values: Any) -> pa.Array:
    if len(values) == 0:
        array = pa.array([], field.type)
    else:
        data = values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values)
        try:
            # In a float column NaN is a value ("not ended"); elsewhere it is a fault.
            floating = pa.types.is_floating(field.type)
            array = pa.array(data, type=field.type, from_pandas=not floating)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise ValueError(f"table {table}, column {field.name}: {error}") from error
    if array.null_count:
        raise ValueError(
            f"table {table}, column {field.name}: {array.null_count} missing values are not allowed"
        )
    return array


def _check_events(table: pa.Table) -> None:
    for column, allowed in (("kind", list(EVENT_KINDS)), ("phase", list(EVENT_PHASES))):
        unknown = set(table.column(column).to_pylist()) - set(allowed)
        if unknown:
            raise ValueError(
                f"table events, column {column}: {sorted(unknown)}; "
                f"allowed are {', '.join(allowed)}"
            )
