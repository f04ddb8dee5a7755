# SPDX-License-Identifier: Apache-2.0
"""One random stream per purpose, so that adding a draw in one place moves no other."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator that depends on the experiment's seed and on what it is for."""
    # crc32 and not hash(): the latter differs from process to process.
    return np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFF, crc32(purpose.encode())]))
