# SPDX-License-Identifier: Apache-2.0
"""What all rows of the switch test suite share: their part of the page and their source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emu.validate.row import Result, Row

__all__ = ["snappi_row"]

_PART = "Switch test suite (snappi)"
_COMMIT = "b4ba9de3c9"


def snappi_row(file: str, name: str, title: str, run: Callable[[Path], Result], source: str) -> Row:
    """The row of a test of sonic-mgmt: ``file`` is our experiment, ``source`` its place there."""
    return Row(f"snappi-{name}", _PART, title, f"sonic-mgmt {_COMMIT} {source}", file, run)
