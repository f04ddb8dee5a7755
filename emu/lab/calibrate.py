# SPDX-License-Identifier: Apache-2.0
"""What time dilation this machine needs: a fabric under full load, measured.

Two things must fit. A packet has to be through its switch within the pipeline latency, which
is ``pipeline * D`` of wall time: nine of ten have to, as for the others the fabric's clock
waits, which costs wall time and changes no result. And carrying all packets must leave the
machine time for everything else.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emu.fabric.build import build_fabric
from emu.lab.lab import Lab
from emu.lab.status import gateway_macs, watched
from emu.lab.traffic import TrafficOptions, ask, socket_path
from emu.sim.build import switch_profile
from emu.spec import ExperimentSpec, TopologySpec

CPU_SHARE_MAX = 0.60
"""Of the machine's cores, the lab's own work under full load."""
PROBE_DILATION = 10_000.0
"""Of the measurement. Slower, and polling would be most of the work."""
_MESSAGE_BYTES = 4_000_000
_MARGIN = 1.25
_STEPS = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Calibration:
    """What was measured, and what follows."""

    topology: str
    hosts: int
    cores: int
    pipeline_ps: int
    turnaround_p50_us: float
    turnaround_p90_us: float
    turnaround_p999_us: float
    cpu_us_per_packet: float
    """All processes of the lab, per packet that crossed a switch."""
    packets_per_fabric_us: float
    """Packets through switches under the load that was measured."""
    dilation_for_time: float
    dilation_for_cpu: float
    dilation: float
    """The larger of both, with a quarter to spare, rounded up."""

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def calibrate(topology: TopologySpec, tell: Callable[[str], None]) -> Calibration:
    """Measure this machine with the hosts of a topology all sending at line rate.

    Raises
    ------
    emu.errors.RunError
        When the lab cannot be built here.
    """
    fabric = build_fabric(topology)
    n = fabric.n_endpoints
    with tempfile.TemporaryDirectory(prefix="emu-") as folder:
        place = Path(folder)
        half = max(1, n // 2)
        rows = [f"0,{e},{(e + half) % n},{_MESSAGE_BYTES}" for e in range(n)]
        (place / "load.csv").write_text("start_us,src,dst,bytes\n" + "\n".join(rows) + "\n")
        spec = ExperimentSpec.model_validate(
            {
                "name": "calibrate",
                "topology": topology.model_dump(mode="json"),
                "workload": {"trace": {"file": str(place / "load.csv"), "format": "flows"}},
                "designs": ["l3"],
                "stop": {"drain": "20ms"},
            }
        )
        (variant,) = spec.variants()
        lab = Lab.up(
            topology, "l3", "static", wiring="tm",
            traffic=TrafficOptions(variant, PROBE_DILATION, hold_ms=200.0), tell=tell,
        )  # fmt: skip
        try:
            tell("every host sends at line rate")
            answer = ask(
                socket_path(lab),
                {
                    "do": "run", "seed": spec.seeds[0], "directory": str(place / "run"),
                    "command": "", "fingerprint": "", "control": "static",
                    "next_hop": gateway_macs(lab),
                    "watch": watched(lab),
                },
            )  # fmt: skip
        finally:
            lab.down()
    report = answer["report"]
    pipeline = min(
        switch_profile(spec, fabric.nodes[s].kind).pipeline_latency for s in fabric.switches
    )
    packets = int(report["packets"])
    return propose(
        topology=topology.name,
        hosts=len(fabric.hosts),
        cores=len(os.sched_getaffinity(0)),
        pipeline_ps=pipeline,
        turnaround_p50_us=report["turnaround"]["p50_ns"] / 1e3,
        turnaround_p90_us=report["turnaround"]["p90_ns"] / 1e3,
        turnaround_p999_us=report["turnaround"]["p999_ns"] / 1e3,
        cpu_us_per_packet=answer["cpu_s"] * 1e6 / packets,
        packets_per_fabric_us=packets / (answer["fabric_ps"] / 1e6),
    )


def propose(
    *, topology: str, hosts: int, cores: int, pipeline_ps: int, turnaround_p50_us: float,
    turnaround_p90_us: float, turnaround_p999_us: float, cpu_us_per_packet: float,
    packets_per_fabric_us: float,
) -> Calibration:  # fmt: skip
    """The dilation that measured figures ask for.

    One fabric microsecond takes D microseconds of wall time, in which
    ``packets_per_fabric_us * cpu_us_per_packet`` microseconds of work are done on ``cores``.
    """
    for_time = turnaround_p90_us * 1e6 / pipeline_ps
    for_cpu = packets_per_fabric_us * cpu_us_per_packet / (CPU_SHARE_MAX * cores)
    return Calibration(
        topology, hosts, cores, pipeline_ps, turnaround_p50_us, turnaround_p90_us,
        turnaround_p999_us,
        cpu_us_per_packet, packets_per_fabric_us, for_time, for_cpu,
        round_up(_MARGIN * max(for_time, for_cpu)),
    )  # fmt: skip


def round_up(value: float) -> float:
    """The next number that begins with 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6 or 8."""
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in _STEPS if step * scale >= value)
