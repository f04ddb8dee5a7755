# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows while a large capture is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from emu.cli.console import stderr

if TYPE_CHECKING:
    from emu.wire.inspection import Progress

DELAY_S = 0.5
"""A file that is read faster shows nothing."""
REFRESH_S = 0.25


class LiveView:
    """Progress, speed and the counts so far; silent when stderr is no terminal."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._console = stderr()
        self._live: Live | None = None
        self._begun_s = clock()
        self._next_s = self._begun_s + DELAY_S

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, progress: Progress) -> None:
        """Called after every piece; draws a few times a second."""
        now_s = self._clock()
        if now_s < self._next_s or not self._console.is_terminal:
            return
        self._next_s = now_s + REFRESH_S
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(self.picture(progress, now_s - self._begun_s), refresh=True)

    def picture(self, progress: Progress, elapsed_s: float) -> Table:
        """What is on the screen at this moment."""
        totals = progress.inspector.totals()
        packets = progress.inspector.packets
        speed = packets / elapsed_s if elapsed_s > 0 else 0.0
        out = Table.grid(padding=(0, 2))
        out.add_column(style="bold")
        out.add_column()
        out.add_row(self._name, _bar(progress))
        out.add_row("packets", f"{packets:,} ({speed / 1e6:.2f} M/s)")
        for name, count, _ in totals["protocols"] + totals["tunnelled_protocols"]:
            out.add_row(name, f"{count:,}")
        out.add_row("marked", f"{totals['roce_ecn'][3]:,}")
        findings = progress.inspector.findings()
        out.add_row("sent again", f"{findings['retransmitted'][0]:,}")
        out.add_row("ICRC wrong", f"{findings['icrc_wrong'][0]:,}")
        return out


def _bar(progress: Progress) -> ProgressBar | Text:
    if not progress.total_bytes:
        return Text(f"{progress.read_bytes / 1e6:,.0f} MB read")
    return ProgressBar(total=progress.total_bytes, completed=progress.read_bytes, width=40)
