# SPDX-License-Identifier: Apache-2.0
"""What a lab leaves behind: nothing of its own, everything of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.errors import RunError
from emu.lab.cleanup import clean
from emu.lab.journal import lab_paths, read_journal
from emu.lab.launch import run
from emu.lab.namespaces import create_namespace, delete_namespace, interfaces, namespace_exists
from tests.lab.traffic import wait_until

EMU = str(Path(sys.executable).parent / "emu")
UP = [EMU, "lab", "up", "topologies/lab-2x2x4.yaml"]


@pytest.fixture
def foreign_bridge(tmp_path: Path) -> Iterator[list[str]]:
    """A bridge on somebody else's Open vSwitch; gives the command that lists its ports."""
    database = f"unix:{tmp_path / 'db.sock'}"
    environment = {**os.environ, "OVS_RUNDIR": str(tmp_path)}
    run(["ovsdb-tool", "create", str(tmp_path / "conf.db"),
         "/usr/share/openvswitch/vswitch.ovsschema"])  # fmt: skip
    server = subprocess.Popen(
        ["ovsdb-server", str(tmp_path / "conf.db"), f"--remote=p{database}",
         f"--unixctl={tmp_path / 'ovsdb.ctl'}", "-vconsole:off"], env=environment
    )  # fmt: skip
    assert wait_until((tmp_path / "db.sock").exists)
    taps_before = _taps()
    switch = subprocess.Popen(
        ["ovs-vswitchd", database, f"--unixctl={tmp_path / 'vswitchd.ctl'}", "-vconsole:off"],
        env=environment,
    )
    try:
        run(["ovs-vsctl", f"--db={database}", "--timeout=60", "add-br", "foreign0", "--",
             "set", "bridge", "foreign0", "datapath_type=netdev"])  # fmt: skip
        yield ["ovs-appctl", "-t", str(tmp_path / "vswitchd.ctl"), "dpif/show"]
    finally:
        for process in (switch, server):
            process.terminate()
            process.wait(20)
        # A userspace datapath keeps its taps past its end.
        for tap in _taps() - taps_before:
            run(["ip", "link", "delete", tap])


def _taps() -> set[str]:
    """Those of the two that the foreign bridge makes which are there."""
    names = {"foreign0", "ovs-netdev"}
    return {path.name for path in Path("/sys/class/net").iterdir()} & names


def _lab_processes(name: str) -> list[int]:
    """Pids of everything whose environment says that it belongs to the lab of a state file."""
    from emu.lab.processes import processes_of_lab

    ids = [e["id"] for e in read_journal(lab_paths(name).journal) if e.kind == "lab"]
    return [process.pid for lab_id in ids for process in processes_of_lab(lab_id)]


def test_clean_ends_all_of_a_killed_lab_and_nothing_of_others(
    repository: Path, lab_name: str, foreign_bridge: list[str]
) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    create_namespace("foreign-namespace")
    try:
        # Killed while it is building: the worst moment.
        building = subprocess.Popen(UP, cwd=repository, stderr=subprocess.DEVNULL)
        paths = lab_paths(lab_name)
        assert wait_until(lambda: any(e.kind == "process" and "vswitchd" in e["role"]
                                      for e in read_journal(paths.journal)))  # fmt: skip
        os.kill(building.pid, signal.SIGKILL)
        building.wait()
        spaces = [e["name"] for e in read_journal(paths.journal) if e.kind == "namespace"]
        assert spaces
        assert _lab_processes(lab_name)
        lab_id = read_journal(paths.journal)[0]["id"]

        done = subprocess.run([EMU, "clean"], cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

        from emu.lab.processes import processes_of_lab

        assert processes_of_lab(lab_id) == []
        assert not [space for space in spaces if namespace_exists(space)]
        assert not paths.folder.exists()
        assert stranger.poll() is None
        assert namespace_exists("foreign-namespace")
        assert "foreign0" in run(foreign_bridge)
    finally:
        stranger.kill()
        stranger.wait()
        delete_namespace("foreign-namespace")
        clean(lab_paths(lab_name))


def test_every_moment_to_be_killed_leaves_nothing(repository: Path, lab_name: str) -> None:
    paths = lab_paths(lab_name)
    for lines in (1, 3, 12, 25):
        building = subprocess.Popen(UP, cwd=repository, stderr=subprocess.DEVNULL)
        assert wait_until(lambda lines=lines: len(read_journal(paths.journal)) >= lines)
        os.kill(building.pid, signal.SIGKILL)
        building.wait()
        lab_id = read_journal(paths.journal)[0]["id"]
        # A child that was waiting for its turn notices that its maker is gone.
        time.sleep(0.2)
        clean(paths)
        from emu.lab.processes import processes_of_lab

        assert processes_of_lab(lab_id) == []
        prefix = paths.namespace("")
        assert not [e.name for e in Path("/run/netns").iterdir() if e.name.startswith(prefix)]


def test_the_second_lab_is_told_who_holds_it(repository: Path, lab_name: str) -> None:
    paths = lab_paths(lab_name)
    building = subprocess.Popen(UP, cwd=repository, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: bool(read_journal(paths.journal)))
        second = subprocess.run(UP, cwd=repository, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert f"(pid {building.pid})" in second.stderr
        assert "emu lab up topologies/lab-2x2x4.yaml" in second.stderr
        assert "hint: emu lab down ends it" in second.stderr
    finally:
        building.wait(120)
        clean(paths)


def test_a_foreign_namespace_of_the_same_name_is_left_alone(
    repository: Path, lab_name: str
) -> None:
    space = lab_paths(lab_name).namespace("h1")
    create_namespace(space)
    try:
        done = subprocess.run(UP, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"there is a namespace {space} that is not this lab's" in done.stderr
        assert namespace_exists(space)
        assert not lab_paths(lab_name).folder.exists()
    finally:
        delete_namespace(space)


def test_clean_without_a_lab_says_so(repository: Path) -> None:
    done = subprocess.run([EMU, "clean"], cwd=repository, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "nothing to clean\n")


def test_a_look_into_a_namespace_needs_no_child_of_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Such a child has this process's handlers: ended by a signal, it would take the lab down.
    def refuse() -> int:
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", refuse)
    create_namespace("emu-look")
    try:
        assert set(interfaces("emu-look")) == {"lo"}
    finally:
        delete_namespace("emu-look")
    with pytest.raises(RunError, match="there is no namespace emu-look"):
        interfaces("emu-look")
    assert not namespace_exists("emu-look")
