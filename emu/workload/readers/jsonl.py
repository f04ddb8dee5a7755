# SPDX-License-Identifier: Apache-2.0
"""Rows of a JSON-lines trace whose prefix blocks are lists of hash ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import (
    BadRowError,
    Skipped,
    decimal_ps,
    json_text,
    open_text,
    whole_number,
)
from emu.workload.trace import RequestTrace

INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Dialect:
    """How a publisher writes a request; lengths and hash ids have the same keys everywhere."""

    name: str
    """Of the format."""
    keys: tuple[str, ...]
    """Those that every row has."""
    stamp_ps: int
    """Unit of ``timestamp``."""
    stamp_unit: str
    """The unit's name, for messages."""
    block_tokens: int
    """Tokens per hash id."""


def read_requests(path: Path, options: ReadOptions, dialect: Dialect) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    columns, skipped, rows = RequestColumns(), Skipped(path, options.skip_bad), 0
    with open_text(path) as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            rows += 1
            try:
                _add(columns, line, dialect)
            except BadRowError as bad:
                skipped.add(number, bad)
    return columns.finish(
        block_tokens=dialect.block_tokens,
        format=dialect.name,
        source=path.name,
        rows_read=rows,
        skipped=skipped.counts(),
    )


def _add(columns: RequestColumns, line: str, dialect: Dialect) -> None:
    row = parse_object(line, dialect.keys)
    arrival_ps = parse_stamp(row["timestamp"], dialect.stamp_ps, dialect.stamp_unit)
    input_tokens = whole_number(row["input_length"], "input_length", 1)
    output_tokens = whole_number(row["output_length"], "output_length", 0)
    blocks = parse_blocks(row["hash_ids"], input_tokens, dialect.block_tokens)
    columns.add(arrival_ps, input_tokens, output_tokens, blocks)


def parse_object(line: str, keys: Sequence[str]) -> dict[str, Any]:
    """One JSON object that has all of ``keys``; fractions come out exact."""
    try:
        row = json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadRowError(
            "not JSON", f"not JSON: {error.msg} at column {error.colno}", "one JSON object per line"
        ) from None
    except (RecursionError, ValueError):
        # ValueError: an integer of more digits than Python is willing to read.
        raise BadRowError(
            "not JSON", "nested too deeply or a number too long", "one JSON object per line"
        ) from None
    if not isinstance(row, dict):
        raise BadRowError(
            "not an object",
            f"a JSON {type(row).__name__}, not an object",
            "one JSON object per line",
        )
    for key in keys:
        if key not in row:
            raise BadRowError(f"{key} is missing", f"{key} is missing", f"keys: {', '.join(keys)}")
    return row


def parse_blocks(value: object, input_tokens: int, block_tokens: int) -> list[int]:
    """The ids of the prefix blocks: as many as the prompt fills or begins."""
    if not isinstance(value, list):
        raise BadRowError(
            "hash_ids is not a list",
            f"hash_ids is {json_text(value)}",
            "hash_ids is a list of integers",
        )
    for block in value:
        if isinstance(block, bool) or not isinstance(block, int) or abs(block) > INT64_MAX:
            raise BadRowError(
                "hash_ids holds something else than integers",
                f"hash_ids holds {json_text(block)}",
                "hash_ids is a list of 64-bit integers",
            )
    expected = -(-input_tokens // block_tokens)
    if len(value) != expected:
        raise BadRowError(
            "hash_ids does not fit input_length",
            f"hash_ids has {len(value)} ids for input_length {input_tokens}",
            f"one id per {block_tokens} tokens, i.e. {expected} here",
        )
    return value


def parse_stamp(value: object, unit_ps: int, unit: str) -> int:
    """A timestamp in ``unit`` as picoseconds; fractions are allowed."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadRowError(
            "timestamp is not a number",
            f"timestamp is {json_text(value)}",
            f"timestamp is in {unit}, 0 or more",
        )
    return decimal_ps(str(value), "timestamp", unit_ps, unit)
