# SPDX-License-Identifier: Apache-2.0
"""How fast captures are read, beside the tools that everybody has, on one generated file.

The file is the same on every machine (`emu/core/wire/bench_capture.h`). It is read once before
anything is measured, so that all find it in the page cache. What counts is CPU time from the
kernel's accounting: other work on the machine disturbs that less than the wall clock. Every tool
is also run on a capture of a few packets; that is its start-up, and not part of the speed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emu.core import _wire
from emu.errors import RunError

__all__ = ["CASES", "BenchCase", "measure", "write_capture"]

ROOM_BYTES = 1 << 20


@dataclass(frozen=True)
class BenchCase:
    """One generated capture."""

    description: str
    queue_pairs: int
    snap_bytes: int
    """Bytes kept of each packet; 0: all."""
    file_bytes: int


CASES = {
    "headers": BenchCase(
        "1,024 queue pairs, 128 bytes kept of each packet", 1024, 128, 680_000_000
    ),
    "whole": BenchCase(
        "1,024 queue pairs, payload of 4,096 bytes kept, so that every ICRC is verified",
        1024,
        0,
        2_000_000_000,
    ),
}


def write_capture(case: BenchCase, path: Path, file_bytes: int | None = None) -> int:
    """Write a case's capture of about `file_bytes` and return its packets."""
    capture = _wire.BenchCapture(queue_pairs=case.queue_pairs, snap_bytes=case.snap_bytes)
    room = np.empty(ROOM_BYTES, np.uint8)
    left = case.file_bytes if file_bytes is None else file_bytes
    try:
        with path.open("wb") as file:
            while left > 0:
                n = capture.fill(room)
                file.write(room[:n].data)
                left -= n
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    return int(capture.packets)


def _commands(path: Path) -> dict[str, Sequence[str]]:
    emu = [sys.executable, "-c", "from emu.cli import main; main()", "pcap", "summary", str(path)]
    out: dict[str, Sequence[str]] = {"emu pcap summary": emu}
    if found := shutil.which("tshark"):
        out["tshark -q -z conv,udp"] = [found, "-q", "-z", "conv,udp", "-r", str(path)]
    if found := shutil.which("capinfos"):
        out["capinfos"] = [found, str(path)]
    return out


def _run(command: Sequence[str]) -> dict[str, float]:
    begun_s = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # wait4 tells of this process alone what RUSAGE_CHILDREN adds up.
    _, status, used = os.wait4(child.pid, 0)
    said = child.stderr.read() if child.stderr else b""
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.stderr:
        child.stderr.close()
    if child.returncode != 0:
        raise RunError(f"{command[0]} ended with exit code {child.returncode}: {said.decode()}")
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic() - begun_s,
        # Linux counts in KiB.
        "rss_bytes": used.ru_maxrss * 1024,
    }


def measure(name: str, folder: Path | None = None, file_bytes: int | None = None) -> dict[str, Any]:
    """Write one case's capture, read it with every tool that is there, delete it.

    Parameters
    ----------
    name : str
        A key of `CASES`.
    folder : Path
        Where the file goes meanwhile (default: the system's folder for temporary files).
    file_bytes : int
        Another size than the case's.

    Returns
    -------
    dict
        case, packets, file_bytes, and `tools`: per tool cpu_s, wall_s, rss_bytes,
        start_cpu_s and packets_per_s (packets by CPU second without the start-up).
    """
    with tempfile.TemporaryDirectory(prefix="emu-bench-", dir=folder) as place:
        path = Path(place) / "bench.pcap"
        packets = write_capture(CASES[name], path, file_bytes)
        with path.open("rb") as file:  # warm the cache
            while file.read(ROOM_BYTES):
                pass
        small = Path(place) / "small.pcap"
        write_capture(CASES[name], small, 1)
        starts = {
            tool: min(_run(c)["cpu_s"] for _ in range(3)) for tool, c in _commands(small).items()
        }
        tools = {}
        for tool, command in _commands(path).items():
            used = _run(command)
            # Never less than a clock tick: a file of a few packets is all start-up.
            reading_s = max(used["cpu_s"] - starts[tool], 0.01)
            tools[tool] = {
                **used,
                "start_cpu_s": starts[tool],
                "packets_per_s": packets / reading_s,
            }
        return {
            "case": name,
            "packets": packets,
            "file_bytes": path.stat().st_size,
            "tools": tools,
        }
