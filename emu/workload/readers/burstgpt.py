# SPDX-License-Identifier: Apache-2.0
"""BurstGPT (HPMLL/BurstGPT), CSV with 6 columns, or 8 with the session.

``Timestamp`` is in seconds, whole ones in the published files: rows are spread over
their second. Rows with no response tokens are failed requests; they were prefilled,
so they stay.
"""

from __future__ import annotations

from pathlib import Path

from emu.workload.readers.columns import RequestColumns
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import BadRowError, Skipped, decimal_ps, open_text, written_number
from emu.workload.readers.table import is_header, numbered_rows
from emu.workload.trace import PS_PER_S, RequestTrace

NAME = "burstgpt"
SUMMARY = "CSV: Timestamp,[Session ID,Elapsed time,]Model,Request tokens,Response tokens,…"
_TAIL = ("Model", "Request tokens", "Response tokens", "Total tokens", "Log Type")
FORMS = (("Timestamp", *_TAIL), ("Timestamp", "Session ID", "Elapsed time", *_TAIL))


def detect(head: list[str]) -> bool:
    return is_header(head[0], FORMS)


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """All usable rows of the file, in order of arrival."""
    columns, skipped, rows = RequestColumns(), Skipped(path, options.skip_bad), 0
    with open_text(path) as text:
        for number, row in numbered_rows(text, path, FORMS):
            rows += 1
            try:
                if isinstance(row, BadRowError):
                    raise row
                columns.add(*_parse(row))
            except BadRowError as bad:
                skipped.add(number, bad)
    failed = columns.output_tokens.count(0)
    whole_seconds = all(stamp % PS_PER_S == 0 for stamp in columns.arrival_ps)
    return columns.finish(
        block_tokens=0,
        format=NAME,
        source=path.name,
        rows_read=rows,
        skipped=skipped.counts(),
        stamp_step_ps=PS_PER_S if whole_seconds else 0,
        notes=(f"{failed} requests have no response tokens (failed); they are kept",)
        if failed
        else (),
    )


def _parse(row: dict[str, str]) -> tuple[int, int, int]:
    arrival_ps = decimal_ps(row["Timestamp"], "Timestamp", PS_PER_S, "seconds")
    request = written_number(row["Request tokens"], "Request tokens", 1)
    response = written_number(row["Response tokens"], "Response tokens", 0)
    total = written_number(row["Total tokens"], "Total tokens", 1, 2 * 10**9)
    if total != request + response:
        raise BadRowError(
            "Total tokens is not the sum",
            f"Total tokens is {total}, but request and response make {request + response}",
            "Total tokens = Request tokens + Response tokens",
        )
    return arrival_ps, request, response
