# SPDX-License-Identifier: Apache-2.0
"""Wireshark's command-line tools as a second opinion on captures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

# Of a field that occurs in an outer and an inner header tshark lists both, the outer first.
_JOIN = "|"
_END = "\t"


def needs(tool: str) -> str:
    """Path of a tool of the Debian package tshark; skips the test by its name when missing."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"no {tool} on this machine: apt-get install tshark")
    return found


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # LC_ALL: numbers with a point; HOME of nobody: no preferences of the user's.
    return subprocess.run(
        [str(a) for a in arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
    )


def fields(capture: Path, names: list[str]) -> list[dict[str, list[str]]]:
    """Every occurrence of the named fields, a dictionary for each packet.

    Checksums of IP and UDP are verified, as they are not by default.
    """
    command: list[str | Path] = [needs("tshark"), "-n", "-r", capture, "-T", "fields"]
    for preference in (
        "ip.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
    ):
        command += ["-o", preference]
    command += ["-E", "occurrence=a", "-E", f"aggregator={_JOIN}", "-E", "separator=/t"]
    for name in names:
        command += ["-e", name]
    done = _run(*command)
    assert done.returncode in (0, 2), done.stderr  # 2: the capture is cut off
    rows = []
    for line in done.stdout.split("\n")[:-1]:
        cells = line.split(_END)
        assert len(cells) == len(names), line
        rows.append(
            {
                name: cell.split(_JOIN) if cell else []
                for name, cell in zip(names, cells, strict=True)
            }
        )
    return rows


def warnings(capture: Path) -> list[str]:
    """What tshark's experts say of a capture, from warnings upwards."""
    command = [needs("tshark"), "-n", "-r", capture, "-Y", "_ws.expert.severity >= 6291456"]
    done = _run(*command, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def accepted(capture: Path, workdir: Path) -> None:
    """capinfos and editcap read the whole file and say nothing about it."""
    for command in (
        [needs("capinfos"), "-M", capture],
        [needs("editcap"), capture, workdir / "copy.pcapng"],
    ):
        done = _run(*command)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", done.stderr
