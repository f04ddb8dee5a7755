# SPDX-License-Identifier: Apache-2.0
"""The page about the run directory says what the schema says."""

from __future__ import annotations

from pathlib import Path

from emu.telemetry import TABLES
from emu.telemetry.document import schema_markdown


def test_every_column_is_on_the_page() -> None:
    text = schema_markdown()
    for table in TABLES.values():
        for column in table.columns:
            assert f"| `{column}` |" in text


def test_the_page_in_docs_is_current(repository: Path) -> None:
    page = repository / "docs" / "run-directory.md"
    assert page.read_text(encoding="utf-8") == schema_markdown(), "run `make docs`"
