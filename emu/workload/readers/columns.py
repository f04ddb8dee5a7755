# SPDX-License-Identifier: Apache-2.0
"""Rows on their way into a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from emu.workload.readers.rows import DAY_PS, STAMP_EARLY_PS, STAMP_MAX_PS, BadRowError
from emu.workload.trace import RequestTrace


class RequestColumns:
    """Rows on their way into a :class:`RequestTrace`."""

    def __init__(self) -> None:
        self.arrival_ps: list[int] = []
        self.input_tokens: list[int] = []
        self.output_tokens: list[int] = []
        self.blocks: list[Sequence[int]] = []

    def __len__(self) -> int:
        return len(self.arrival_ps)

    def add(
        self, arrival_ps: int, input_tokens: int, output_tokens: int, blocks: Sequence[int] = ()
    ) -> None:
        """One row; a bad one when its stamp is too far from the first for 64 bits."""
        since = arrival_ps - self.arrival_ps[0] if self.arrival_ps else 0
        if not -STAMP_EARLY_PS < since < STAMP_MAX_PS:
            raise BadRowError(
                "stamp far from the first",
                f"the stamp is {abs(since) / DAY_PS:,.0f} days {'after' if since > 0 else 'before'}"
                " the first one",
                f"within {STAMP_MAX_PS // DAY_PS} days after the first row",
            )
        self.arrival_ps.append(arrival_ps)
        self.input_tokens.append(input_tokens)
        self.output_tokens.append(output_tokens)
        self.blocks.append(blocks)

    def finish(
        self,
        *,
        block_tokens: int,
        format: str,  # noqa: A002 - the word users know from the spec
        source: str,
        rows_read: int,
        skipped: dict[str, int],
        notes: tuple[str, ...] = (),
        stamp_step_ps: int = 0,
    ) -> RequestTrace:
        """Sorts by arrival (equal stamps keep file order) and starts the clock at 0."""
        # Stamps may count from long ago: only differences fit 64 bits.
        begin = min(self.arrival_ps, default=0)
        arrival = np.asarray([stamp - begin for stamp in self.arrival_ps], dtype=np.int64)
        lengths = np.fromiter((len(b) for b in self.blocks), dtype=np.int64, count=len(self))
        flat = np.fromiter(_chain(self.blocks), dtype=np.int64, count=int(lengths.sum()))
        trace = RequestTrace(
            arrival_ps=arrival,
            input_tokens=np.asarray(self.input_tokens, dtype=np.int64),
            output_tokens=np.asarray(self.output_tokens, dtype=np.int64),
            block_ids=flat,
            block_offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            block_tokens=block_tokens,
            format=format,
            source=source,
            rows_read=rows_read,
            skipped=skipped,
            notes=notes,
            stamp_step_ps=stamp_step_ps,
        )
        if len(arrival) and np.any(np.diff(arrival) < 0):
            return trace.take(np.argsort(arrival, kind="stable"))
        return trace


def _chain(lists: Sequence[Sequence[int]]) -> Iterator[int]:
    for item in lists:
        yield from item
