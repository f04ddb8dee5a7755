# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a run while it goes on: one file in its unfinished directory.

The file is replaced as a whole, so that a reader never meets half of it, and is gone when the run
is whole. `emu watch` and `emu run --metrics` read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "LIVE_FILE",
    "SNAPSHOTS",
    "UNFINISHED_FILE",
    "LiveView",
    "QueueView",
    "find_live",
    "read_live",
    "write_live",
]

LIVE_FILE = "live.json"
UNFINISHED_FILE = "live.tmp"
SNAPSHOTS = 60
"""Longest history of an uplink."""


@dataclass(frozen=True)
class QueueView:
    """A queue that holds something or is paused."""

    port: str
    priority: int
    queue_bytes: int
    watermark_bytes: int
    paused: float
    """Share of the time since the view before in which it was paused."""


@dataclass(frozen=True)
class TransferView:
    """A transfer that has begun."""

    transfer_id: int
    age_ps: int
    """Since it began; of one that has ended, its whole time."""
    done: float
    """Share of its flows that have ended."""
    slowdown: float
    """Age over the time on the empty fabric, where that is known; else 0."""


@dataclass(frozen=True)
class LiveView:
    """One moment of one run, as people see it."""

    experiment: str
    variant: str
    design: str
    seed: int
    t_ps: int
    fraction: float
    """Share that is done."""
    packets: int
    drops: int
    ecn_marked: int
    pfc_frames: int
    transfers_done: int
    transfers: int
    uplinks: dict[str, list[float]] = field(default_factory=dict)
    """Load of each uplink of a leaf, 0 to 1, per interval between views; the newest last."""
    queues: list[QueueView] = field(default_factory=list)
    """The deepest first."""
    slowest: list[TransferView] = field(default_factory=list)
    """Of those under way, the oldest first."""

    @property
    def run(self) -> str:
        return f"{self.variant}/seed-{self.seed}"


def write_live(folder: Path, view: LiveView, counters: list[list[Any]]) -> None:
    """Replace the file; ``counters``: rows of [object, name, index, counter, value]."""
    text = json.dumps({"view": asdict(view), "sai": counters}, separators=(",", ":"))
    path = folder / LIVE_FILE
    unfinished = folder / UNFINISHED_FILE
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def read_live(path: Path) -> tuple[LiveView, list[list[Any]]] | None:
    """The view and the counters of a file; None if the run has just ended."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        view = dict(found["view"])
        view["queues"] = [QueueView(**row) for row in view["queues"]]
        view["slowest"] = [TransferView(**row) for row in view["slowest"]]
        return LiveView(**view), found["sai"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_live(path: Path) -> Iterable[Path]:
    """Files of runs under way: of this run directory, or below this folder."""
    own = path.parent.glob(f".{path.name}.partial-*/{LIVE_FILE}")
    below = path.glob(f"**/.*.partial-*/{LIVE_FILE}")
    return sorted({*own, *below, *path.glob(LIVE_FILE)})
