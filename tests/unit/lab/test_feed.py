# SPDX-License-Identifier: Apache-2.0
"""Live counters as another process reads them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from emu.errors import RunError
from emu.lab.feed import COLUMNS, HEADER, MAGIC, PRIORITIES, read_feed


def _write(path: Path, version: int) -> None:
    head = [MAGIC, version, 5_000, 77, 2, *range(len(HEADER) - 5)]
    rows = range(2 * PRIORITIES * len(COLUMNS))
    path.write_bytes(struct.pack(f"<{len(head)}q", *head) + struct.pack(f"<{len(rows)}q", *rows))


def test_columns_are_by_port_and_priority(tmp_path: Path) -> None:
    _write(tmp_path / "feed", 8)
    snapshot = read_feed(tmp_path / "feed")
    assert snapshot.header["fabric_ps"] == 5_000
    assert snapshot.column("queue_bytes")[1, 3] == (8 + 3) * len(COLUMNS) + 2


def test_what_is_being_written_is_not_read(tmp_path: Path) -> None:
    _write(tmp_path / "feed", 7)
    with pytest.raises(RunError, match="has not begun"):
        read_feed(tmp_path / "feed")


def test_no_file_no_traffic_manager(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        read_feed(tmp_path / "feed")
