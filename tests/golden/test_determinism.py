# SPDX-License-Identifier: Apache-2.0
"""The same experiment and seed give the same bytes, however it is run and whoever watches.

Compilers and optimisation levels: ``make agree``.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import emu

WATCHED = {
    "counters": "{blocks: 2, level: counters}",
    "everything": "{blocks: 2, level: everything}",
    "captured": "{blocks: 2, captures: [{ports: [leaf0]}]}",
}
"""Ways to watch a run; nobody watching is what they are compared with."""
SPRAY = """
routing: {policy: spray, spray: {entropy: feedback}}
transport: {receiver: selective-repeat}
"""
"""Each packet by an entropy value of its own, which a captured packet has to show as well."""
TRAFFIC = ("flows", "transfers", "requests", "ports")
"""Tables that every run has: what happened."""


def _run(
    repository: Path, scratch: Path, jobs: int, record: str = "{blocks: 2}", more: str = ""
) -> Path:
    """Folder of the runs of the tiny experiment, one design and two seeds of it, and ``more``."""
    emu.run(_write(repository, scratch, record, more), scratch / "runs", jobs=jobs)
    return scratch / "runs"


def _write(repository: Path, scratch: Path, record: str, more: str) -> Path:
    """The file of that experiment."""
    tiny = repository / "tests" / "cli" / "inputs" / "tiny.yaml"
    text = tiny.read_text(encoding="utf-8").replace("../../../", f"{repository}/")
    for given, wanted in (
        ("record: {blocks: 2}", f"record: {record}"),
        ("designs: [l3, evpn/l3vni]", "designs: [l3]"),
    ):
        assert given in text
        text = text.replace(given, wanted)
    path = scratch / "tiny.yaml"
    path.write_text(text + more, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("record", "more"),
    [
        ('{blocks: 2, level: "off"}', ""),
        ("{blocks: 2}", ""),
        (WATCHED["captured"], ""),
        (WATCHED["everything"], ""),
        (WATCHED["captured"], SPRAY),
    ],
    ids=["off", "series", "captured", "everything", "spray"],
)
def test_the_number_of_threads_changes_no_byte(
    record: str, more: str, repository: Path, tmp_path: Path
) -> None:
    path = _write(repository, tmp_path, record, more)
    path.write_text(path.read_text(encoding="utf-8").replace("[1, 2]", "[1]"), encoding="utf-8")
    found = []
    for threads in (1, 2, 4):
        out = tmp_path / str(threads)
        emu_command = Path(sys.executable).parent / "emu"
        subprocess.run(
            [emu_command, "run", path, "--out", out, "--threads", str(threads)], check=True
        )
        # What is recorded in the order in which it happens takes one thread.
        wanted = 1 if "everything" in record else threads
        for timing in out.rglob("timing.json"):
            assert json.loads(timing.read_text(encoding="utf-8"))["threads"] == wanted
        found.append(_digests(out))
    assert len(found[0]) >= 8
    assert found[1] == found[0]
    assert found[2] == found[0]


def _digests(out: Path, tables: tuple[str, ...] = ()) -> dict[str, str]:
    """Digest of each promised file; with ``tables`` only of these."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "timing.json" and (not tables or path.stem in tables)
    }


@pytest.fixture(scope="module")
def alone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one process."""
    return _run(repository, tmp_path_factory.mktemp("alone"), 1)


@pytest.mark.parametrize("jobs", [2, 4])
def test_the_number_of_processes_changes_no_byte(
    jobs: int, alone: Path, repository: Path, tmp_path: Path
) -> None:
    many = _digests(_run(repository, tmp_path, jobs))
    assert many
    # The command of a run is in its record, and so is the file that it is of.
    assert {k: v for k, v in many.items() if not k.endswith("run.json")} == {
        k: v for k, v in _digests(alone).items() if not k.endswith("run.json")
    }


@pytest.mark.parametrize(
    ("how", "more"), [*((how, "") for how in WATCHED), ("captured", SPRAY)], ids=[*WATCHED, "spray"]
)
def test_whoever_watches_the_traffic_is_the_same(
    how: str, more: str, repository: Path, tmp_path: Path
) -> None:
    for name, record in (("off", '{blocks: 2, level: "off"}'), (how, WATCHED[how])):
        (tmp_path / name).mkdir()
        _run(repository, tmp_path / name, 2, record, more)
    watched = _digests(tmp_path / how / "runs", TRAFFIC)
    assert len(watched) >= 8
    assert watched == _digests(tmp_path / "off" / "runs", TRAFFIC)
