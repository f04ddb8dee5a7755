# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of captures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.wire.inspection import Inspection, Settings, inspect


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Inspection]:
    """Inspect bytes as the file that they would be."""

    def look(data: bytes, **settings: object) -> Inspection:
        path = tmp_path / "a.pcap"
        path.write_bytes(data)
        return inspect(str(path), Settings(**settings))  # type: ignore[arg-type]

    return look
