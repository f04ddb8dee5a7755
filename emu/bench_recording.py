# SPDX-License-Identifier: Apache-2.0
"""What recording costs: one workload, run at every level of `record.level`.

Timed is all that a run does after its fabric is built: the engine's loop with its samples, and the
tables. Each level runs in a process of its own, several times in turn, and the least counts: other
work on the machine only ever adds.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

from emu.bench import CASES, build_scenario, in_a_process
from emu.errors import RunError
from emu.sim.build import build_engine
from emu.sim.ports import map_ports
from emu.sim.recording import Recording
from emu.sim.run import drive
from emu.sim.timeline import Timeline

__all__ = ["CASE", "LEVELS", "measure_recording"]

CASE = "recording"
WORKLOAD = "incast-64"
"""Queues, marks and pauses all the way: where there is most to record."""
LEVELS = ("off", "counters", "series", "everything")
ROUNDS = 3


def measure_recording(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Cost of every level.

    Returns
    -------
    list of dict
        level, packet_hops, cpu_s, ns_per_packet_hop, over_off (share of what `off` takes; 0 is
        none) and rows recorded.
    """
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for level in LEVELS:
            found = in_a_process("emu.bench_recording", level, f"recording at level {level}")
            if level not in best or found["cpu_s"] < best[level]["cpu_s"]:
                best[level] = found
    off = best["off"]["cpu_s"]
    hops = {found["packet_hops"] for found in best.values()}
    if len(hops) != 1:
        raise RunError(f"recording changes what happens: {sorted(hops)} packet-hops")
    return [{**best[level], "over_off": best[level]["cpu_s"] / off - 1} for level in LEVELS]


def _measure_here(level: str) -> dict[str, Any]:
    scenario = build_scenario(CASES[WORKLOAD])
    record = scenario.spec.record.model_copy(update={"level": level})
    scenario = replace(scenario, spec=scenario.spec.model_copy(update={"record": record}))
    ports = map_ports(scenario.fabric)
    engine = build_engine(scenario, ports)
    timeline = Timeline(engine, scenario.fabric, ports)
    recording = Recording(engine, scenario, ports)
    began_s = time.process_time()
    drive(engine, scenario, timeline, recording=recording)
    tables = recording.tables()
    cpu_s = time.process_time() - began_s
    return {
        "level": level,
        "packet_hops": engine.packet_hops,
        "cpu_s": cpu_s,
        "ns_per_packet_hop": cpu_s / engine.packet_hops * 1e9,
        "rows": sum(len(frame) for frame in tables.values()),
    }


if __name__ == "__main__":
    json.dump(_measure_here(sys.argv[1]), sys.stdout)
