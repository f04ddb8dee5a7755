# SPDX-License-Identifier: Apache-2.0
"""``flow.txt``: the number of flows, then one flow a line.

``src dst priority_group dst_port size_bytes start_s``. Only so many flows are read as the
first line says. The k-th flow of a pair has the source port 10000 + k.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from emu.errors import InputError
from emu.interop.hpcc.topology import Topology
from emu.interop.words import words_of

FLOWS_MAX = 5_000_000
FIRST_PORT = 10_000
ORIGIN_PS = 2 * 10**12
"""Flows start at 2 s by convention; that is the time 0 of an imported experiment."""


@dataclass(frozen=True)
class Flow:
    """One line of the file; ``start_ps`` counts from 2 s."""

    src: int
    dst: int
    priority: int
    sport: int
    dport: int
    size_bytes: int
    start_ps: int


def read_flows(path: Path, topology: Topology) -> list[Flow]:
    """The flows in the order of the file.

    Raises
    ------
    InputError
        For damaged lines, unknown hosts, flows before 2 s or out of order.
    """
    lines = words_of(path)
    if not lines:
        raise InputError("is empty", file=str(path), hint="the first line is the number of flows")
    count = lines[0][0].integer("the number of flows", 1, FLOWS_MAX)
    if len(lines) - 1 < count:
        raise lines[0][0].fault(f"{count} flows are announced and {len(lines) - 1} are there")
    ports: Counter[tuple[int, int]] = Counter()
    flows: list[Flow] = []
    last = len(topology.kinds) - 1
    for line in lines[1 : count + 1]:
        if len(line) != 6:
            raise line[0].fault(
                f"a flow has 6 fields, and here are {len(line)}",
                "src dst priority_group dst_port size_bytes start_s",
            )
        src, dst = (word.integer("a host", 0, last) for word in line[:2])
        for word, node in zip(line, (src, dst), strict=False):
            if topology.kinds[node] != "host":
                raise word.fault(f"node {node} is a switch: flows are between hosts")
        if src == dst:
            raise line[1].fault(f"source and destination are both {src}")
        start = line[5].decimal("the start") * 10**12 - ORIGIN_PS
        if start < 0 or start > Decimal(10) ** 18:
            raise line[5].fault(
                f"the start is {line[5].text} s", "flows start at 2.0 s or later by convention"
            )
        if flows and start < flows[-1].start_ps:
            raise line[5].fault("the flow starts before the one above: sort them by start")
        flows.append(
            Flow(
                src,
                dst,
                line[2].integer("the priority group", 1, 7),
                FIRST_PORT + ports[src, dst],
                line[3].integer("the destination port", 0, 65535),
                line[4].integer("the size", 1, 2**40),
                int(start),
            )
        )
        ports[src, dst] += 1
    return flows
