# SPDX-License-Identifier: Apache-2.0
"""Which egress queue can wait for which: a static check for PFC deadlocks.

A packet that waits in a switch for one egress queue holds buffer of the port it came in
by, and so, once that is paused, the egress queue at the other end of the link: the second
depends on the first. Without a circle of such dependencies no deadlock can form (Dally
and Seitz, IEEE Transactions on Computers C-36, 1987; for PFC: Hu et al., HotNets 2016).
Paths that go up and then down have none; one that turns up again can close a circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np

from emu.fabric.forwarding import (
    DROP,
    FLOOD,
    INGRESS_TUNNEL,
    LOCAL,
    PORT_BLOCKED,
    TUNNEL_BIT,
    ForwardingPlan,
    Update,
)
from emu.fabric.graph import Fabric
from emu.fabric.walk import State

Graph = dict[int, set[int]]
"""Egress port to those that it depends on."""


@dataclass(frozen=True)
class Circle:
    """Egress ports that depend on each other, each on the next and the last on the first."""

    at_ps: int
    """Since when the forwarding state allows it."""
    ports: tuple[int, ...]

    def words(self, fabric: Fabric) -> str:
        """leaf0:Ethernet4 > spine1:Ethernet0 > leaf0:Ethernet4."""
        names = [fabric.ports[port].name for port in self.ports]
        return " > ".join([*names, names[0]])


def deadlock_circles(fabric: Fabric, plan: ForwardingPlan) -> list[Circle]:
    """The circles of a plan: at most one for each moment at which its tables change.

    A circle that stands over several moments is listed once. Lossless flooding counts:
    a bridge may flood any destination.
    """
    state = State(fabric, plan)
    found: dict[frozenset[int], Circle] = {}
    by_time: dict[int, list[Update]] = {0: []}
    for update in plan.timeline:
        by_time.setdefault(update.at_ps, []).append(update)
    for at_ps, updates in by_time.items():
        ports = _circle(dependencies(state.apply(updates)))
        if ports:
            found.setdefault(frozenset(ports), Circle(at_ps, ports))
    return list(found.values())


def _circle(graph: Graph) -> tuple[int, ...]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Told from what is waited for to what waits; its first is its last.
        ports: list[int] = error.args[1][:0:-1]
        first = ports.index(min(ports))
        return tuple(ports[first:] + ports[:first])
    return ()


def dependencies(state: State) -> Graph:
    """Egress port to the egress ports that packets take next, over all destinations.

    Ports towards endpoints are left out: nothing depends on what follows them.
    """
    graph: Graph = defaultdict(set)
    for column in _columns(state):
        _follow(state, column, graph)
    _follow_floods(state, graph)
    return graph


def _columns(state: State) -> Iterable[int]:
    """One route of each kind: destinations that every switch treats alike count once."""
    fabric = state.fabric
    last = [
        bool(ports) and all(fabric.peer_node(p) < fabric.n_endpoints for p in ports)
        for ports in state.groups
    ]
    values = state.fib.astype(np.int64)
    lookup = np.arange(0x10000)
    lookup[np.flatnonzero(last)] = DROP
    _, firsts = np.unique(lookup[values], axis=1, return_index=True)
    return sorted(int(column) for column in firsts)


def _next_ports(state: State, row: int, column: int) -> Iterator[int]:
    value = int(state.fib[row, column])
    if value in (DROP, FLOOD, LOCAL):
        return
    if value & TUNNEL_BIT:
        for vtep in state.tunnels[value & ~TUNNEL_BIT]:
            yield from _next_ports(state, row, state.fabric.n_endpoints + vtep)
        return
    yield from state.groups[value]


def _usable(state: State, port: int) -> bool:
    """Does the port lead to a switch that takes what comes?"""
    out = state.fabric.ports[port]
    return (
        state.fabric.peer_node(port) >= state.fabric.n_endpoints
        and out.link not in state.dead_links
        and int(state.port_group[out.peer]) != PORT_BLOCKED
    )


def _follow(state: State, column: int, graph: Graph) -> None:
    """Edges of one destination, over the switches at which its packets can be."""
    fabric = state.fabric
    first = fabric.n_endpoints
    entered = {
        fabric.peer_node(port) - first
        for endpoint in fabric.endpoints
        for port in fabric.ports_of(endpoint)
    }
    todo, seen = sorted(entered), set(entered)
    before: dict[int, set[int]] = defaultdict(set)
    while todo:
        row = todo.pop()
        for port in _next_ports(state, row, column):
            if not _usable(state, port):
                continue
            there = fabric.peer_node(port) - first
            before[there].add(port)
            if there not in seen:
                seen.add(there)
                todo.append(there)
    for row, ports in before.items():
        after = [port for port in _next_ports(state, row, column) if _usable(state, port)]
        value = int(state.fib[row, column])
        for port in sorted(ports):
            key = int(state.port_group[fabric.ports[port].peer])
            if state.plan.bridged[row] and value == key:
                continue  # a bridge never sends a frame back to where it came from
            graph[port].update(after)


def _follow_floods(state: State, graph: Graph) -> None:
    """Edges of what bridges flood, whatever it is."""
    fabric = state.fabric
    for row, table in state.flood.items():
        for own in fabric.ports_of(fabric.n_endpoints + row):
            before = fabric.ports[own].peer
            key = int(state.port_group[own])
            if key == PORT_BLOCKED or fabric.ports[before].node < fabric.n_endpoints:
                continue
            for ingress in (key, INGRESS_TUNNEL):
                for group in table.get(ingress, ()):
                    for port in state.groups[group]:
                        if _usable(state, port) and _usable(state, before):
                            graph[before].add(port)
