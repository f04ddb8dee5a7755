# SPDX-License-Identifier: Apache-2.0
"""What holds for every verb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from emu.cli.app import app


def _verbs(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", {})
    if not children:
        return [path]
    return [verb for name, child in children.items() for verb in _verbs(child, (*path, name))]


VERBS = _verbs(get_command(app))


def test_all_verbs_are_there() -> None:
    assert {verb[0] for verb in VERBS} == {
        *("run", "report", "compare", "publish", "topology", "experiment", "trace"),
        *("import", "export", "bench", "validate", "lab", "pcap", "clean", "doctor", "watch"),
    }


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_a_verb_has_an_example_that_names_it(verb: tuple[str, ...]) -> None:
    command = get_command(app)
    for name in verb:
        command = command.commands[name]  # type: ignore[attr-defined]
    assert command.help, verb
    assert f"Example: emu {' '.join(verb)}" in (command.epilog or ""), verb


def test_generated_docs_are_up_to_date(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, repository / "scripts" / "make-docs", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `make docs`:\n{done.stdout}{done.stderr}"
