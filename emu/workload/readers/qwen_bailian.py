# SPDX-License-Identifier: Apache-2.0
"""Qwen-Bailian usage traces (alibaba-edu/qwen-bailian-usagetraces-anon), JSON lines.

Keys: ``chat_id``, ``parent_chat_id``, ``timestamp`` (s), ``input_length``,
``output_length``, ``type``, ``turn`` and ``hash_ids``, one id per 16-token block.
"""

from __future__ import annotations

from pathlib import Path

from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.jsonl import parse_blocks, parse_object, parse_stamp
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import BadRowError, Skipped, open_text, whole_number
from emu.workload.trace import PS_PER_S, RequestTrace

NAME = "qwen-bailian"
SUMMARY = "JSON lines: chat_id, timestamp (s), input_length, output_length, hash_ids (16 tokens)"
BLOCK_TOKENS = 16
KEYS = ("chat_id", "timestamp", "input_length", "output_length", "hash_ids")


def detect(head: list[str]) -> bool:
    # Any of the first lines: the very first may be the damaged one.
    return any(line.lstrip().startswith("{") and '"chat_id"' in line for line in head)


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
    arrival_ps = parse_stamp(row["timestamp"], PS_PER_S, "seconds")
    input_tokens = whole_number(row["input_length"], "input_length", 1)
    output_tokens = whole_number(row["output_length"], "output_length", 0)
    blocks = parse_blocks(row["hash_ids"], input_tokens, BLOCK_TOKENS)
    columns.add(arrival_ps, input_tokens, output_tokens, blocks)
