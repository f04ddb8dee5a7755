# SPDX-License-Identifier: Apache-2.0
"""emu's own form of a request trace, CSV or parquet: what ``emu trace import`` writes.

Columns (order is free, others are refused):

``arrival_us``
    Microseconds from the start; fractions allowed.
``input_tokens``, ``output_tokens``
    Prompt (at least 1) and answer.
``block_tokens``, ``hash_ids`` (optional, together)
    Tokens per prefix block, the same in every row, and the ids of the prompt's blocks:
    separated by blanks in CSV, a list of integers in parquet.
"""

from __future__ import annotations

from pathlib import Path

from emu.spec.nearest import hint_for
from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.jsonl import parse_blocks
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import (
    BadRowError,
    Skipped,
    decimal_ps,
    unreadable,
    written_number,
)
from emu.workload.readers.table import split_header, table_rows
from emu.workload.trace import PS_PER_US, RequestTrace

NAME = "requests"
SUMMARY = "CSV or parquet: arrival_us,input_tokens,output_tokens[,block_tokens,hash_ids]"
REQUIRED = ("arrival_us", "input_tokens", "output_tokens")
FORMS = (REQUIRED,)
PREFIX = ("block_tokens", "hash_ids")


def detect(head: list[str]) -> bool:
    return set(REQUIRED) <= set(split_header(head[0]))


def detect_columns(names: list[str]) -> bool:
    """Whether a parquet file with these columns is of this format."""
    return set(REQUIRED) <= set(names)


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    columns, skipped, rows = RequestColumns(), Skipped(path, options.skip_bad), 0
    block_tokens = 0
    for number, row in table_rows(path, lambda names: _check_columns(path, names)):
        rows += 1
        try:
            if isinstance(row, BadRowError):
                raise row
            block_tokens = _add(columns, row, block_tokens)
        except BadRowError as bad:
            skipped.add(number, bad)
    return columns.finish(
        block_tokens=block_tokens,
        format=NAME,
        source=path.name,
        rows_read=rows,
        skipped=skipped.counts(),
    )


def _check_columns(path: Path, names: list[str]) -> None:
    known = (*REQUIRED, *PREFIX)
    for name in names:
        if name not in known:
            unreadable(path, f"unknown column '{name[:40]}'", hint_for(name, known))
    for name in REQUIRED:
        if name not in names:
            unreadable(path, f"column {name} is missing", f"columns: {SUMMARY}")
    if len(set(names)) != len(names):
        unreadable(path, "a column is there twice", f"columns: {SUMMARY}")
    if len(set(PREFIX) & set(names)) == 1:
        unreadable(path, "only one of block_tokens and hash_ids is there", "give both or none")


def _add(columns: RequestColumns, row: dict[str, str], block_tokens: int) -> int:
    arrival_ps = decimal_ps(row["arrival_us"], "arrival_us", PS_PER_US, "microseconds")
    input_tokens = written_number(row["input_tokens"], "input_tokens", 1)
    output_tokens = written_number(row["output_tokens"], "output_tokens", 0)
    if "hash_ids" not in row:
        columns.add(arrival_ps, input_tokens, output_tokens)
        return 0
    size = written_number(row["block_tokens"], "block_tokens", 1, 1_000_000)
    if block_tokens not in (0, size):
        raise BadRowError(
            "block_tokens changes",
            f"block_tokens is {size} after {block_tokens}",
            "the same in every row",
        )
    ids = [
        written_number(text, "hash_ids", -(2**63), 2**63 - 1) for text in row["hash_ids"].split()
    ]
    columns.add(arrival_ps, input_tokens, output_tokens, parse_blocks(ids, input_tokens, size))
    return size
