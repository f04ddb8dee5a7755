# SPDX-License-Identifier: Apache-2.0
"""What threads inside one run bring: cases with one thread and with two, by the wall clock.

Only the engine's loop is timed. Both run several times in turn, each in a process of its own, and
the least counts: other work on the machine only ever adds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from emu.bench import CASES, UNTIL_PS, build_scenario, in_a_process
from emu.errors import RunError
from emu.sim.build import build_engine
from emu.sim.ports import map_ports

__all__ = ["CASE", "WORKLOADS", "measure_threads"]

CASE = "threads"
WORKLOADS = ("kv-128", "permutation-1024", "permutation-8192")
THREADS = (1, 2)
ROUNDS = 3


def measure_threads(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """One row per workload and number of threads.

    Returns
    -------
    list of dict
        workload, threads, packet_hops, wall_s and speedup over one thread.
    """
    rows = []
    for workload in WORKLOADS:
        best: dict[int, dict[str, Any]] = {}
        for _ in range(rounds):
            for threads in THREADS:
                found = in_a_process(
                    "emu.bench_threads", f"{workload}:{threads}", f"{workload} with {threads}"
                )
                if threads not in best or found["wall_s"] < best[threads]["wall_s"]:
                    best[threads] = found
        if len({json.dumps(found["totals"]) for found in best.values()}) != 1:
            raise RunError(f"{workload}: threads change what happens")
        for threads in THREADS:
            found = best[threads]
            rows.append(
                {
                    "workload": workload,
                    "threads": threads,
                    "packet_hops": found["totals"]["packet_hops"],
                    "wall_s": found["wall_s"],
                    "speedup": best[1]["wall_s"] / found["wall_s"],
                }
            )
    return rows


def _measure_here(workload: str, threads: int) -> dict[str, Any]:
    scenario = build_scenario(CASES[workload])
    engine = build_engine(scenario, map_ports(scenario.fabric), threads=threads)
    began_s = time.perf_counter()
    engine.run_until(UNTIL_PS, True)
    wall_s = time.perf_counter() - began_s
    totals = {k: v for k, v in engine.totals().items() if isinstance(v, int)}
    return {"wall_s": wall_s, "totals": totals}


if __name__ == "__main__":
    name, number = sys.argv[1].rsplit(":", 1)
    json.dump(_measure_here(name, int(number)), sys.stdout)
