# SPDX-License-Identifier: Apache-2.0
"""Runs rows, on several processes if asked."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from emu.errors import InputError
from emu.spec.nearest import hint_for
from emu.validate.row import Result, Row
from emu.validate.rows import ROWS


@dataclass(frozen=True)
class Verdict:
    """A row and what it found."""

    row: Row
    result: Result

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.result.checks)


def select(names: Iterable[str], quick: bool, part: str | None = None) -> list[Row]:
    """Rows by name, all of them without names; with ``quick`` only the quick ones, with a
    ``part`` only those of that section.

    Raises
    ------
    InputError
        For a name that no row has, and for an unknown part.
    """
    known = {row.name: row for row in ROWS}
    chosen = list(names)
    for name in chosen:
        if name not in known:
            raise InputError(f"no row {name!r}", hint=hint_for(name, known))
    parts = dict.fromkeys(row.part for row in ROWS)
    if part is not None and part not in parts:
        raise InputError(f"no part {part!r}", hint=hint_for(part, parts))
    rows = [known[name] for name in chosen] if chosen else list(ROWS)
    rows = [row for row in rows if part is None or row.part == part]
    return [row for row in rows if row.quick or not quick]


def run_rows(
    rows: Sequence[Row],
    folder: Path,
    jobs: int = 1,
    tell: Callable[[Verdict], None] = lambda _: None,
) -> list[Verdict]:
    """Run the rows in order; ``tell`` hears of each when it is done."""
    verdicts = []
    if jobs == 1 or len(rows) == 1:
        for row in rows:
            verdicts.append(Verdict(row, row.run(folder)))
            tell(verdicts[-1])
        return verdicts
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(rows)), mp_context=context) as pool:
        for row, result in zip(
            rows, pool.map(_work, [row.name for row in rows], [folder] * len(rows)), strict=True
        ):
            verdicts.append(Verdict(row, result))
            tell(verdicts[-1])
    return verdicts


def _work(name: str, folder: Path) -> Result:
    return next(row for row in ROWS if row.name == name).run(folder)
