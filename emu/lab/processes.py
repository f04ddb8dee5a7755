# SPDX-License-Identifier: Apache-2.0
"""Processes by pid and start time, so that a pid used again is never taken for ours."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LAB_VARIABLE = "EMU_LAB_ID"
"""Environment variable with the lab's id in everything that a lab starts. Children inherit
it: a daemon that forks is found again although nobody wrote its pid down."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of one boot."""

    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: clock ticks from boot to its start."""

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return start_ticks(self.pid) == self.start_ticks and not _is_zombie(self.pid)


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # The second field, the name, may hold blanks and brackets.
    return text.rpartition(")")[2].split()


def start_ticks(pid: int) -> int:
    """When a process started; 0 when there is none."""
    fields = _stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time that these processes have used; one that has ended counts as none."""
    ticks = 0
    for pid in pids:
        fields = _stat_fields(pid)
        if len(fields) > 12:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _is_zombie(pid: int) -> bool:
    fields = _stat_fields(pid)
    return not fields or fields[0] in "ZX"


def identify(pid: int) -> Process:
    """The process that has this pid now."""
    return Process(pid, start_ticks(pid))


def processes_of_lab(lab_id: str) -> list[Process]:
    """Every process whose environment carries the lab's id, this one excepted."""
    marker = f"{LAB_VARIABLE}={lab_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        process = identify(int(entry.name))
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if marker in environment.split(b"\0") and process.is_alive:
            found.append(process)
    return found


def end_processes(processes: list[Process], patience_s: float = 5.0) -> list[Process]:
    """Ask processes to end, then make them; returns those that are still there.

    The signal goes through a pidfd taken before the start time is compared, so it cannot
    reach a process that got the pid in between.
    """
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
        alive = [process for process in processes if process.is_alive]
        for process in alive:
            _send(process, number)
        deadline = time.monotonic() + wait_s
        while any(process.is_alive for process in alive) and time.monotonic() < deadline:
            _reap(alive)
            time.sleep(0.01)
    return [process for process in processes if process.is_alive]


def _send(process: Process, number: signal.Signals) -> None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        if process.is_alive:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def _reap(processes: list[Process]) -> None:
    """Take the exit codes of those that are our children, or they stay as zombies."""
    for process in processes:
        try:
            os.waitpid(process.pid, os.WNOHANG)
        except OSError:
            continue
