# SPDX-License-Identifier: Apache-2.0
"""Every file in cases/ is one command with the exit code, stdout and stderr that it must give.

The first line is the command; `EMU_UPDATE_CASES=1` writes the rest anew, to be reviewed as a diff.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
ENVIRONMENT = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def run_emu(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user would."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "emu"), *arguments],
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _transcript(command: str, repository: Path) -> str:
    assert command.startswith("$ emu "), f"a case begins with '$ emu ', not with {command!r}"
    done = run_emu(shlex.split(command)[2:], repository)
    assert "Traceback" not in done.stderr, done.stderr
    # A digest changes with every default that it covers; that it is one is all that is said here.
    stdout = re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", done.stdout)
    return f"{command}\nexit code {done.returncode}\n--- stdout\n{stdout}--- stderr\n{done.stderr}"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda path: path.stem)
def test_command_prints_what_its_case_says(case: Path, repository: Path) -> None:
    wanted = case.read_text(encoding="utf-8")
    got = _transcript(wanted.splitlines()[0], repository)
    if os.environ.get("EMU_UPDATE_CASES"):
        case.write_text(got, encoding="utf-8")
        return
    assert got == wanted
