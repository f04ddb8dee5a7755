# SPDX-License-Identifier: Apache-2.0
"""Qwen-Bailian usage traces (alibaba-edu/qwen-bailian-usagetraces-anon), JSON lines.

Keys: ``chat_id``, ``parent_chat_id``, ``timestamp`` (s), ``input_length``,
``output_length``, ``type``, ``turn`` and ``hash_ids``, one id per 16-token block.
"""

from __future__ import annotations

from pathlib import Path

from emu.workload.readers.jsonl import Dialect, read_requests
from emu.workload.readers.options import ReadOptions
from emu.workload.trace import PS_PER_S, RequestTrace

NAME = "qwen-bailian"
SUMMARY = "JSON lines: chat_id, timestamp (s), input_length, output_length, hash_ids (16 tokens)"
DIALECT = Dialect(
    NAME,
    ("chat_id", "timestamp", "input_length", "output_length", "hash_ids"),
    PS_PER_S,
    "seconds",
    block_tokens=16,
)


def detect(head: list[str]) -> bool:
    # Any of the first lines: the very first may be the damaged one.
    return any(line.lstrip().startswith("{") and '"chat_id"' in line for line in head)


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    return read_requests(path, options, DIALECT)
