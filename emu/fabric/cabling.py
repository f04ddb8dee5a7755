# SPDX-License-Identifier: Apache-2.0
"""Puts nodes and cables together; both builders lay their cables here."""

from __future__ import annotations

from collections import Counter

from emu.fabric.graph import (
    Fabric,
    Host,
    Link,
    LinkKind,
    Node,
    NodeKind,
    Port,
    cable_of_delay_m,
    delay_of_cable_ps,
)
from emu.spec.topology import TopologySpec

_LANES_PER_PORT = 4


class Cabling:
    """Nodes in id order, and cables in the order in which ports are numbered.

    Endpoints have to be added before switches.
    """

    def __init__(self, spec: TopologySpec) -> None:
        self._spec = spec
        self._nodes: list[Node] = []
        self._ports: list[Port] = []
        self._links: list[Link] = []
        self._node_ports: list[list[int]] = []
        self._between: Counter[tuple[int, int]] = Counter()

    def node(self, name: str, kind: NodeKind, host: int = -1, pod: int = 0, nic: int = -1) -> int:
        """Adds a node and returns its id."""
        node = len(self._nodes)
        self._nodes.append(Node(node, name, kind, host, pod, nic))
        self._node_ports.append([])
        return node

    def cable(
        self, a: int, b: int, rate_bps: int, cable_m: float | None, delay_ps: int | None
    ) -> None:
        """Adds one link; exactly one of length and delay is given."""
        low, high = self._nodes[a], self._nodes[b]
        if (low.tier, low.id) > (high.tier, high.id):
            low, high = high, low
        if delay_ps is None:
            assert cable_m is not None
            delay_ps = delay_of_cable_ps(cable_m)
        elif cable_m is None:
            cable_m = cable_of_delay_m(delay_ps)
        assert cable_m is not None
        link = len(self._links)
        first = len(self._ports)
        kind: LinkKind = "fabric"
        name = f"{low.name}-{high.name}"
        if low.kind is NodeKind.ENDPOINT:
            kind = "access"
        else:
            # Parallel links are told apart by number, also where there is only one.
            name += f"[{self._between[low.id, high.id]}]"
            self._between[low.id, high.id] += 1
            if low.kind is high.kind:
                kind = "peer"
        for port, node, peer in ((first, low, first + 1), (first + 1, high, first)):
            own = self._node_ports[node.id]
            label = f"{node.name}:{_port_label(node.kind, len(own))}"
            self._ports.append(
                Port(port, node.id, len(own), label, link, peer, rate_bps, delay_ps, cable_m)
            )
            own.append(port)
        self._links.append(Link(link, name, first, first + 1, kind))

    def fabric(self, hosts: list[Host]) -> Fabric:
        """The finished graph."""
        return Fabric(self._nodes, self._ports, self._links, hosts, self._spec, self._node_ports)


def _port_label(kind: NodeKind, index: int) -> str:
    # SONiC numbers ports by their first lane.
    return f"p{index}" if kind is NodeKind.ENDPOINT else f"Ethernet{index * _LANES_PER_PORT}"


def roles_of(spec: TopologySpec) -> dict[str, str]:
    """Host name to role; hosts without one are missing."""
    roles = dict.fromkeys(spec.prefill_hosts, "prefill")
    roles.update(dict.fromkeys(spec.decode_hosts, "decode"))
    return roles
