# SPDX-License-Identifier: Apache-2.0
"""What a page says its runs cannot tell depends on what ran them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emu.report.dataset import Dataset
from emu.report.limits import limits
from emu.report.results import Results
from emu.telemetry import Run, find_runs

SAID = {
    "sim": ("Everything here is simulated", "Control planes are not simulated"),
    "lab": ("In the lab controllers, routing daemons and packets are real",),
}


@pytest.mark.parametrize("backend", SAID)
def test_each_backend_has_limits_of_its_own(
    synthetic: ModuleType, tmp_path: Path, backend: str
) -> None:
    synthetic.write_runs(
        tmp_path, designs=synthetic.DESIGNS[:1], loads=(0.5,), seeds=(1,), transfers=50
    )
    for path in tmp_path.rglob("run.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "backend": backend}))
    found = limits(Results.compute(Dataset.from_runs(map(Run, find_runs([tmp_path])[0]))))
    for name, sentences in SAID.items():
        for sentence in sentences:
            assert any(text.startswith(sentence) for text in found) == (name == backend)
