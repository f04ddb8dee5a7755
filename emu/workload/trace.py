# SPDX-License-Identifier: Apache-2.0
"""What every reader returns: requests (or ready-made flows) in arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

PS_PER_S = 10**12
PS_PER_MS = 10**9
PS_PER_US = 10**6


@dataclass(frozen=True)
class RequestTrace:
    """Requests of a serving trace, sorted by arrival; the first arrives at 0.

    The prefix blocks of request ``i`` are
    ``block_ids[block_offsets[i]:block_offsets[i + 1]]``; equal leading ids mean an
    equal prefix of ``block_tokens`` tokens per id. ``block_tokens`` is 0 when the
    trace says nothing about prefixes. ``stamp_step_ps`` is the unit of the stamps when
    the format is known to round them, 0 otherwise.
    """

    arrival_ps: IntArray
    input_tokens: IntArray
    output_tokens: IntArray
    block_ids: IntArray
    block_offsets: IntArray
    block_tokens: int
    format: str
    source: str
    rows_read: int
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stamp_step_ps: int = 0

    def __len__(self) -> int:
        return len(self.arrival_ps)

    @property
    def has_prefixes(self) -> bool:
        return self.block_tokens > 0

    def blocks(self, request: int) -> IntArray:
        """Prefix block ids of one request, longest-shared first."""
        return self.block_ids[self.block_offsets[request] : self.block_offsets[request + 1]]

    def take(self, rows: IntArray, arrival_ps: IntArray | None = None) -> RequestTrace:
        """The given rows in the given order, with new arrivals when told."""
        starts, ends = self.block_offsets[rows], self.block_offsets[rows + 1]
        offsets = np.concatenate(([0], np.cumsum(ends - starts))).astype(np.int64)
        ids = self.block_ids[_ranges(starts, ends)]
        return replace(
            self,
            arrival_ps=self.arrival_ps[rows] if arrival_ps is None else arrival_ps,
            input_tokens=self.input_tokens[rows],
            output_tokens=self.output_tokens[rows],
            block_ids=ids,
            block_offsets=offsets,
        )


@dataclass(frozen=True)
class FlowTrace:
    """A plain list of transfers: no request, no model, sorted by start.

    ``src`` and ``dst`` are endpoint numbers or names (``h3.0``), resolved against
    the fabric when the workload is built. Rows of one ``group`` are one transfer.
    ``sport`` is the UDP source port of a flow with a queue pair of its own, -1 without.
    ``origin_ps`` is the time in the file at which ``start_ps`` is 0.
    """

    start_ps: IntArray
    src: tuple[str, ...]
    dst: tuple[str, ...]
    size_bytes: IntArray
    group: IntArray
    priority: IntArray
    read: npt.NDArray[np.bool_]
    rows: IntArray
    sport: IntArray
    format: str
    source: str
    rows_read: int
    origin_ps: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.start_ps)


def _ranges(starts: IntArray, ends: IntArray) -> IntArray:
    """Concatenation of ``arange(starts[i], ends[i])``."""
    lengths = ends - starts
    total = int(lengths.sum())
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    first = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.asarray(first + np.arange(total), dtype=np.int64)
