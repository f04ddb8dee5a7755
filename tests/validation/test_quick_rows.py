# SPDX-License-Identifier: Apache-2.0
"""The quick rows of the validation hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.validate import ROWS, Row, run_rows


@pytest.mark.parametrize("row", [row for row in ROWS if row.quick], ids=lambda row: row.name)
def test_row_holds(row: Row, repository: Path) -> None:
    (verdict,) = run_rows([row], repository / "experiments" / "validation")
    assert [check for check in verdict.result.checks if not check.ok] == []
    assert verdict.result.checks


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_names_an_experiment_that_is_there(row: Row, repository: Path) -> None:
    assert (repository / "experiments" / "validation" / row.experiment).exists()
