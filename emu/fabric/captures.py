# SPDX-License-Identifier: Apache-2.0
"""Captures with the names of their ports and hosts resolved to ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec.capture import CaptureSpec
from emu.spec.hostset import match_names
from emu.spec.nearest import hint_for

PORTS_MAX = 256
"""Each captured port is an open file."""


@dataclass(frozen=True)
class PortCapture:
    """One port that is captured, and what of it."""

    port: int
    """Port id of the fabric."""
    endpoints: tuple[int, ...]
    """From or to one of these; empty = all."""
    spec: CaptureSpec


def resolve_captures(fabric: Fabric, captures: Sequence[CaptureSpec]) -> list[PortCapture]:
    """The ports of all captures, in the order given.

    Raises
    ------
    emu.errors.SpecError
        Naming every port and host that does not exist, ports captured twice, and too many.
    """
    wrong: list[Fault] = []
    found: dict[int, PortCapture] = {}
    for i, capture in enumerate(captures):
        field = f"record.captures.{i}"
        endpoints: set[int] = set()
        for j, pattern in enumerate(capture.hosts or ()):
            hit = _endpoints(fabric, pattern)
            if not hit:
                names = [*fabric.host_ids, *(fabric.nodes[e].name for e in fabric.endpoints)]
                message = f"there is no host or NIC {pattern!r} in this fabric"
                wrong.append(Fault(message, f"{field}.hosts.{j}", hint=hint_for(pattern, names)))
            endpoints.update(hit)
        for j, name in enumerate(capture.ports):
            ports = ports_named(fabric, name)
            if not ports:
                message = f"there is no port {name!r} in this fabric"
                hint = hint_for(name, _names_like(fabric, name))
                wrong.append(Fault(message, f"{field}.ports.{j}", hint=hint))
            for port in ports:
                if port in found:
                    message = f"{fabric.ports[port].name} is captured already: one file per port"
                    wrong.append(Fault(message, f"{field}.ports.{j}"))
                    break
                found[port] = PortCapture(port, tuple(sorted(endpoints)), capture)
    if len(found) > PORTS_MAX:
        message = f"{len(found)} ports: at most {PORTS_MAX} can be captured"
        wrong.append(Fault(message, "record.captures"))
    if wrong:
        raise SpecError(wrong)
    return list(found.values())


def ports_named(fabric: Fabric, name: str) -> list[int]:
    """Ports of that name: one, those of a node towards another, or all of a node; or none."""
    node, _, label = name.partition(":")
    owners = _nodes(fabric, node)
    ports = [p for owner in owners for p in fabric.ports_of(owner)]
    if not label:
        return ports
    exact = [p for p in ports if fabric.ports[p].name.partition(":")[2] == label]
    if exact:
        return exact
    match = re.fullmatch(r"(.+?)(?:\[(\d+)\])?", label)
    assert match is not None
    peers = _nodes(fabric, match[1])
    towards = [p for p in ports if fabric.peer_node(p) in peers]
    if match[2] is None:
        return towards
    index = int(match[2])
    return towards[index : index + 1]


def _nodes(fabric: Fabric, name: str) -> list[int]:
    """The node of that name, or the NICs of that host."""
    if name in fabric.host_ids:
        return list(fabric.hosts[fabric.host_ids[name]].nics)
    return [fabric.node_ids[name]] if name in fabric.node_ids else []


def _endpoints(fabric: Fabric, pattern: str) -> set[int]:
    hosts = match_names(pattern, fabric.host_ids)
    found = {nic for host in hosts for nic in fabric.hosts[fabric.host_ids[host]].nics}
    nics = {fabric.nodes[e].name: e for e in fabric.endpoints}
    return found | {nics[name] for name in match_names(pattern, nics)}


def _names_like(fabric: Fabric, name: str) -> list[str]:
    """Ports of the node if that much is right, else the nodes, ports and what they lead to."""
    node, _, label = name.partition(":")
    owners = _nodes(fabric, node)
    ports = [p for owner in owners for p in fabric.ports_of(owner)] or range(len(fabric.ports))
    names = [fabric.ports[p].name for p in ports]
    if owners and label and not label.startswith(("Ethernet", "p")):
        towards = (f"{node}:{fabric.nodes[fabric.peer_node(p)].name}" for p in ports)
        return list(dict.fromkeys(towards))
    return names if label else [*(n.name for n in fabric.nodes), *names]
