# SPDX-License-Identifier: Apache-2.0
"""Where everything of a lab is: which interface in which namespace is which fabric port.

The plan is a pure function of the fabric, so that every part of the lab (and a person with
``ip netns exec``) can compute it again. Nothing here touches the machine.

===================  =======================================================================
198.18.L.K           endpoint number K-10 of leaf L, in every design
198.18.L.1           gateway of leaf L, in the routed designs
198.19.0.S           loopback and VTEP of switch S-1, in the order of the fabric's switches
198.19.64.0/23       links and VTEPs of the leaves that a measurement stands in for
198.19.128.0/17      management network, where a design needs one
2001:db8::/32        not used yet; link-local addresses number the fabric links
===================  =======================================================================

All from the block that RFC 2544 keeps for benchmarks: a machine's own interface may sit in
any other, and its root namespace would then answer for the lab's hosts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address

from emu.errors import InputError
from emu.fabric.graph import Fabric, NodeKind
from emu.spec.nic import ROCE_IP_BYTES

INTERFACE_NAME_MAX = 15
"""IFNAMSIZ - 1."""

NODES_MAX = 128
"""Hosts and switches of one lab; each is a namespace."""
LEAVES_MAX = 250
PER_LEAF_MAX = 240
FIRST_HOST = 10
"""Last byte of the address of a leaf's first endpoint."""

SWITCHES_NAMESPACE = "ovs"
"""Namespace of all bridges where one Open vSwitch carries them all."""
TM_NAMESPACE = "tm"
"""Namespace in which the traffic manager owns the far end of every interface."""
MANAGEMENT_NAMESPACE = "mgmt"

HOST_PREFIX_ROUTED = 24
HOST_PREFIX_BRIDGED = 16


@dataclass(frozen=True)
class LabPort:
    """One fabric port as an interface."""

    id: int
    """Port id in the fabric."""
    node: str
    """Name of the host or switch that has it."""
    namespace: str
    """Name in the plan; the lab's own prefix goes before it on the machine."""
    interface: str
    index: int
    """Position within the node, from 0."""
    mac: str
    peer: int
    """Fabric port at the other end of the link."""

    @property
    def tm_interface(self) -> str:
        """Name of the far end in the traffic manager's namespace, when there is one."""
        return f"p{self.id}"

    @property
    def label(self) -> str:
        """What people call it: the interface, or of a host, where all are called alike, its
        NIC."""
        return f"{self.node}.{self.index}" if self.interface.startswith("eth") else self.interface

    @property
    def ofport(self) -> int:
        """OpenFlow port number: Open vSwitch counts from 1."""
        return self.index + 1


@dataclass(frozen=True)
class LabNode:
    """A host or a switch."""

    name: str
    kind: NodeKind
    namespace: str
    ports: tuple[int, ...]
    """Fabric port ids; of a host in the order of its NICs."""
    number: int
    """Hosts and switches are counted apart, from 0."""

    @property
    def is_host(self) -> bool:
        """Hosts have endpoints, switches forward."""
        return self.kind is NodeKind.ENDPOINT

    @property
    def loopback(self) -> str:
        """Address of a switch's loopback, which is its router id and VTEP."""
        return str(IPv4Address("198.19.0.0") + self.number + 1)

    @property
    def management(self) -> str:
        """Address of a switch in the management network."""
        return str(IPv4Address("198.19.128.0") + self.number + 10)

    @property
    def datapath_id(self) -> int:
        """OpenFlow datapath id of a switch."""
        return self.number + 1


@dataclass(frozen=True)
class LabAddress:
    """The address of one endpoint (NIC)."""

    endpoint: int
    port: int
    """Fabric port id."""
    ip: str
    gateway: str
    leaf: str


@dataclass(frozen=True)
class LabPlan:
    """Everything that has a place, by name and by fabric id."""

    fabric: Fabric
    nodes: tuple[LabNode, ...]
    """Hosts, then switches, in the order of the fabric."""
    ports: tuple[LabPort, ...]
    """By fabric port id."""
    addresses: tuple[LabAddress, ...]
    """By endpoint number."""
    shared_switches: bool
    """All switches are bridges in one namespace, rather than each in its own."""
    by_name: dict[str, LabNode] = field(repr=False)

    @cached_property
    def hosts(self) -> tuple[LabNode, ...]:
        """Hosts in the order of the fabric."""
        return tuple(node for node in self.nodes if node.is_host)

    @cached_property
    def switches(self) -> tuple[LabNode, ...]:
        """Switches in the order of the fabric."""
        return tuple(node for node in self.nodes if not node.is_host)

    @cached_property
    def leaves(self) -> tuple[LabNode, ...]:
        """Leaves in the order of the fabric."""
        return tuple(node for node in self.nodes if node.kind is NodeKind.LEAF)

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces of hosts and switches, each once, in the order of the nodes."""
        return tuple(dict.fromkeys(node.namespace for node in self.nodes))

    @property
    def host_mtu(self) -> int:
        """MTU of the hosts' interfaces: one RoCE packet of the NIC's path MTU."""
        return int(self.fabric.spec.nic.mtu) + ROCE_IP_BYTES

    @property
    def fabric_mtu(self) -> int:
        """MTU of the switches' interfaces: the same in a tunnel."""
        return self.host_mtu + 50

    def ports_of(self, node: LabNode) -> list[LabPort]:
        """The interfaces of a node, in port order."""
        return [self.ports[port] for port in node.ports]

    def peer(self, port: LabPort) -> LabPort:
        """The interface at the other end of the link."""
        return self.ports[port.peer]

    def host_ports(self, leaf: LabNode) -> list[LabPort]:
        """Interfaces of a leaf that lead to hosts."""
        return [p for p in self.ports_of(leaf) if self.by_name[self.peer(p).node].is_host]

    def is_peer_link(self, port: LabPort) -> bool:
        """Whether a port's cable is there for MLAG: no route leads over it."""
        return self.fabric.links[self.fabric.ports[port.id].link].kind == "peer"

    def routed_ports(self, switch: LabNode) -> list[LabPort]:
        """Interfaces of a switch over which routes lead to other switches."""
        return [p for p in self.fabric_ports(switch) if not self.is_peer_link(p)]

    def fabric_ports(self, switch: LabNode) -> list[LabPort]:
        """Interfaces of a switch that lead to other switches."""
        return [p for p in self.ports_of(switch) if not self.by_name[self.peer(p).node].is_host]


def plan_lab(fabric: Fabric, *, shared_switches: bool = True) -> LabPlan:
    """The plan of a fabric.

    Parameters
    ----------
    fabric : Fabric
        Any topology whose NICs have one home each.
    shared_switches : bool
        One namespace for all switches (bridges of one Open vSwitch), or one each.

    Raises
    ------
    InputError
        When the fabric does not fit on one machine's addresses, or has dual-homed NICs.
    """
    _check_size(fabric)
    leaf_number = {node: i for i, node in enumerate(fabric.of_kind(NodeKind.LEAF))}
    nodes = [
        LabNode(
            host.name,
            NodeKind.ENDPOINT,
            host.name,
            tuple(port for nic in host.nics for port in fabric.ports_of(nic)),
            host.id,
        )
        for host in fabric.hosts
    ]
    for number, switch in enumerate(fabric.switches):
        name = fabric.nodes[switch].name
        namespace = SWITCHES_NAMESPACE if shared_switches else name
        ports = tuple(fabric.ports_of(switch))
        nodes.append(LabNode(name, fabric.nodes[switch].kind, namespace, ports, number))
    by_name = {node.name: node for node in nodes}
    interfaces: list[LabPort] = []
    for port in fabric.ports:
        owner = fabric.nodes[port.node]
        if owner.kind is NodeKind.ENDPOINT:
            node, index = fabric.hosts[owner.host].name, owner.nic
            name = f"eth{index}"
        else:
            node, index = owner.name, port.index
            name = f"{node}-p{index}"
            if len(name) > INTERFACE_NAME_MAX:
                name = f"s{by_name[node].number}-p{index}"
        interfaces.append(
            LabPort(port.id, node, by_name[node].namespace, name, index, _mac(port.id), port.peer)
        )
    return LabPlan(
        fabric,
        tuple(nodes),
        tuple(interfaces),
        _addresses(fabric, leaf_number),
        shared_switches,
        by_name,
    )


def _mac(port: int) -> str:
    """Locally administered, and the port can be read from it."""
    return f"02:e1:00:{port >> 16 & 255:02x}:{port >> 8 & 255:02x}:{port & 255:02x}"


def _addresses(fabric: Fabric, leaf_number: dict[int, int]) -> tuple[LabAddress, ...]:
    used = dict.fromkeys(leaf_number, 0)
    addresses = []
    for endpoint in fabric.endpoints:
        (port,) = fabric.ports_of(endpoint)
        leaf = fabric.peer_node(port)
        subnet = leaf_number[leaf]
        ip = f"198.18.{subnet}.{FIRST_HOST + used[leaf]}"
        used[leaf] += 1
        gateway = f"198.18.{subnet}.1"
        addresses.append(LabAddress(endpoint, port, ip, gateway, fabric.nodes[leaf].name))
    return tuple(addresses)


def _check_size(fabric: Fabric) -> None:
    name = fabric.spec.name
    nodes = len(fabric.hosts) + fabric.n_switches
    if nodes > NODES_MAX:
        raise InputError(
            f"{name} has {nodes} hosts and switches: a lab carries at most {NODES_MAX}",
            hint="the simulator takes it; a small one for the lab is topologies/lab-2x2x4.yaml",
        )
    for endpoint in fabric.endpoints:
        if len(fabric.ports_of(endpoint)) != 1:
            raise InputError(
                f"{name} has dual-homed NICs ({fabric.nodes[endpoint].name}): "
                "NICs have one home in the lab",
                hint="set homing: single",
            )
    if len(fabric.of_kind(NodeKind.LEAF)) > LEAVES_MAX:
        raise InputError(f"{name} has more than {LEAVES_MAX} leaves: their subnets do not fit")
    for leaf in fabric.of_kind(NodeKind.LEAF):
        count = sum(fabric.peer_node(p) < fabric.n_endpoints for p in fabric.ports_of(leaf))
        if count > PER_LEAF_MAX:
            raise InputError(
                f"{fabric.nodes[leaf].name} has {count} endpoints: "
                f"the lab has addresses for {PER_LEAF_MAX}"
            )
    names = [host.name for host in fabric.hosts] + [fabric.nodes[s].name for s in fabric.switches]
    for name in names:
        if name in (SWITCHES_NAMESPACE, TM_NAMESPACE, MANAGEMENT_NAMESPACE):
            raise InputError(f"{name!r} is the name of a part of the lab: rename the node")
