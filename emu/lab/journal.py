# SPDX-License-Identifier: Apache-2.0
"""The state file of a lab: what it is about to make is written down before it is made.

One line of JSON per thing, flushed to the file before the call that makes the thing, so that
whatever happens to the process that builds a lab, the next one knows what may be there. The
folder is on a file system that a reboot empties, as a reboot ends everything listed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emu.errors import InputError, RunError
from emu.lab.processes import Process

NAME_VARIABLE = "EMU_LAB"
"""Environment variable with the name of the lab that commands mean; `lab` when not set."""
RUN_FOLDER_VARIABLE = "EMU_LAB_FOLDER"
"""Environment variable with the folder for labs, instead of /run/emu."""


@dataclass(frozen=True)
class LabPaths:
    """Where a lab keeps what it needs while it is up."""

    name: str
    folder: Path

    @property
    def journal(self) -> Path:
        """The state file."""
        return self.folder / "state.jsonl"

    @property
    def lock(self) -> Path:
        """Held while a lab goes up or down; beside the folder, which comes and goes."""
        return self.folder.parent / f"{self.name}.lock"

    @property
    def logs(self) -> Path:
        """Output of every process."""
        return self.folder / "log"

    def namespace(self, name: str) -> str:
        """Name on the machine of a namespace of the plan."""
        return f"emu-{name}" if self.name == "lab" else f"emu-{self.name}-{name}"


def lab_paths(name: str | None = None) -> LabPaths:
    """Paths of the lab of that name, or of the one that the environment names."""
    name = name or os.environ.get(NAME_VARIABLE) or "lab"
    if not name.isidentifier() or len(name) > 20:
        raise InputError(
            f"{NAME_VARIABLE} is {name!r}: a lab's name has letters, digits and _, at most 20"
        )
    return LabPaths(name, Path(os.environ.get(RUN_FOLDER_VARIABLE) or "/run/emu") / name)


@dataclass(frozen=True)
class Entry:
    """One line of the state file."""

    kind: str
    """``lab``, ``folder``, ``namespace``, ``interface``, ``process``, ``fault`` or ``ready``."""
    facts: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]

    @property
    def process(self) -> Process:
        """The process that a line of kind ``process`` or ``lab`` names."""
        return Process(self["pid"], self["start_ticks"])


def read_journal(path: Path) -> list[Entry]:
    """All lines; a last line cut short by a crash is left out, as nothing came after it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            facts = json.loads(line)
        except json.JSONDecodeError:
            break
        entries.append(Entry(facts.pop("kind"), facts))
    return entries


class Journal:
    """The state file of a lab that is being built or changed."""

    def __init__(self, paths: LabPaths) -> None:
        self.paths = paths
        self._file = paths.journal.open("a", encoding="utf-8")

    def close(self) -> None:
        """Stop writing; the file stays."""
        self._file.close()

    def write(self, kind: str, **facts: object) -> None:
        """Write one line; it is in the file when this returns.

        No fsync: the things listed do not outlive a crash of the kernel either.
        """
        self._file.write(json.dumps({"kind": kind, **facts}) + "\n")
        self._file.flush()

    @property
    def entries(self) -> list[Entry]:
        """Everything written so far, also by others."""
        return read_journal(self.paths.journal)

    @property
    def lab_id(self) -> str:
        """The random id of this lab, which its processes carry in their environment."""
        return str(next(entry["id"] for entry in self.entries if entry.kind == "lab"))


@contextmanager
def lab_lock(paths: LabPaths, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the right to change the lab.

    Raises
    ------
    RunError
        When another process holds it for longer than ``patience_s``; says which.
    """
    paths.lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with paths.lock.open("a+", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    who = file.read().strip() or "another process"
                    raise RunError(
                        f"the lab {paths.name!r} is being changed by {who}",
                        hint="wait for it to finish",
                    ) from None
                time.sleep(0.05)
        file.seek(0)
        file.truncate()
        file.write(f"pid {os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            file.flush()


def describe_holder(entries: list[Entry]) -> str:
    """Who started a lab and when, for the message to the second one."""
    for entry in entries:
        if entry.kind == "lab":
            return (
                f"{entry['user']} started it at {entry['since']} with "
                f"`{entry['command']}` (pid {entry['pid']}) in {entry['folder']}"
            )
    return "its state file names nobody"
