# SPDX-License-Identifier: Apache-2.0
"""Builds a fabric from a list of nodes and links."""

from __future__ import annotations

from itertools import combinations

from emu.errors import Fault, SpecError
from emu.fabric.cabling import Cabling, roles_of
from emu.fabric.graph import Fabric, Host, NodeKind
from emu.spec.topology import TopologySpec

FAULTS_SHOWN = 10
_KINDS = {
    "leaf": NodeKind.LEAF,
    "spine": NodeKind.SPINE,
    "super-spine": NodeKind.SUPER_SPINE,
}


def build_explicit(spec: TopologySpec) -> Fabric:
    """The fabric of ``spec.explicit``.

    Switches keep the order of the file within their tier; ports are numbered in the
    order in which the links are given.
    """
    explicit = spec.explicit
    assert explicit is not None
    cabling = Cabling(spec)
    roles = roles_of(spec)
    ids: dict[str, int] = {}
    hosts: list[Host] = []
    for node in explicit.nodes:
        if node.kind != "host":
            continue
        nics = []
        for nic in range(node.nics):
            name = f"{node.name}.{nic}"
            ids[name] = cabling.node(name, NodeKind.ENDPOINT, len(hosts), node.pod, nic)
            nics.append(ids[name])
        hosts.append(Host(len(hosts), node.name, roles.get(node.name, ""), nics))
    for kind in ("leaf", "spine", "super-spine"):
        for node in explicit.nodes:
            if node.kind == kind:
                ids[node.name] = cabling.node(node.name, _KINDS[kind], pod=node.pod)
    for link in explicit.links:
        for _ in range(link.count):
            cabling.cable(ids[link.a], ids[link.b], link.rate, link.cable, link.delay)
    fabric = cabling.fabric(hosts)
    _check_up_down(fabric)
    return fabric


def _check_up_down(fabric: Fabric) -> None:
    """SpecError unless any two leaves have a switch above them in common.

    Paths climb and descend; links between switches of one tier are peer links, which
    carry traffic only where two switches act as one.
    """
    up: dict[int, set[int]] = {switch: set() for switch in fabric.switches}
    for link in fabric.links:
        if link.kind == "fabric":
            up[fabric.ports[link.a].node].add(fabric.ports[link.b].node)
    above: dict[int, set[int]] = {}
    for switch in reversed(fabric.switches):
        above[switch] = {switch}.union(*(above[higher] for higher in up[switch]))
    leaves = sorted({fabric.peer_node(p) for e in fabric.endpoints for p in fabric.ports_of(e)})
    # Leaves under the same switches are alike: two of each kind stand for all.
    alike: dict[frozenset[int], list[int]] = {}
    for leaf in leaves:
        alike.setdefault(frozenset(above[leaf] - {leaf}), []).append(leaf)
    some = [leaf for group in alike.values() for leaf in group[:2]]
    faults = [
        Fault(
            f"no path climbs from {fabric.nodes[a].name} and descends to {fabric.nodes[b].name}",
            "explicit.links",
            hint="links between switches of one kind are peer links: join the leaves by a spine",
        )
        for a, b in combinations(some, 2)
        if not above[a] & above[b]
    ]
    if faults:
        raise SpecError(faults[:FAULTS_SHOWN])
