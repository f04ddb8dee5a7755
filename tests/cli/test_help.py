# SPDX-License-Identifier: Apache-2.0
"""What holds for every verb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from emu.cli.app import VERBS as MODULES
from emu.cli.app import make_app


def _verbs(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", {})
    if not children:
        return [path]
    return [verb for name, child in children.items() for verb in _verbs(child, (*path, name))]


VERBS = _verbs(get_command(make_app()))


def test_all_verbs_are_there() -> None:
    assert {verb[0] for verb in VERBS} == {
        *("run", "report", "compare", "publish", "topology", "experiment", "trace"),
        *("import", "export", "bench", "validate", "lab", "pcap", "clean", "doctor", "watch"),
    }


@pytest.mark.parametrize("verb", [verb for verbs in MODULES.values() for verb in verbs])
def test_a_verb_is_the_same_without_the_others(verb: str) -> None:
    whole, alone = (get_command(app).commands for app in (make_app(), make_app(verb)))  # type: ignore[attr-defined]
    assert len(alone) < len(whole)
    assert _verbs(alone[verb]) == _verbs(whole[verb])
    assert [p.name for p in alone[verb].params] == [p.name for p in whole[verb].params]


def test_an_unknown_verb_is_looked_up_among_all() -> None:
    for given in ("rnu", "--help"):
        assert _verbs(get_command(make_app(given))) == VERBS


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_a_verb_has_an_example_that_names_it(verb: tuple[str, ...]) -> None:
    command = get_command(make_app())
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
