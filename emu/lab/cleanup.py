# SPDX-License-Identifier: Apache-2.0
"""Ends a lab: what its state file lists, and nothing else.

Nothing is looked for by name. A process ends when its pid and start time are in the file, or
when its environment carries the lab's random id; a namespace goes when the file has it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from emu.errors import RunError
from emu.lab.journal import Entry, LabPaths, lab_lock, read_journal
from emu.lab.namespaces import delete_interface, delete_namespace, namespace_exists
from emu.lab.processes import Process, end_processes, identify, processes_of_lab


def clean(paths: LabPaths, patience_s: float = 30.0) -> list[str]:
    """End everything of a lab, also of one whose makers were killed.

    Returns
    -------
    list of str
        What was ended, one line each; empty when there was no lab.

    Raises
    ------
    RunError
        When something would not end; the state file then stays.
    """
    if not paths.folder.exists():
        return []
    if not os.access(paths.folder, os.W_OK):
        raise RunError(f"the lab {paths.name!r} is root's", hint="sudo emu clean")
    with lab_lock(paths, patience_s):
        entries = read_journal(paths.journal)
        if not entries:
            if paths.folder.is_dir():
                # Made, and killed before the first line was written.
                shutil.rmtree(paths.folder)
            return []
        done = _end(entries)
        _remove_folders(entries)
        return done


def _end(entries: list[Entry]) -> list[str]:
    done: list[str] = []
    processes = _processes(entries)
    # Newest first: what depends on another was started after it.
    for process in reversed(processes):
        done.append(f"process {process.pid}")
    left = end_processes(list(reversed(processes)))
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise RunError(f"processes {pids} of the lab do not end")
    for entry in reversed(entries):
        if entry.kind == "interface" and namespace_exists(entry["namespace"]):
            delete_interface(entry["namespace"], entry["name"])
        elif entry.kind == "namespace" and namespace_exists(entry["name"]):
            delete_namespace(entry["name"])
            done.append(f"namespace {entry['name']}")
    return done


def _processes(entries: list[Entry]) -> list[Process]:
    """Everything alive that the lab started, the one that cleans excepted."""
    listed = [entry.process for entry in entries if entry.kind == "process"]
    ids = [entry["id"] for entry in entries if entry.kind == "lab"]
    inherited = [process for lab_id in ids for process in processes_of_lab(lab_id)]
    ours = _ancestors()
    alive = [process for process in [*listed, *inherited] if process.is_alive]
    return [process for process in dict.fromkeys(alive) if process not in ours]


def _ancestors() -> set[Process]:
    """This process and those above it: `emu clean` may run in a lab's own shell."""
    found = set()
    pid = "self"
    while pid not in ("0", ""):
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            break
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        found.add(identify(int(facts["Pid"])))
        pid = facts["PPid"]
    return found


def _remove_folders(entries: list[Entry]) -> None:
    """The folder with the state file goes last, so that a clean-up cut short is done again."""
    for entry in reversed(entries):
        if entry.kind == "folder":
            shutil.rmtree(entry["path"], ignore_errors=True)
