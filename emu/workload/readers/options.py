# SPDX-License-Identifier: Apache-2.0
"""What a caller may ask of any reader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """Options of :func:`emu.workload.readers.read_trace`.

    Attributes
    ----------
    skip_bad : bool
        Count damaged rows by reason instead of stopping at the first.
    limit : int or None
        Rows to keep, counted after ``start_ps``.
    start_ps : int
        Rows that arrive earlier, counted from the first row, are left out.
    spread_ps : int or None
        Adds U(0, spread) to each stamp; None finds out whether stamps are
        quantised, 0 leaves them alone.
    seed : int
        For the spread, and for readers that generate.
    """

    skip_bad: bool = False
    limit: int | None = None
    start_ps: int = 0
    spread_ps: int | None = None
    seed: int = 1
