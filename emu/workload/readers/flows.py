# SPDX-License-Identifier: Apache-2.0
"""Plain lists of transfers, CSV or parquet: no request and no model behind them.

Columns (order is free, others are refused):

``start_us``
    Time of the post, microseconds from the start; fractions allowed. ``start_ps``
    (whole picoseconds) may be given instead.
``src``, ``dst``
    Endpoints: numbers, or names such as ``h3.0``. The data goes from src to dst.
``bytes``
    Payload, at least 1.
``transfer`` (optional)
    Rows with the same number are one transfer and end together; default: each row is
    its own.
``priority`` (optional)
    0 to 7; empty: that of the NIC's data.
``verb`` (optional)
    ``write`` (src posts; the default) or ``read`` (dst posts).
``sport`` (optional)
    UDP source port, 0 to 65535, of a queue pair of its own: rows share a queue pair
    when src, dst, priority and sport agree. Empty: one queue pair per src, dst and
    priority, whose port is drawn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emu.spec.nearest import hint_for
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import (
    STAMP_MAX_PS,
    BadRowError,
    Skipped,
    decimal_ps,
    unreadable,
    written_number,
)
from emu.workload.readers.table import split_header, table_rows
from emu.workload.trace import PS_PER_US, FlowTrace

NAME = "flows"
SUMMARY = "CSV or parquet: start_us,src,dst,bytes[,transfer,priority,verb,sport]"
TIMES = ("start_us", "start_ps")
REQUIRED = ("src", "dst", "bytes")
OPTIONAL = ("transfer", "priority", "verb", "sport")
FORMS = ((TIMES[0], *REQUIRED),)
BYTES_MAX = 10**13
NIC_PRIORITY = -1
"""Stands for the priority of the NIC's data until the fabric is known (an empty field)."""


def detect(head: list[str]) -> bool:
    names = split_header(head[0])
    return any(time in names for time in TIMES) and set(REQUIRED) <= set(names)


def detect_columns(names: list[str]) -> bool:
    """Whether a parquet file with these columns is of this format."""
    return any(time in names for time in TIMES) and set(REQUIRED) <= set(names)


def read(path: Path, options: ReadOptions) -> FlowTrace:
    """All usable rows, in order of start; ``start`` and ``limit`` apply to rows."""
    skipped, rows = Skipped(path, options.skip_bad), 0
    parsed: list[_Row] = []
    for number, row in table_rows(path, lambda names: _check_columns(path, names)):
        rows += 1
        try:
            if isinstance(row, BadRowError):
                raise row
            parsed.append(_Row(number, row))
        except BadRowError as bad:
            skipped.add(number, bad)
    parsed.sort(key=lambda item: (item.start_ps, item.number))
    begin = parsed[0].start_ps + options.start_ps if parsed else 0
    parsed = [item for item in parsed if item.start_ps >= begin][: options.limit]
    return _trace(path, parsed, rows, skipped.counts())


class _Row:
    def __init__(self, number: int, row: dict[str, str]) -> None:
        self.number = number
        if "start_ps" in row:
            self.start_ps = written_number(row["start_ps"], "start_ps", 0, 2 * STAMP_MAX_PS)
        else:
            self.start_ps = decimal_ps(row["start_us"], "start_us", PS_PER_US, "microseconds")
        if self.start_ps >= STAMP_MAX_PS:
            raise BadRowError(
                "start out of range", f"the start is {self.start_ps} ps", "below 100 days"
            )
        self.src, self.dst = (_endpoint(row[side], side) for side in ("src", "dst"))
        if self.src == self.dst:
            raise BadRowError(
                "src is dst", f"src and dst are both {self.src}", "two different endpoints"
            )
        self.size = written_number(row["bytes"], "bytes", 1, BYTES_MAX)
        self.group = _optional(row, "transfer", 2**62)
        self.priority = _optional(row, "priority", 7)
        verb = (row.get("verb") or "write").lower()
        if verb not in ("write", "read"):
            raise BadRowError("unknown verb", f"verb is '{verb[:40]}'", "write or read")
        self.read = verb == "read"
        self.sport = _optional(row, "sport", 65535)


def _optional(row: dict[str, str], field: str, high: int) -> int:
    """The number, or -1 when the column or the field is empty."""
    text = row.get(field, "")
    return written_number(text, field, 0, high) if text else -1


def _endpoint(text: str, side: str) -> str:
    if not text:
        raise BadRowError(f"{side} is empty", f"{side} is empty", "an endpoint's number or name")
    return text


def _check_columns(path: Path, names: list[str]) -> None:
    known = {*TIMES, *REQUIRED, *OPTIONAL}
    for name in names:
        if name not in known:
            unreadable(path, f"unknown column '{name[:40]}'", hint_for(name, sorted(known)))
    for name in REQUIRED:
        if name not in names:
            unreadable(path, f"column {name} is missing", f"columns: {SUMMARY}")
    if sum(time in names for time in TIMES) != 1:
        unreadable(path, "exactly one of start_us and start_ps is needed", f"columns: {SUMMARY}")
    if len(set(names)) != len(names):
        unreadable(path, "a column is there twice", f"columns: {SUMMARY}")


def _trace(path: Path, rows: list[_Row], read_rows: int, skipped: dict[str, int]) -> FlowTrace:
    start = np.array([row.start_ps for row in rows], dtype=np.int64)
    group = np.array([row.group for row in rows], dtype=np.int64)
    # Rows without a transfer number get one of their own, after the given ones.
    alone = group < 0
    group[alone] = (int(group.max(initial=0)) + 1) + np.arange(np.count_nonzero(alone))
    return FlowTrace(
        start_ps=start - (start[0] if len(start) else 0),
        src=tuple(row.src for row in rows),
        dst=tuple(row.dst for row in rows),
        size_bytes=np.array([row.size for row in rows], dtype=np.int64),
        group=group,
        priority=np.array([row.priority for row in rows], dtype=np.int64),
        read=np.array([row.read for row in rows], dtype=np.bool_),
        rows=np.array([row.number for row in rows], dtype=np.int64),
        sport=np.array([row.sport for row in rows], dtype=np.int64),
        origin_ps=int(start[0]) if len(start) else 0,
        format=NAME,
        source=path.name,
        rows_read=read_rows,
        skipped=skipped,
    )
