# SPDX-License-Identifier: Apache-2.0
"""Progress of `emu run`: bars on a terminal, one line per finished run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from emu.cli.console import note, stderr

if TYPE_CHECKING:
    from emu.sim import RunProgress

OnProgress = Callable[["RunProgress"], None]


@contextmanager
def show_progress() -> Iterator[OnProgress]:
    """Yield the callback that `emu.sim.run_experiment` reports to."""
    console = stderr()
    if not console.is_terminal:
        yield _note_finished
        return
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(compact=True),
        console=console,
    )
    with bars:
        yield _Bars(bars)


def _title(update: RunProgress) -> str:
    return f"{update.variant} seed {update.seed}"


def _note_finished(update: RunProgress) -> None:
    if update.state in ("done", "kept"):
        note(
            f"[{update.runs_done}/{update.runs_total}] {_title(update)}: {update.state}, "
            f"{update.fabric_ps / 1e9:.1f} ms of fabric time"
        )


class _Bars:
    """One bar for the whole experiment and one for each run under way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._whole = progress.add_task("runs", total=None, detail="")
        self._bars: dict[tuple[str, int], TaskID] = {}
        self._fractions: dict[tuple[str, int], float] = {}
        self._packets: dict[tuple[str, int], int] = {}
        self._started_s = time.monotonic()

    def __call__(self, update: RunProgress) -> None:
        key = (update.variant, update.seed)
        if update.state == "running":
            self._show(key, update)
        elif key in self._bars:
            self._progress.remove_task(self._bars.pop(key))
            del self._fractions[key]
        if update.state != "kept":
            self._packets[key] = update.packets
        self._progress.update(
            self._whole,
            total=update.runs_total,
            # Runs under way count by their share, or the time left would jump.
            completed=update.runs_done + sum(self._fractions.values()),
            detail=f"{update.runs_done}/{update.runs_total} {self._speed()}",
        )

    def _show(self, key: tuple[str, int], update: RunProgress) -> None:
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(_title(update), total=1.0, detail="")
        self._fractions[key] = update.fraction
        self._progress.update(
            self._bars[key],
            completed=update.fraction,
            detail=f"{update.fabric_ps / 1e9:.1f} ms of fabric time",
        )

    def _speed(self) -> str:
        elapsed_s = time.monotonic() - self._started_s
        if elapsed_s < 1:
            return ""
        return f"{sum(self._packets.values()) / elapsed_s / 1e6:.2f} M packets/s"
