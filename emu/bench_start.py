# SPDX-License-Identifier: Apache-2.0
"""What the start of a run takes: CPU time of `emu run` until the engine gets its first packet.

A fresh process each time, as a user starts it, with Python's compiled files in place.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from emu.bench import BASE
from emu.errors import RunError

__all__ = ["CASE", "measure_start"]

CASE = "start"
RUNS = 5

_COMMAND = """
import os, resource, sys
from emu.core import _core

def first(*args, **more):
    used = resource.getrusage(resource.RUSAGE_SELF)
    os.write(1, str(used.ru_utime + used.ru_stime).encode())
    os._exit(0)

_core.Engine.run_until = first
sys.argv[0] = "emu"
from emu.cli import main
main()
"""
"""The command, which ends where the engine is told to run."""


def measure_start(runs: int = RUNS) -> dict[str, float]:
    """CPU seconds of `emu run benchmarks/kv-128.yaml`, 128 ports, until its first packet.

    Returns
    -------
    dict
        cpu_s (the least of all runs: what else the machine does only adds) and cpu_s_max.

    Raises
    ------
    RunError
        When the command does not come as far as its first packet.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        # The first one may have to compile.
        seconds = [_start(Path(folder) / str(run), environment) for run in range(runs + 1)][1:]
    return {"cpu_s": min(seconds), "cpu_s_max": max(seconds)}


def _start(out: Path, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", _COMMAND, "run", str(BASE), "--out", str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode != 0 or not done.stdout:
        raise RunError(f"the start of a run ended with exit code {done.returncode}")
    return float(done.stdout)
