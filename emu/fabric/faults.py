# SPDX-License-Identifier: Apache-2.0
"""Faults with the names of their targets resolved to ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emu.errors import Fault, SpecError
from emu.fabric.fec import CODES, codeword_loss
from emu.fabric.graph import Fabric
from emu.spec.fault import (
    BlackHole,
    BridgingLoop,
    EcnOff,
    FaultSpec,
    FaultWindow,
    LineCardDown,
    LinkDegraded,
    LinkDown,
    LinkFlap,
    MtuMismatch,
    NicStorm,
    PfcPriority,
    SameHashSeed,
    SilentHost,
    SlowLink,
    SlowReceiver,
    SwitchDown,
    WrongRoute,
    fault_windows,
)
from emu.spec.hostset import match_names
from emu.spec.nearest import hint_for

MAC_SETTLE_PS = 1_000_000_000
"""1 ms. The fault says that the host has been silent for the MAC age; what it sent just
before has to be out of the fabric, or it would be learned again at once."""


@dataclass(frozen=True)
class ResolvedFault:
    """One fault: what it hits, by id, and when."""

    name: str
    kind: str
    start_ps: int
    end_ps: int | None
    links: tuple[int, ...] = ()
    switch: int = -1
    """Node id."""
    endpoints: tuple[int, ...] = ()
    """Endpoints hit; of a black hole: those whose packets vanish (empty = all)."""
    ports: tuple[int, ...] = ()
    """Of a wrong route: the switch's ports that it leads out of; of a degraded link: those
    whose frames are lost."""
    share: float = 1.0
    """Of a slow link: of its rate."""
    loss: float = 0.0
    codeword_loss: float = 0.0
    """Of a degraded link: share of codewords that its FEC cannot repair, of codeword_bytes each."""
    codeword_bytes: int = 0
    mtu_bytes: int = 0
    """Of an MTU mismatch: the largest IP packet."""
    priorities: tuple[int, ...] = ()
    """Of wrong PFC classes: those that are lossless."""
    switches: tuple[int, ...] = ()
    """Of equal hash seeds: node ids."""
    rate_bps: int = 0
    priority: int = 0
    storm: NicStorm | None = None
    """What its frames are like."""
    period_ps: int = 0
    count: int = 0


def resolve_faults(fabric: Fabric, faults: Sequence[FaultSpec]) -> list[ResolvedFault]:
    """All faults, in the order given; SpecError naming every target that does not exist."""
    wrong: list[Fault] = []
    resolved = []
    for index, window in enumerate(fault_windows(faults)):
        try:
            resolved.append(_resolve(fabric, window))
        except UnknownNameError as unknown:
            field = f"faults.{index}.{unknown.field}"
            wrong.append(Fault(unknown.message, field, hint=unknown.hint))
    if wrong:
        raise SpecError(wrong)
    return resolved


class UnknownNameError(Exception):
    """A name that is not in the fabric; says which there are."""

    def __init__(self, field: str, what: str, name: str, known: Iterable[str]) -> None:
        self.field = field
        self.message = f"there is no {what} {name!r} in this fabric"
        self.hint = hint_for(name, known)


def _resolve(fabric: Fabric, window: FaultWindow) -> ResolvedFault:
    fault = window.fault
    common = (window.name, fault.kind, window.start_ps, window.end_ps)
    match fault:
        case LinkDown():
            return ResolvedFault(*common, links=link_targets(fabric, fault.link))
        case LinkFlap():
            links = link_targets(fabric, fault.link)
            return ResolvedFault(*common, links=links, period_ps=fault.period, count=fault.count)
        case LinkDegraded():
            links = link_targets(fabric, fault.link)
            ports = _senders(fabric, links, fault.sender)
            if fault.pre_fec_ber is None:
                return ResolvedFault(*common, links=links, ports=ports, loss=fault.loss or 0.0)
            code = CODES[fault.fec or "kp4"]
            lost = codeword_loss(fault.pre_fec_ber, code)
            return ResolvedFault(
                *common, links=links, ports=ports,
                codeword_loss=lost, codeword_bytes=code.data_bytes,
            )  # fmt: skip
        case MtuMismatch():
            links = link_targets(fabric, fault.link)
            # The port that sends knows nothing; the other end discards.
            at = _senders(fabric, links, fault.receiver, "receiver")
            ports = tuple(fabric.ports[port].peer for port in at)
            return ResolvedFault(*common, links=links, ports=ports, mtu_bytes=fault.mtu)
        case PfcPriority():
            switch = switch_target(fabric, fault.switch)
            return ResolvedFault(*common, switch=switch, priorities=fault.priorities)
        case SameHashSeed():
            return ResolvedFault(*common, switches=_switches_named(fabric, fault.switches))
        case BridgingLoop():
            return ResolvedFault(*common, links=link_targets(fabric, fault.link))
        case LineCardDown():
            switch = switch_target(fabric, fault.switch)
            own = fabric.ports_of(switch)
            size = -(-len(own) // fault.cards)
            card = own[fault.card * size : (fault.card + 1) * size]
            links = tuple(fabric.ports[p].link for p in card)
            return ResolvedFault(*common, links=links, switch=switch)
        case SlowLink():
            if fault.link is not None:
                links = link_targets(fabric, fault.link)
            else:
                switch = switch_target(fabric, fault.switch or "")
                links = tuple(fabric.ports[p].link for p in fabric.ports_of(switch))
            return ResolvedFault(*common, links=links, share=fault.share)
        case EcnOff():
            return ResolvedFault(*common, switch=switch_target(fabric, fault.switch))
        case SwitchDown():
            switch = switch_target(fabric, fault.switch)
            links = tuple(fabric.ports[p].link for p in fabric.ports_of(switch))
            return ResolvedFault(*common, links=links, switch=switch)
        case BlackHole():
            switch = switch_target(fabric, fault.switch)
            return ResolvedFault(*common, switch=switch, endpoints=_hosts_named(fabric, fault.to))
        case SlowReceiver():
            hit = endpoint_targets(fabric, fault.host)
            return ResolvedFault(*common, endpoints=hit, rate_bps=fault.rate)
        case NicStorm():
            hit = endpoint_targets(fabric, fault.host)
            return ResolvedFault(*common, endpoints=hit, priority=fault.priority, storm=fault)
        case SilentHost():
            return ResolvedFault(*common, endpoints=endpoint_targets(fabric, fault.host))
        case WrongRoute():
            switch = switch_target(fabric, fault.switch)
            hit = _hosts_named(fabric, fault.to)
            ports = _ports_to(fabric, switch, fault.via)
            return ResolvedFault(*common, switch=switch, endpoints=hit, ports=ports)


def link_targets(fabric: Fabric, name: str) -> tuple[int, ...]:
    """Links of that name, in either order of its ends; without a number all parallel ones."""
    wanted = {name, _turned(name)}
    found = [i for text, i in fabric.link_ids.items() if text in wanted]
    if not found:
        found = [i for text, i in fabric.link_ids.items() if text.rpartition("[")[0] in wanted]
    if not found:
        raise UnknownNameError("link", "link", name, fabric.link_ids)
    return tuple(sorted(found))


def _turned(name: str) -> str:
    """leaf1-spine2[0] as spine2-leaf1[0].

    >>> _turned("spine2-leaf1[0]")
    'leaf1-spine2[0]'
    """
    ends = re.fullmatch(r"(.+?)-(.+?)(\[\d+\])?", name)
    return f"{ends[2]}-{ends[1]}{ends[3] or ''}" if ends else name


def switch_target(fabric: Fabric, name: str) -> int:
    """Node id of a switch."""
    names = {fabric.nodes[s].name: s for s in fabric.switches}
    if name not in names:
        raise UnknownNameError("switch", "switch", name, names)
    return names[name]


def endpoint_targets(fabric: Fabric, name: str) -> tuple[int, ...]:
    """All NICs of a host, or one (h3.0)."""
    if name in fabric.host_ids:
        return tuple(fabric.hosts[fabric.host_ids[name]].nics)
    node = fabric.node_ids.get(name, len(fabric.nodes))
    if node >= fabric.n_endpoints:
        raise UnknownNameError("host", "host", name, fabric.host_ids)
    return (node,)


def _senders(
    fabric: Fabric, links: Sequence[int], sender: str | None, field: str = "sender"
) -> tuple[int, ...]:
    """Ports at both ends of links, or at the end of that name."""
    ends = [port for i in links for port in (fabric.links[i].a, fabric.links[i].b)]
    if sender is None:
        return tuple(ends)
    names = {port: fabric.nodes[fabric.ports[port].node].name for port in ends}
    if sender not in names.values():
        raise UnknownNameError(field, "end of the link", sender, names.values())
    return tuple(port for port in ends if names[port] == sender)


def _ports_to(fabric: Fabric, switch: int, name: str) -> tuple[int, ...]:
    """Ports of a switch that lead to the switch of that name."""
    by_neighbour: dict[str, list[int]] = {}
    for port in fabric.ports_of(switch):
        peer = fabric.peer_node(port)
        if peer >= fabric.n_endpoints:
            by_neighbour.setdefault(fabric.nodes[peer].name, []).append(port)
    if name not in by_neighbour:
        what = f"link from {fabric.nodes[switch].name} to a switch"
        raise UnknownNameError("via", what, name, by_neighbour)
    return tuple(by_neighbour[name])


def _switches_named(fabric: Fabric, patterns: Sequence[str]) -> tuple[int, ...]:
    """Node ids of the switches, ascending; two at least."""
    names = {fabric.nodes[s].name: s for s in fabric.switches}
    hit: set[int] = set()
    for pattern in patterns:
        found = match_names(pattern, names)
        if not found:
            raise UnknownNameError("switches", "switch that matches", pattern, names)
        hit.update(names[name] for name in found)
    return tuple(sorted(hit))


def _hosts_named(fabric: Fabric, patterns: Sequence[str]) -> tuple[int, ...]:
    """NICs of the hosts; of all hosts: none, which means all."""
    if "*" in patterns:
        return ()
    hit: set[int] = set()
    for pattern in patterns:
        hosts = match_names(pattern, fabric.host_ids)
        if not hosts:
            raise UnknownNameError("to", "host that matches", pattern, fabric.host_ids)
        for host in hosts:
            hit.update(fabric.hosts[fabric.host_ids[host]].nics)
    return tuple(sorted(hit))
