# SPDX-License-Identifier: Apache-2.0
"""Starts processes so that none can run without standing in the state file.

The child waits on a pipe until its pid is written down, and ends when the pipe closes without
a word: a launcher that dies between fork and the state file leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emu.errors import RunError
from emu.lab.journal import Journal
from emu.lab.processes import LAB_VARIABLE, identify

_WAIT_FOR_GO = 'read -r -u "$EMU_GO" || exit 125; exec {EMU_GO}<&-; unset EMU_GO; exec "$@"'


class Launcher:
    """Starts the processes of one lab."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.paths = journal.paths
        self.lab_id = journal.lab_id

    def popen(self, role: str, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Like subprocess.Popen; the process is in the state file before it runs ``command``."""
        environment = dict(options.pop("env", None) or os.environ)
        environment[LAB_VARIABLE] = self.lab_id
        reading, writing = os.pipe()
        environment["EMU_GO"] = str(reading)
        options.pop("close_fds", None)
        options["pass_fds"] = (*options.pop("pass_fds", ()), reading)
        try:
            process = subprocess.Popen(
                ["bash", "--norc", "-c", _WAIT_FOR_GO, "bash", *command],
                env=environment,
                **options,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        ours = identify(process.pid)
        self._journal.write(
            "process",
            role=role,
            pid=ours.pid,
            start_ticks=ours.start_ticks,
            command=list(command),
        )
        with os.fdopen(writing, "w") as pipe:
            pipe.write("go\n")
        return process

    def daemon(
        self,
        role: str,
        command: Sequence[str],
        *,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[Any]:
        """A process that outlives this one; its output goes to ``log/<role>.log``."""
        log = self.paths.logs / f"{role}.log"
        with log.open("ab") as output:
            return self.popen(
                role,
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )


def run(
    command: Sequence[str],
    *,
    text: str | None = None,
    env: dict[str, str] | None = None,
    timeout_s: float = 60.0,
) -> str:
    """Run a short command to its end and return what it printed.

    Raises
    ------
    RunError
        When it fails, with its last words.
    """  # fmt: skip
    try:
        done = subprocess.run(
            list(command),
            input=text,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise RunError(f"{command[0]} is not installed", hint="emu doctor") from None
    except subprocess.TimeoutExpired:
        raise RunError(f"`{' '.join(command)}` did not end within {timeout_s:g} s") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise RunError(f"`{' '.join(command)}` failed: {' / '.join(words) or done.returncode}")
    return done.stdout


def log_tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, for error messages."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
