# SPDX-License-Identifier: Apache-2.0
"""Rows of a JSON-lines trace whose prefix blocks are lists of hash ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from emu.workload.readers.rows import BadRowError, decimal_ps, json_text

INT64_MAX = 2**63 - 1


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
