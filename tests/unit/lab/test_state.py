# SPDX-License-Identifier: Apache-2.0
"""The state file, the processes in it, and what a machine may lack. Needs no root."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emu.errors import InputError, RunError
from emu.lab import requirements
from emu.lab.journal import Journal, LabPaths, lab_lock, lab_paths, read_journal
from emu.lab.launch import Launcher
from emu.lab.processes import Process, end_processes, identify, processes_of_lab


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    paths = LabPaths("lab", tmp_path / "lab")
    paths.folder.mkdir()
    paths.logs.mkdir()
    journal = Journal(paths)
    journal.write("lab", id=os.urandom(8).hex(), pid=1, start_ticks=1)
    return journal


def test_a_line_cut_short_by_a_crash_is_left_out(journal: Journal) -> None:
    journal.write("namespace", name="emu-h0")
    with journal.paths.journal.open("a") as file:
        file.write('{"kind": "names')
    assert [entry.kind for entry in read_journal(journal.paths.journal)] == ["lab", "namespace"]


def test_a_process_stands_in_the_file_before_it_runs(journal: Journal, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    seen_by_child = f"cat {journal.paths.journal} > {mark}"
    process = Launcher(journal).popen("child", ["sh", "-c", seen_by_child])
    assert process.wait(20) == 0
    lines = [json.loads(line) for line in mark.read_text().splitlines()]
    assert lines[-1]["pid"] == process.pid
    assert lines[-1]["role"] == "child"


def test_a_child_of_a_dead_launcher_never_runs(journal: Journal, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from emu.lab.journal import Journal, LabPaths\n"
        "from emu.lab.launch import Launcher\n"
        f"journal = Journal(LabPaths('lab', Path({str(journal.paths.folder)!r})))\n"
        "launcher = Launcher(journal)\n"
        "journal.write = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"launcher.popen('child', ['touch', {str(mark)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while processes_of_lab(journal.lab_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of_lab(journal.lab_id) == []
    assert not mark.exists()


def test_a_pid_used_again_is_not_ours(journal: Journal) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        ours = identify(process.pid)
        other = Process(ours.pid, ours.start_ticks - 1)
        assert ours.is_alive
        assert not other.is_alive
        assert end_processes([other], 0.2) == []
        assert process.poll() is None
        assert end_processes([ours]) == []
        assert not ours.is_alive
    finally:
        process.kill()
        process.wait()


def test_children_are_found_by_the_id_in_their_environment(journal: Journal) -> None:
    process = Launcher(journal).popen("parent", ["sh", "-c", "sleep 60 & wait"])
    deadline = time.monotonic() + 20
    while len(processes_of_lab(journal.lab_id)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    found = processes_of_lab(journal.lab_id)
    assert len(found) == 2
    assert end_processes(found) == []
    process.wait(20)


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    paths = LabPaths("lab", tmp_path / "lab")
    second = pytest.raises(RunError, match=f"changed by pid {os.getpid()}")
    with lab_lock(paths), second, lab_lock(paths):
        pass
    with lab_lock(paths):
        pass


def test_a_labs_name_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMU_LAB", "../x")
    with pytest.raises(InputError, match=r"EMU_LAB is '\.\./x'"):
        lab_paths()
    monkeypatch.setenv("EMU_LAB", "mine")
    assert lab_paths().namespace("h0") == "emu-mine-h0"


def test_everything_that_is_missing_is_named_at_once_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requirements, "find_tool", lambda tool: None)
    monkeypatch.setattr(requirements, "missing_modules", lambda: ["os-ken"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RunError) as caught:
        requirements.check_machine()
    message = str(caught.value)
    assert "ovs-vswitchd" in message
    assert "root" in message
    assert re.search(
        r"hint: sudo apt-get install .*\bfrr\b.*\bmininet\b.*openvswitch-switch", message
    )
    assert "pip install os-ken" in message


def test_the_setup_script_installs_what_the_lab_asks_for(repository: Path) -> None:
    script = (repository / "scripts" / "system-packages").read_text()
    listed = re.search(r"<<'LIST'\n(.*?)\nLIST", script, re.DOTALL)
    assert listed
    wanted = [f"{t.program} {t.package}" for t in (*requirements.TOOLS, *requirements.EXTRA_TOOLS)]
    assert listed[1].splitlines() == wanted
