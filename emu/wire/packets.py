# SPDX-License-Identifier: Apache-2.0
"""The packets of a small capture one by one, for those who follow a single one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emu.core import _wire
from emu.errors import InputError

__all__ = ["read_packets"]


def read_packets(path: Path) -> list[dict[str, Any]]:
    """Every packet of a capture, as `emu.core._wire.packets` tells them; all in memory.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(error.strerror or str(error), file=str(path)) from None
    return _wire.packets(data)
