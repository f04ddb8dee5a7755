# SPDX-License-Identifier: Apache-2.0
"""Walks one packet through a plan, without time, queues or losses by congestion.

For tests of designs and for looking at them; the engine does the same at speed. The
choice among group members is the engine's hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from emu.fabric.forwarding import (
    DROP,
    FLOOD,
    INGRESS_TUNNEL,
    LOCAL,
    PORT_BLOCKED,
    TUNNEL_BIT,
    FlushMacs,
    ForwardingPlan,
    LinkState,
    SetEndpointGroup,
    SetFib,
    SetFlood,
    SetFloodTunnels,
    SetGroup,
    SetPortGroup,
    SetTunnel,
    Update,
)
from emu.fabric.graph import Fabric

HOPS_MAX = 32
COPIES_MAX = 100_000
_MASK = (1 << 64) - 1
_NIC_SEED = 0x40571
_TUNNEL_SEED = 0x7E9


def mix64(x: int) -> int:
    """SplitMix64, the engine's mixing function."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def pick(entropy: int, seed: int, count: int) -> int:
    """Member of a group of ``count`` for a packet, as the engine picks it."""
    return ((mix64(seed ^ entropy) >> 32) * count) >> 32


class State:
    """A plan's tables as they stand after some of its updates."""

    def __init__(self, fabric: Fabric, plan: ForwardingPlan) -> None:
        self.fabric = fabric
        self.plan = plan
        self.groups = list(plan.groups)
        self.tunnels = list(plan.tunnels)
        self.fib = plan.fib.copy()
        self.port_group = plan.port_group.copy()
        self.endpoint_group = plan.endpoint_group.copy()
        self.flood = {row: dict(table) for row, table in plan.flood.items()}
        self.flood_tunnels = dict(plan.flood_tunnels)
        self.dead_links: set[int] = set()

    def apply(self, updates: Iterable[Update]) -> State:
        """Takes the updates in; those that are not about forwarding change nothing here."""
        for update in updates:
            self._apply(update)
        return self

    def _apply(self, update: Update) -> None:
        match update:
            case SetGroup():
                self.groups[update.group] = update.ports
            case SetFib():
                self.fib[update.switch, list(update.routes)] = update.value
            case SetTunnel():
                self.tunnels[update.tunnel] = update.vteps
            case SetPortGroup():
                self.port_group[update.port] = update.group
            case SetFlood():
                self.flood.setdefault(update.switch, {})[update.ingress] = update.groups
            case SetFloodTunnels():
                self.flood_tunnels[update.switch] = update.vteps
            case FlushMacs():
                own = self.fib[update.switch, : self.fabric.n_endpoints]
                own[np.isin(own, update.groups)] = FLOOD
            case SetEndpointGroup():
                self.endpoint_group[update.endpoint] = update.group
            case LinkState():
                if update.up:
                    self.dead_links.discard(update.link)
                else:
                    self.dead_links.add(update.link)

    def until(self, at_ps: int) -> State:
        """All of the plan's updates up to and including a moment."""
        return self.apply(u for u in self.plan.timeline if u.at_ps <= at_ps)


class _Packet(NamedTuple):
    in_port: int
    vtep: int
    """VTEP it is tunnelled to, -1 = not encapsulated."""
    entropy: int
    flooded: bool
    path: tuple[int, ...]


@dataclass
class Walk:
    """What became of one packet."""

    delivered: list[tuple[int, ...]] = field(default_factory=list)
    """Egress ports of each copy that reached its destination, from the sender's on."""
    lost: dict[str, int] = field(default_factory=dict)
    """Copies by the reason that ended them."""
    copies: int = 1
    """All that were made: more than one only where something flooded."""

    @property
    def path(self) -> tuple[int, ...] | None:
        """Egress ports of the only copy that arrived, None when it did not."""
        return self.delivered[0] if self.delivered else None

    def lose(self, reason: str) -> None:
        """Counts one copy."""
        self.lost[reason] = self.lost.get(reason, 0) + 1


def walk(state: State, src: int, dst: int, entropy: int) -> Walk:
    """Sends one packet from an endpoint to another and follows all copies."""
    result = Walk()
    todo: list[_Packet] = []
    group = state.groups[state.endpoint_group[src]]
    if group:
        port = group[pick(entropy, _NIC_SEED, len(group))]
        _send(state, result, todo, _Packet(port, -1, entropy, False, ()), port)
    else:
        result.lose("no_route")
    while todo:
        packet = todo.pop()
        node = state.fabric.ports[packet.in_port].node
        if node < state.fabric.n_endpoints:
            if node == dst:
                result.delivered.append(packet.path)
            else:
                result.lose("not_mine")
        elif len(packet.path) > HOPS_MAX:
            result.lose("hop_limit")
        elif state.port_group[packet.in_port] == PORT_BLOCKED:
            result.lose("stp_blocked")
        else:
            _switch(state, result, todo, packet, node - state.fabric.n_endpoints, dst, entropy)
    return result


def _send(state: State, result: Walk, todo: list[_Packet], packet: _Packet, port: int) -> None:
    out = state.fabric.ports[port]
    if out.link in state.dead_links:
        result.lose("link_down")
    else:
        todo.append(packet._replace(in_port=out.peer, path=(*packet.path, port)))


def _switch(
    state: State, result: Walk, todo: list[_Packet], packet: _Packet, row: int, dst: int, inner: int
) -> None:
    n = state.fabric.n_endpoints
    key = int(state.port_group[packet.in_port])
    if packet.vtep >= 0 and state.fib[row, n + packet.vtep] == LOCAL:
        key = INGRESS_TUNNEL
        packet = packet._replace(vtep=-1, entropy=inner)
        if packet.flooded:
            _flood(state, result, todo, packet._replace(flooded=False), row, key)
            return
    value = int(state.fib[row, dst if packet.vtep < 0 else n + packet.vtep])
    if value == FLOOD:
        _flood(state, result, todo, packet, row, key)
        return
    if state.plan.bridged[row] and value == key:
        # A bridge never sends a frame back to where it came from (IEEE 802.1D).
        result.lose("same_port")
        return
    if value not in (DROP, LOCAL) and value & TUNNEL_BIT:
        vteps = state.tunnels[value & ~TUNNEL_BIT]
        if not vteps:
            result.lose("no_route")
            return
        seed = int(state.plan.hash_seed[row]) ^ _TUNNEL_SEED
        packet = _encapsulated(state, packet, row, vteps[pick(packet.entropy, seed, len(vteps))])
        value = int(state.fib[row, n + packet.vtep])
    if value >= TUNNEL_BIT or not state.groups[value]:
        result.lose("no_route")
        return
    _send(state, result, todo, packet, _member(state, row, value, packet.entropy))


def _member(state: State, row: int, group: int, entropy: int) -> int:
    ports = state.groups[group]
    return ports[pick(entropy, int(state.plan.hash_seed[row]), len(ports))]


def _encapsulated(state: State, packet: _Packet, row: int, vtep: int) -> _Packet:
    source = int(state.plan.vtep_of_switch[row])
    port = mix64(packet.entropy) & 0x3FFF
    entropy = mix64((source << 48) | (vtep << 32) | port) & 0xFFFFFFFF
    return packet._replace(vtep=vtep, entropy=entropy)


def _flood(
    state: State, result: Walk, todo: list[_Packet], packet: _Packet, row: int, key: int
) -> None:
    before = len(todo)
    for group in state.flood.get(row, {}).get(key, ()):
        if state.groups[group]:
            _send(state, result, todo, packet, _member(state, row, group, packet.entropy))
    if key != INGRESS_TUNNEL:
        for vtep in state.flood_tunnels.get(row, ()):
            copy = _encapsulated(state, packet._replace(flooded=True), row, vtep)
            value = int(state.fib[row, state.fabric.n_endpoints + vtep])
            if value < TUNNEL_BIT and state.groups[value]:
                _send(state, result, todo, copy, _member(state, row, value, copy.entropy))
    made = len(todo) - before
    if made == 0:
        result.lose("nowhere_to_flood")
    result.copies += max(0, made - 1)
    assert result.copies < COPIES_MAX, f"a flood does not end: {state.plan.design}"
