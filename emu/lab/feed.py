# SPDX-License-Identifier: Apache-2.0
"""Live counters of the traffic manager, read from the file that it maps into memory.

The layout is that of ``emu/lab/native/feed.h``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emu.errors import RunError

MAGIC = 0x3144454546554D45
HEADER = (
    "magic",
    "version",
    "fabric_ps",
    "wall_ns",
    "ports",
    "unfinished",
    "packets",
    "late",
    "lost",
    "late_ps_max",
    "slipped_ns",
    "held_ns",
    "turnaround_p50_ns",
    "turnaround_p99_ns",
    "control_frames",
    "foreign_frames",
)
COLUMNS = (
    "tx_packets",
    "tx_bytes",
    "queue_bytes",
    "ecn_marked_packets",
    "pfc_tx_frames",
    "pfc_rx_frames",
    "paused_ps",
    "drops_packets",
)
PRIORITIES = 8
_ATTEMPTS = 100


@dataclass(frozen=True)
class Snapshot:
    """All counters at one moment."""

    header: dict[str, int]
    rows: npt.NDArray[np.int64]
    """[engine port, priority, COLUMNS]."""

    def column(self, name: str) -> npt.NDArray[np.int64]:
        """[engine port, priority] of one counter."""
        out: npt.NDArray[np.int64] = self.rows[:, :, COLUMNS.index(name)]
        return out


def read_feed(path: Path) -> Snapshot:
    """What the traffic manager has counted until now.

    Raises
    ------
    emu.errors.RunError
        When there is no traffic manager, or it has not begun to count.
    """
    words = len(HEADER)
    for _ in range(_ATTEMPTS):
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise RunError(f"{path}: {error.strerror or error}") from None
        if len(raw) < 8 * words:
            break
        header = dict(zip(HEADER, struct.unpack(f"<{words}q", raw[: 8 * words]), strict=True))
        if header["magic"] != MAGIC:
            break
        (after,) = struct.unpack("<q", path.read_bytes()[8:16])
        if header["version"] % 2 == 0 and after == header["version"]:
            rows = np.frombuffer(raw, dtype="<i8", offset=8 * words)
            return Snapshot(header, rows.reshape(header["ports"], PRIORITIES, len(COLUMNS)))
    raise RunError(f"{path}: the traffic manager has not begun to count")
