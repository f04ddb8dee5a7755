# SPDX-License-Identifier: Apache-2.0
"""Mooncake traces (kvcache-ai/Mooncake, FAST25-release/traces), JSON lines.

Keys: ``timestamp`` (ms from the start), ``input_length``, ``output_length`` (tokens)
and ``hash_ids``, one id per 512-token prefix block. The conversation trace has its
stamps quantised to 3 s; see :mod:`emu.workload.readers.quantised`.
"""

from __future__ import annotations

from pathlib import Path

from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.jsonl import parse_blocks, parse_object, parse_stamp
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import BadRowError, Skipped, open_text, whole_number
from emu.workload.trace import PS_PER_MS, RequestTrace

NAME = "mooncake"
SUMMARY = "JSON lines: timestamp (ms), input_length, output_length, hash_ids (512 tokens)"
BLOCK_TOKENS = 512
KEYS = ("timestamp", "input_length", "output_length", "hash_ids")


def detect(head: list[str]) -> bool:
    # Any of the first lines: the very first may be the damaged one.
    return any(
        line.lstrip().startswith("{") and '"hash_ids"' in line and '"chat_id"' not in line
        for line in head
    )


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    columns, skipped, rows = RequestColumns(), Skipped(path, options.skip_bad), 0
    with open_text(path) as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            rows += 1
            try:
                _add(columns, line)
            except BadRowError as bad:
                skipped.add(number, bad)
    return columns.finish(
        block_tokens=BLOCK_TOKENS,
        format=NAME,
        source=path.name,
        rows_read=rows,
        skipped=skipped.counts(),
    )


def _add(columns: RequestColumns, line: str) -> None:
    row = parse_object(line, KEYS)
    arrival_ps = parse_stamp(row["timestamp"], PS_PER_MS, "milliseconds")
    input_tokens = whole_number(row["input_length"], "input_length", 1)
    output_tokens = whole_number(row["output_length"], "output_length", 0)
    blocks = parse_blocks(row["hash_ids"], input_tokens, BLOCK_TOKENS)
    columns.add(arrival_ps, input_tokens, output_tokens, blocks)
