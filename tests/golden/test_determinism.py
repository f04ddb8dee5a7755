# SPDX-License-Identifier: Apache-2.0
"""The same experiment and seed give the same bytes, however it is run and whoever watches.

Compilers and optimisation levels: ``make agree``.
"""

from __future__ import annotations

import hashlib
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
    emu.run(path, scratch / "runs", jobs=jobs)
    return scratch / "runs"


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
