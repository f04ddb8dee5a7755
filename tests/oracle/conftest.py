# SPDX-License-Identifier: Apache-2.0
"""What the comparisons with scapy and tshark share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle import corpus


@pytest.fixture(scope="session")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file of the corpus by its name."""
    return {p.name: p for p in corpus.write_all(tmp_path_factory.mktemp("corpus"))}
