# SPDX-License-Identifier: Apache-2.0
"""Paths for routing policy `pinned`: chosen once, with the bytes of all queue pairs in view.

What a scheduler does that knows the jobs: the largest queue pair first, each on the path whose
busiest link has the least to carry so far. Nothing is known of when the bytes are sent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emu.fabric.forwarding import LOCAL, TUNNEL_BIT, ForwardingPlan
from emu.fabric.graph import Fabric
from emu.sim.scenario import Scenario

HOPS_MAX = 8
"""No path of a Clos is longer."""


def pin_paths(scenario: Scenario) -> npt.NDArray[np.uint32]:
    """Number of the path of each queue pair, by QP id."""
    fabric, plan = scenario.fabric, scenario.plan
    qps = scenario.workload.qp_table
    wanted = np.zeros(len(qps), dtype=np.int64)
    for flows in scenario.workload.stream.blocks():
        np.add.at(wanted, flows["qp_id"], flows["payload_bytes"])
    src, dst = qps["src_endpoint"], qps["dst_endpoint"]
    paths = _Paths(fabric, plan)
    load = np.zeros(len(fabric.ports), dtype=np.int64)
    pins = np.zeros(len(qps), dtype=np.uint32)
    for qp in np.argsort(-wanted, kind="stable").tolist():
        choices = paths.between(int(src[qp]), int(dst[qp]))
        best = min(choices, key=lambda pin: _load_on(load, choices[pin], pin))
        pins[qp] = best
        load[list(choices[best])] += wanted[qp]
    return pins


def _load_on(load: npt.NDArray[np.int64], ports: tuple[int, ...], pin: int) -> tuple[int, int, int]:
    """What orders paths: the busiest link, then all of them, then the number."""
    own = load[list(ports)]
    return int(own.max(initial=0)), int(own.sum()), pin


class _Paths:
    """Ports between switches that a packet with a path's number leaves by, as far as they are
    known: where a switch has other ports than its uplinks to choose from, its hash decides."""

    def __init__(self, fabric: Fabric, plan: ForwardingPlan) -> None:
        self._fabric = fabric
        self._plan = plan
        self._known: dict[tuple[int, int], dict[int, tuple[int, ...]]] = {}
        count = 1
        for policy in plan.policies:
            ports = sum(name == "uplink" for name, _ in policy.params)
            count = max(count, dict(policy.params).get("digit", 1) * max(1, ports))
        self._count = count

    def between(self, src: int, dst: int) -> dict[int, tuple[int, ...]]:
        """Path number to egress ports; of numbers that mean the same path the lowest."""
        group = self._plan.groups[int(self._plan.endpoint_group[src])]
        first = self._fabric.peer_node(group[src % len(group)])
        if (first, dst) not in self._known:
            found: dict[tuple[int, ...], int] = {}
            for pin in range(self._count):
                found.setdefault(self._follow(first, dst, pin), pin)
            self._known[first, dst] = {pin: ports for ports, pin in found.items()}
        return self._known[first, dst]

    def _follow(self, node: int, dst: int, pin: int) -> tuple[int, ...]:
        fabric, plan = self._fabric, self._plan
        route = dst
        ports: list[int] = []
        for _ in range(HOPS_MAX):
            if node < fabric.n_endpoints:
                break
            row = node - fabric.n_endpoints
            value = int(plan.fib[row, route])
            if value == LOCAL:
                route = dst
                value = int(plan.fib[row, route])
            if value >= TUNNEL_BIT and value != LOCAL and (value & ~TUNNEL_BIT) < len(plan.tunnels):
                route = fabric.n_endpoints + plan.tunnels[value & ~TUNNEL_BIT][0]
                value = int(plan.fib[row, route])
            if value >= TUNNEL_BIT or not plan.groups[value]:
                break
            members = plan.groups[value]
            port = self._member(row, members, pin)
            node = fabric.peer_node(members[0] if port is None else port)
            if port is not None and node >= fabric.n_endpoints:  # the last link is on every path
                ports.append(port)
        return tuple(ports)

    def _member(self, row: int, members: tuple[int, ...], pin: int) -> int | None:
        if len(members) == 1:
            return members[0]
        params = self._plan.policies[row].params
        own = self._fabric.ports_of(self._fabric.n_endpoints + row)
        uplinks = [own[port] for name, port in params if name == "uplink"]
        if not uplinks:
            return None
        wanted = uplinks[pin // dict(params)["digit"] % len(uplinks)]
        return wanted if wanted in members else None
