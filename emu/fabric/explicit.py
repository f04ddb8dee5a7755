# SPDX-License-Identifier: Apache-2.0
"""Builds a fabric from a list of nodes and links."""

from __future__ import annotations

from emu.fabric.cabling import Cabling, roles_of
from emu.fabric.graph import Fabric, Host, NodeKind
from emu.spec.topology import TopologySpec

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
    return cabling.fabric(hosts)
