# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from emu.errors import InputError
from emu.report import compare_runs, comparison_table


@pytest.fixture
def pair(runs_dir: Path) -> tuple[Path, Path]:
    return (
        runs_dir / "l3-base-0p7" / "seed-1",
        runs_dir / "stretched-l2-rstp-base-0p7" / "seed-1",
    )


def test_a_run_equals_itself(pair: tuple[Path, Path]) -> None:
    rows = compare_runs(pair[0], pair[0])
    for row in rows:
        assert row["first"] == row["second"]
        assert row["verdict"] in {"equal", "cannot be told"}
    assert rows[0]["low"] == rows[0]["high"] == 1


def test_ratio_is_second_over_first_inside_its_interval(pair: tuple[Path, Path]) -> None:
    rows = {row["measure"]: row for row in compare_runs(*pair)}
    median = rows["slowdown P50"]
    assert median["first"] and median["second"] and median["ratio"]  # noqa: PT018
    assert median["ratio"] == pytest.approx(median["second"] / median["first"], rel=1e-4)
    assert median["low"] <= median["ratio"] <= median["high"]  # type: ignore[operator]
    assert median["verdict"] == "first is shorter"
    back = {row["measure"]: row for row in compare_runs(pair[1], pair[0])}
    assert back["slowdown P50"]["verdict"] == "second is shorter"


def test_rows_are_json_and_a_table(pair: tuple[Path, Path]) -> None:
    rows = compare_runs(*pair)
    json.dumps(rows, allow_nan=False)
    out = io.StringIO()
    Console(file=out, width=160).print(comparison_table(*pair, rows))
    assert "l3, seed 1" in out.getvalue()
    assert "slowdown P99.9" in out.getvalue()


def test_different_traces_are_compared_unpaired(
    synthetic: ModuleType, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    case = {"case": "base", "workload.load.fraction": "0.7"}
    synthetic.write_run(tmp_path / "r", synthetic.DESIGNS[0], case, 1, "r", 200)
    row = compare_runs(pair[0], tmp_path / "r")[0]
    assert row["low"] < row["ratio"] < row["high"]  # type: ignore[operator]


def test_missing_run(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="no run here"):
        compare_runs(pair[0], tmp_path / "none")
