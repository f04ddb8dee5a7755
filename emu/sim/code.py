# SPDX-License-Identifier: Apache-2.0
"""Digest of the code that makes runs: runs that other code made are not kept."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import emu
from emu.core import _core

_PARTS = ("core", "fabric", "sim", "spec", "workload", "telemetry")


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """SHA-256 over the extension and the packages that shape a result."""
    digest = hashlib.sha256()
    assert emu.__file__ is not None
    root = Path(emu.__file__).parent
    files = [file for part in _PARTS for file in sorted((root / part).rglob("*.py"))]
    for file in [*files, Path(str(_core.__file__))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
