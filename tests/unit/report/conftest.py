# SPDX-License-Identifier: Apache-2.0
"""Synthetic runs and a report built from them, once per session."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from emu.report import build
from emu.telemetry import TABLES


def load_synthetic() -> ModuleType:
    """The generator beside this file; test folders are not packages."""
    spec = importlib.util.spec_from_file_location(
        "synthetic_runs", Path(__file__).with_name("synthetic.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    return load_synthetic()


@pytest.fixture(scope="session")
def runs_dir(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three designs × two loads and a link failure × two seeds."""
    out = tmp_path_factory.mktemp("runs")
    chosen = [d for d in synthetic.DESIGNS if d.key in {"l3", "stretched-l2/rstp", "evpn/l2vni"}]
    synthetic.write_runs(out, designs=chosen, seeds=(1, 2), transfers=80)
    return out


@pytest.fixture(scope="session")
def report_dir(runs_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([runs_dir], tmp_path_factory.mktemp("report") / "out").parent


class Frames:
    """Builds stand-ins for runs from the few columns a test is about."""

    @staticmethod
    def table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
        fill = {"int": 0, "dou": 1.0, "str": "", "boo": False}
        fields = {f.name: fill[str(f.type)[:3]] for f in TABLES[name].schema}
        unknown = {key for row in rows for key in row} - set(fields)
        assert not unknown, unknown
        return pd.DataFrame([fields | row for row in rows], columns=list(fields))

    @classmethod
    def run(cls, seed: int = 1, meta: dict[str, Any] | None = None, **tables: Any) -> Any:
        frames = {name: cls.table(name, tables.pop(name, [])) for name in TABLES}
        counters = tables.pop("counters", {})
        assert not tables, tables
        base = {"fabric_ps": 10**9, "host_rate_bps": 400 * 10**9, "design_label": "l3"}
        return SimpleNamespace(seed=seed, meta=base | (meta or {}), counters=counters, **frames)


@pytest.fixture(scope="session")
def frames() -> type[Frames]:
    return Frames
