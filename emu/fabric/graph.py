# SPDX-License-Identifier: Apache-2.0
"""The physical fabric: nodes, ports, links and hosts, with dense integer ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from emu.spec.topology import TopologySpec

LIGHT_M_PER_S = 198_000_000
"""Signal speed in a cable, the figure SONiC's headroom calculation uses
(sonic-swss, cfgmgr/buffer_headroom_mellanox.lua)."""

LinkKind = Literal["access", "fabric", "peer"]


class NodeKind(StrEnum):
    """What a node is; switch tiers count upwards."""

    ENDPOINT = "endpoint"
    LEAF = "leaf"
    SPINE = "spine"
    SUPER_SPINE = "super_spine"


TIER = {NodeKind.ENDPOINT: 0, NodeKind.LEAF: 1, NodeKind.SPINE: 2, NodeKind.SUPER_SPINE: 3}
"""Height of a node in the fabric."""


@dataclass(frozen=True, slots=True)
class Node:
    """An endpoint (one NIC of a host) or a switch."""

    id: int
    name: str
    kind: NodeKind
    host: int = -1
    """Host id, -1 for switches."""
    pod: int = 0
    nic: int = -1
    """Number of the NIC within its host, -1 for switches."""

    @property
    def tier(self) -> int:
        """0 for endpoints, 1 for leaves and so on."""
        return TIER[self.kind]


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a link."""

    id: int
    node: int
    index: int
    """Position within the node."""
    name: str
    link: int
    peer: int
    """Global id of the port at the other end."""
    rate_bps: int
    delay_ps: int
    """Propagation delay of the link."""
    cable_m: float
    """Cable length, derived from the delay when only that was given."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cable; ``a`` is the end on the lower tier (or lower id)."""

    id: int
    name: str
    a: int
    b: int
    kind: LinkKind


@dataclass(frozen=True, slots=True)
class Host:
    """A server with one endpoint per NIC."""

    id: int
    name: str
    role: str
    """``prefill``, ``decode`` or ``""``."""
    nics: list[int]


@dataclass
class Fabric:
    """The graph. Endpoint nodes come first: node id == endpoint number below n_endpoints."""

    nodes: list[Node]
    ports: list[Port]
    links: list[Link]
    hosts: list[Host]
    spec: TopologySpec
    node_ports: list[list[int]] = field(repr=False)
    """Port ids per node, in port index order."""

    @cached_property
    def n_endpoints(self) -> int:
        """Number of endpoints, which are the first nodes."""
        return sum(1 for n in self.nodes if n.kind is NodeKind.ENDPOINT)

    @property
    def n_switches(self) -> int:
        """Number of switches; they follow the endpoints."""
        return len(self.nodes) - self.n_endpoints

    @property
    def endpoints(self) -> range:
        """Node ids of the endpoints."""
        return range(self.n_endpoints)

    @property
    def switches(self) -> range:
        """Node ids of the switches."""
        return range(self.n_endpoints, len(self.nodes))

    def of_kind(self, kind: NodeKind) -> list[int]:
        """Node ids of one kind, ascending."""
        return [n.id for n in self.nodes if n.kind is kind]

    def ports_of(self, node: int) -> list[int]:
        """Global port ids of a node, in port index order."""
        return self.node_ports[node]

    def peer_node(self, port: int) -> int:
        """The node at the other end of a port's link."""
        return self.ports[self.ports[port].peer].node

    @cached_property
    def link_ids(self) -> dict[str, int]:
        """Link name to id."""
        return {link.name: link.id for link in self.links}

    @cached_property
    def node_ids(self) -> dict[str, int]:
        """Node name to id."""
        return {node.name: node.id for node in self.nodes}

    @cached_property
    def host_ids(self) -> dict[str, int]:
        """Host name to id."""
        return {host.name: host.id for host in self.hosts}

    def link(self, name: str) -> Link:
        """The link of that name; KeyError otherwise."""
        return self.links[self.link_ids[name]]

    def node(self, name: str) -> Node:
        """The node of that name; KeyError otherwise."""
        return self.nodes[self.node_ids[name]]


def delay_of_cable_ps(metres: float) -> int:
    """Propagation delay of a cable in picoseconds, rounded to the nearest."""
    return round(metres * 1e12 / LIGHT_M_PER_S)


def cable_of_delay_m(delay_ps: int) -> float:
    """Length of the cable that has this delay, in metres."""
    return delay_ps * LIGHT_M_PER_S / 1e12
