# SPDX-License-Identifier: Apache-2.0
"""Azure LLM inference traces (Azure/AzurePublicDataset), CSV.

2023: ``TIMESTAMP`` is ``YYYY-MM-DD HH:MM:SS.fffffff`` (seven digits, no zone). 2024:
six digits and ``+00:00``. The multimodal form has ``NumImages`` as well, which moves
no KV cache that the token counts do not show, and is not used.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import (
    BadRowError,
    Skipped,
    open_text,
    written_number,
)
from emu.workload.readers.table import is_header, numbered_rows
from emu.workload.trace import PS_PER_S, RequestTrace

NAME = "azure"
SUMMARY = "CSV: TIMESTAMP,ContextTokens,GeneratedTokens"
FORMS = (
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    ("TIMESTAMP", "NumImages", "ContextTokens", "GeneratedTokens"),
)
# Seven digits are more than datetime takes, and a float second would round them.
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_ALLOWED = "TIMESTAMP is YYYY-MM-DD HH:MM:SS.fffffff, with or without +00:00"


def detect(head: list[str]) -> bool:
    return is_header(head[0], FORMS)


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """Usable rows of the file, in order of arrival, until ``limit`` is reached."""
    columns, skipped, rows = RequestColumns(), Skipped(path, options.skip_bad), 0
    images, kept = 0, 0
    with open_text(path) as text:
        for number, row in numbered_rows(text, path, FORMS):
            rows += 1
            try:
                if isinstance(row, BadRowError):
                    raise row
                stamp = parse_stamp(row["TIMESTAMP"])
                input_tokens = written_number(row["ContextTokens"], "ContextTokens", 1)
                output_tokens = written_number(row["GeneratedTokens"], "GeneratedTokens", 0)
                images += written_number(row.get("NumImages", "0"), "NumImages", 0)
                columns.add(stamp, input_tokens, output_tokens)
            except BadRowError as bad:
                skipped.add(number, bad)
                continue
            # The files of 2024 have millions of rows, in order: read no more than is used.
            kept += stamp - columns.arrival_ps[0] >= options.start_ps
            if kept == options.limit:
                break
    return columns.finish(
        block_tokens=0,
        format=NAME,
        source=path.name,
        rows_read=rows,
        skipped=skipped.counts(),
        notes=(f"{images} images of the trace are not used",) if images else (),
    )


def parse_stamp(text: str) -> int:
    """Picoseconds since 0001-01-01 UTC, exact.

    >>> parse_stamp("0001-01-01 00:00:01.0000001")
    1000000100000
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        raise BadRowError("TIMESTAMP is not a time", f"TIMESTAMP is '{text[:40]}'", _ALLOWED)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        days = date(year, month, day).toordinal() - 1
    except ValueError as error:
        raise BadRowError(
            "TIMESTAMP is not a time", f"TIMESTAMP is '{text}': {error}", _ALLOWED
        ) from None
    if hour > 23 or minute > 59 or second > 60:
        raise BadRowError("TIMESTAMP is not a time", f"TIMESTAMP is '{text}'", _ALLOWED)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - _zone_s(match[8])
    return seconds * PS_PER_S + int((match[7] or "0").ljust(12, "0"))


def _zone_s(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
