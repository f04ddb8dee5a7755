# SPDX-License-Identifier: Apache-2.0
"""An experiment file to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.spec import ExperimentSpec, load_experiment

BASE = """\
kind: experiment
name: small
topology: leaf-spine-16x400G
workload:
  trace: {file: trace.jsonl}
"""

Load = Callable[[str], ExperimentSpec]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the base experiment with the given text after it."""

    def read(rest: str) -> ExperimentSpec:
        (tmp_path / "trace.jsonl").write_text("{}\n", encoding="utf-8")
        file = tmp_path / "experiment.yaml"
        file.write_text(BASE + rest, encoding="utf-8")
        return load_experiment(file)

    return read
