# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# Helpers that several folders share are imported as tests.folder.module.
sys.path.insert(0, str(REPOSITORY))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checked-out repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the full public traces and reference files, which the repository lacks."""
    folder = Path(os.environ.get("EMU_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}; EMU_DATA names another folder")
    return folder


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Folder for what a test leaves to be looked at, such as screenshots."""
    folder = Path(os.environ.get("EMU_TEST_ARTEFACTS", REPOSITORY / "test-artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
