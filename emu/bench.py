# SPDX-License-Identifier: Apache-2.0
"""How fast the engine is: fixed cases, each measured in a process of its own.

A case is a fabric and a workload without randomness from outside; only the engine's loop is timed,
not the building of the fabric. A packet-hop is any packet, data or control, crossing one link.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emu.errors import InputError, RunError
from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.fabric.graph import Fabric
from emu.sim.build import build_engine
from emu.sim.journal import recording_engine
from emu.sim.ports import map_ports
from emu.sim.scenario import Scenario
from emu.spec import CaseSpec, load_experiment, load_topology
from emu.spec.nearest import hint_for
from emu.workload import ListedFlows, Workload, build_workload
from emu.workload.table import Table

__all__ = [
    "CASES",
    "POLICY_CASES",
    "Case",
    "build_scenario",
    "measure",
    "select",
    "write_journal",
]

BASE = Path(__file__).resolve().parent.parent / "benchmarks" / "kv-128.yaml"
SEED = 1
PRIORITY = 3
UDP_SPORT_MIN = 0xC000
INCAST_SENDERS = 64
UNTIL_PS = 10 * 10**12
"""Fabric time by which every case has ended, or is reported as stuck."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """One measurement: which fabric, which traffic."""

    description: str
    topology: str
    traffic: Literal["permutation", "incast", "kv"]
    message_bytes: int
    changes: tuple[tuple[str, Any], ...] = ()
    """Dotted path in the experiment to value."""
    default: bool = True
    """Whether it is measured when no case is named."""


CASES: dict[str, Case] = {
    "permutation-128": Case(
        "every NIC port sends 64 MB to another leaf, 128 × 400G",
        "leaf-spine-128x400G",
        "permutation",
        64_000_000,
    ),
    "incast-64": Case(
        "64 NIC ports send 64 MB each to one, 128 × 400G",
        "leaf-spine-128x400G",
        "incast",
        64_000_000,
    ),
    "kv-128": Case(
        "KV transfers of a real trace at load 0.6, 128 × 400G", "leaf-spine-128x400G", "kv", 0
    ),
    "permutation-1024": Case(
        "every NIC port sends 16 MB to another leaf, 1024 × 400G",
        "leaf-spine-1024x400G",
        "permutation",
        16_000_000,
    ),
    "permutation-8192": Case(
        "every NIC port sends 4 MB to another leaf, 8192 × 400G",
        "clos3-8192x400G",
        "permutation",
        4_000_000,
    ),
}


_POLICIES: dict[str, tuple[str, tuple[tuple[str, Any], ...]]] = {
    "flowlet": ("flowlets at the leaf", (("policy", "flowlet"),)),
    "adaptive": ("adaptive per packet", (("policy", "adaptive"),)),
    "adaptive-remote": (
        "adaptive per packet with remote state",
        (("policy", "adaptive"), ("adaptive", {"remote": {}})),
    ),
    "spray": ("oblivious spraying", (("policy", "spray"),)),
    "spray-feedback": (
        "spraying with feedback",
        (("policy", "spray"), ("spray", {"entropy": "feedback"})),
    ),
    "pinned": ("pinned paths", (("policy", "pinned"),)),
    "selective": ("ECMP", ()),
}
CASES.update(
    {
        f"permutation-128-{name}": replace(
            CASES["permutation-128"],
            description=f"the same with {words}, receivers with selective repeat",
            changes=(
                *((f"routing.{key}", value) for key, value in routing),
                ("transport.receiver", "selective-repeat"),
            ),
            default=False,
        )
        for name, (words, routing) in _POLICIES.items()
    }
)


POLICY_CASES = {
    "ecmp": "permutation-128-selective",
    **{name: f"permutation-128-{name}" for name in _POLICIES if name != "selective"},
}
"""Routing policy to the case that measures it."""


def select(names: Sequence[str]) -> list[str]:
    """The cases of these names; an unknown one is an InputError."""
    for name in names:
        if name not in CASES:
            raise InputError(f"unknown case {name!r}", hint=hint_for(name, list(CASES)))
    return list(names)


def measure(name: str) -> dict[str, Any]:
    """Run one case in a fresh process and return its figures.

    Returns
    -------
    dict
        case, ports, packets, packet_hops, cpu_s, packet_hops_per_s, ns_per_packet_hop and
        rss_bytes (peak of the whole process, Python and tables included).
    """
    return in_a_process("emu.bench", name, f"case {name}")


def in_a_process(module: str, argument: str, what: str) -> dict[str, Any]:
    """What a module prints as JSON when it is run with one argument; RunError naming ``what``."""
    command = [sys.executable, "-m", module, argument]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"{what} ended with exit code {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def write_journal(name: str, share: float, path: Path) -> None:
    """Write the engine calls of a case, for ``benchmarks/replay.cc``.

    Parameters
    ----------
    name : str
        Of a case whose messages have a size.
    share : float
        Part of that size, in (0, 1].
    path : Path
        File to write.
    """
    case = CASES[name]
    scenario = build_scenario(replace(case, message_bytes=int(case.message_bytes * share)))
    with path.open("w", encoding="ascii") as out:
        build_engine(scenario, map_ports(scenario.fabric), lambda seed: recording_engine(seed, out))
        out.write(f"run_until {UNTIL_PS} 1\n")


def build_scenario(case: Case) -> Scenario:
    """The case's fabric, plan and traffic."""
    base = load_experiment(BASE)
    if case.changes:
        base = base.model_copy(
            update={"cases": (CaseSpec(name="case", set=dict(case.changes)),), "base": False}
        )
    found = base.variants()[0].spec
    spec = found.model_copy(update={"topology": load_topology(case.topology)})
    fabric = build_fabric(spec.topology)
    if case.traffic == "kv":
        workload = build_workload(spec, fabric, SEED)
    else:
        src, dst = _pairs(case, fabric)
        workload = _messages(src, dst, case.message_bytes)
    return Scenario(spec, SEED, fabric, plan_design(fabric, spec, SEED), workload)


def _pairs(case: Case, fabric: Fabric) -> tuple[IntArray, IntArray]:
    """Sender and receiver of each message; the receiver is never on the sender's leaf."""
    n = fabric.n_endpoints
    if case.traffic == "incast":
        src = np.arange(n // 2, n // 2 + INCAST_SENDERS)
        return src, np.zeros_like(src)
    src = np.arange(n)
    return src, (src + n // 2) % n


def _messages(src: IntArray, dst: IntArray, payload_bytes: int) -> Workload:
    """One queue pair and one message per pair, all posted at time 0."""
    ids = np.arange(len(src))
    ends: dict[str, npt.ArrayLike] = {
        "qp_id": ids,
        "src_endpoint": src,
        "dst_endpoint": dst,
        "priority": PRIORITY,
    }
    # Steps of a prime spread the source ports over the range that RoCEv2 uses.
    udp_sport = UDP_SPORT_MIN + ids * 7919 % (1 << 14)
    flows: dict[str, npt.ArrayLike] = {
        "flow_id": ids,
        "transfer_id": ids,
        "payload_bytes": payload_bytes,
        "post_ps": 0,
    }
    return Workload(
        request_table=Table({}),
        transfer_table=Table({}),
        stream=ListedFlows(Table({**flows, **ends, "verb": "write"}), len(ids)),
        qp_table=Table({**ends, "udp_sport": udp_sport}),
        offered_load=1.0,
        span_ps=0,
        stats={},
        model=None,
    )


def _measure_here(name: str) -> dict[str, Any]:
    scenario = build_scenario(CASES[name])
    engine = build_engine(scenario, map_ports(scenario.fabric))
    started_s = time.process_time()
    engine.run_until(UNTIL_PS, True)
    cpu_s = time.process_time() - started_s
    totals = engine.totals()
    if engine.unfinished:
        raise RunError(f"case {name}: {engine.unfinished} messages did not end")
    hops = int(totals["packet_hops"])
    return {
        "case": name,
        "ports": scenario.fabric.n_endpoints,
        "packets": int(totals["injected_packets"]),
        "packet_hops": hops,
        "cpu_s": cpu_s,
        "packet_hops_per_s": hops / cpu_s,
        "ns_per_packet_hop": cpu_s / hops * 1e9,
        # Linux counts in KiB.
        "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    json.dump(_measure_here(sys.argv[1]), sys.stdout)
