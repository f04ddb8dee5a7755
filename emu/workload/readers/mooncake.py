# SPDX-License-Identifier: Apache-2.0
"""Mooncake traces (kvcache-ai/Mooncake, FAST25-release/traces), JSON lines.

Keys: ``timestamp`` (ms from the start), ``input_length``, ``output_length`` (tokens)
and ``hash_ids``, one id per 512-token prefix block. The conversation trace has its
stamps quantised to 3 s; see :mod:`emu.workload.readers.quantised`.
"""

from __future__ import annotations

from pathlib import Path

from emu.workload.readers.jsonl import Dialect, read_requests
from emu.workload.readers.options import ReadOptions
from emu.workload.trace import PS_PER_MS, RequestTrace

NAME = "mooncake"
SUMMARY = "JSON lines: timestamp (ms), input_length, output_length, hash_ids (512 tokens)"
DIALECT = Dialect(
    NAME,
    ("timestamp", "input_length", "output_length", "hash_ids"),
    PS_PER_MS,
    "milliseconds",
    block_tokens=512,
)


def detect(head: list[str]) -> bool:
    # Any of the first lines: the very first may be the damaged one.
    return any(
        line.lstrip().startswith("{") and '"hash_ids"' in line and '"chat_id"' not in line
        for line in head
    )


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    return read_requests(path, options, DIALECT)
