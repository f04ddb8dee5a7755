# SPDX-License-Identifier: Apache-2.0
"""What a design computes from a fabric: forwarding state and how it changes.

The engine consumes a :class:`ForwardingPlan` as it is. Every table speaks of

* endpoints: one NIC each, endpoint number = node id (endpoints come first);
* switch rows: ``row = node id - n_endpoints``;
* routes: column ``e`` is endpoint ``e``, column ``n_endpoints + v`` is VTEP ``v``;
* groups: one set of equivalent egress ports of ONE node (ECMP or LAG members).
  An empty group drops what it is given, reason ``no_route``. Groups are never
  shared between nodes, and ``SetGroup`` changes all routes that use the group.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

DROP = 0xFFFF
"""Route value: discard, reason ``no_route``."""
FLOOD = 0xFFFE
"""Route value: unknown destination of a bridged switch, use its flood tables."""
LOCAL = 0xFFFD
"""Route value: this switch is that VTEP; decapsulate and look up the inner destination."""
TUNNEL_BIT = 0x8000
"""Route value with this bit: encapsulate; the other bits are a tunnel group id."""
GROUPS_MAX = 0x8000
"""Group ids are below this."""
TUNNELS_MAX = 0x7FFD
"""Tunnel group ids are below this, so that none reads as DROP, FLOOD or LOCAL."""

PORT_BLOCKED = -1
"""``port_group``: discarding (spanning tree); what arrives is dropped, reason ``blocked``."""
PORT_UNLEARNED = -2
"""``port_group``: forwards what arrives but learns nothing from it (peer link)."""
INGRESS_UNLEARNED = -2
"""``flood``: key for what arrived on a port of ``PORT_UNLEARNED``."""
INGRESS_TUNNEL = -3
"""``flood``: key for what came out of a tunnel."""


@dataclass(frozen=True)
class Update:
    """One change at one moment. Updates of equal time apply in list order."""

    at_ps: int
    reason: str


@dataclass(frozen=True)
class SetGroup(Update):
    """The group has these members from now on."""

    group: int
    ports: tuple[int, ...]


@dataclass(frozen=True)
class SetFib(Update):
    """These routes of a switch row get one value.

    On a bridged row it replaces what was learned.
    """

    switch: int
    routes: tuple[int, ...]
    value: int


@dataclass(frozen=True)
class SetTunnel(Update):
    """The tunnel group has these VTEPs. Empty: drop, reason ``no_route``."""

    tunnel: int
    vteps: tuple[int, ...]


@dataclass(frozen=True)
class SetPortGroup(Update):
    """The port learns into (or is) this logical port; see ``ForwardingPlan.port_group``."""

    port: int
    group: int


@dataclass(frozen=True)
class SetFlood(Update):
    """Where a switch row floods what came in by this logical port."""

    switch: int
    ingress: int
    groups: tuple[int, ...]


@dataclass(frozen=True)
class SetFloodTunnels(Update):
    """VTEPs to which a switch row replicates what it floods."""

    switch: int
    vteps: tuple[int, ...]


@dataclass(frozen=True)
class FlushMacs(Update):
    """Endpoint routes of the row that point to one of these groups become FLOOD."""

    switch: int
    groups: tuple[int, ...]


@dataclass(frozen=True)
class SetEndpointGroup(Update):
    """The endpoint sends on the ports of this group from now on."""

    endpoint: int
    group: int


@dataclass(frozen=True)
class LinkState(Update):
    """Physics: down loses what is in flight or sent into the link, reason ``link_down``."""

    link: int
    up: bool


@dataclass(frozen=True)
class PortDetected(Update):
    """The owner of the port knows its state; down discards the port's queue."""

    port: int
    up: bool


@dataclass(frozen=True)
class LinkLoss(Update):
    """Each packet that the port sends is lost with this probability (0 = healthy again)."""

    port: int
    loss: float


@dataclass(frozen=True)
class CodewordLoss(Update):
    """Of the codewords that the port sends this share is beyond repair (0 = healthy again);
    each carries so many bytes, and all frames that lie in a bad one are lost."""

    port: int
    loss: float
    codeword_bytes: int


@dataclass(frozen=True)
class FrameLimit(Update):
    """What the port sends is discarded at the other end if the frame is larger (0 = nothing)."""

    port: int
    bytes: int


@dataclass(frozen=True)
class LosslessClasses(Update):
    """The classes that a switch row treats as lossless; None: those of its profile."""

    switch: int
    priorities: tuple[int, ...] | None


@dataclass(frozen=True)
class HashSeed(Update):
    """A switch row hashes with this seed from now on."""

    switch: int
    seed: int
    own: bool
    """Whether that is the seed it began with."""


@dataclass(frozen=True)
class LinkRate(Update):
    """The link runs at this share of its rate, both ways (1 = healthy again)."""

    link: int
    share: float


@dataclass(frozen=True)
class EcnMarking(Update):
    """A switch row marks by its profiles, or nothing."""

    switch: int
    on: bool


@dataclass(frozen=True)
class BlackHole(Update):
    """Egress packets of this port vanish without a sign.

    ``routes`` limits it to packets for these endpoints; None means all packets.
    """

    port: int
    on: bool
    routes: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ReceiverRate(Update):
    """The endpoint takes packets from its receive buffer at this rate; 0 = line rate."""

    endpoint: int
    rate_bps: int


@dataclass(frozen=True)
class BridgingLoop(Update):
    """For the record: ports of this link forward that the spanning tree blocks (or block again).
    What they do is in the updates of the ports."""

    link: int
    on: bool


@dataclass(frozen=True)
class Broadcast(Update):
    """The endpoint broadcasts an ARP request, out of turn."""

    endpoint: int


@dataclass(frozen=True)
class NicStorm(Update):
    """The endpoint sends PFC pause for the priority without end while on."""

    endpoint: int
    on: bool
    priority: int
    quanta: int = 0xFFFF
    every_ps: int = 0
    """Between two frames; 0: half of a pause."""
    frame: str = "pfc"
    """pfc; no-class: without a class; pause: for the whole link."""


@dataclass(frozen=True)
class SilentHost(Update):
    """The endpoint sends nothing at all (data, ACKs, ARP) while on."""

    endpoint: int
    on: bool


@dataclass(frozen=True)
class Note(Update):
    """Only an event for the record; ``reason`` is its kind."""

    text: str


@dataclass(frozen=True)
class ArpPlan:
    """Background ARP broadcasts of a bridged domain.

    ``period_ps`` is the time between two broadcasts of one endpoint (0 = none).
    """

    period_ps: int = 0
    bytes: int = 64
    priority: int = 0


@dataclass(frozen=True)
class SwitchPolicy:
    """How one switch picks one of several next hops: a routing policy of the engine."""

    name: str = "ecmp"
    params: tuple[tuple[str, int], ...] = ()
    """Its parameters; a name may stand several times."""


@dataclass(frozen=True)
class RemoteGrades:
    """Switches publish the grades of their queues; others know them later."""

    interval_ps: int
    lag: int
    """Age of what others know, in intervals."""
    quantum_bytes: int


@dataclass
class ForwardingPlan:
    """Forwarding state of all nodes at time 0 and everything that changes later."""

    design: str
    groups: list[tuple[int, ...]]
    """Group id to global port ids, all of one node; empty = drop."""
    fib: npt.NDArray[np.uint16]
    """[n_switches, n_endpoints + n_vteps]: a group id, ``TUNNEL_BIT | tunnel`` or a constant."""
    endpoint_group: npt.NDArray[np.int32]
    """[n_endpoints]: group of the endpoint's own ports that it may send on."""
    vtep_of_switch: npt.NDArray[np.int32]
    """[n_switches]: VTEP number, -1 = none."""
    bridged: npt.NDArray[np.bool_]
    """[n_switches]: learns MAC addresses from what arrives and floods what it does not know."""
    port_group: npt.NDArray[np.int32]
    """[n_ports]: on bridged switches the group an arriving source is learned on, or
    PORT_BLOCKED or PORT_UNLEARNED; everywhere else PORT_UNLEARNED."""
    hash_seed: npt.NDArray[np.uint32]
    """[n_nodes - n_endpoints]: per switch seed of the ECMP/LAG hash."""
    tunnels: list[tuple[int, ...]] = field(default_factory=list)
    """Tunnel group id to VTEP numbers (overlay ECMP)."""
    flood: dict[int, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    """Switch row to ingress logical port to egress groups (one member each, by hash).

    The ingress logical port is the ``port_group`` of the arrival port,
    or INGRESS_UNLEARNED or INGRESS_TUNNEL. A missing key floods nowhere."""
    flood_tunnels: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Switch row to VTEPs (ingress replication of what came from a local port)."""
    overhead_bytes: int = 0
    """Added to a packet while it is encapsulated."""
    ecn_copy_encap: bool = True
    ecn_copy_decap: bool = True
    dscp_copy_encap: bool = True
    dscp_copy_decap: bool = True
    ttl: bool = True
    """Forwarding hops decrement a TTL (routed); False lets loops live (bridged)."""
    mac_age_ps: int = 0
    """A learned entry that nothing refreshed for this long becomes FLOOD; 0 = never."""
    mac_table_max: int = 0
    """Most learned entries per bridged switch; 0 = no limit."""
    arp: ArpPlan = field(default_factory=ArpPlan)
    timeline: list[Update] = field(default_factory=list)
    """Sorted by ``at_ps``; equal times apply in list order."""
    notes: list[str] = field(default_factory=list)
    """What the mechanism costs, in words, for the report."""
    policies: list[SwitchPolicy] = field(default_factory=list)
    """Per switch row; empty: ECMP everywhere."""
    remote_grades: RemoteGrades | None = None
    """None: a switch knows its own queues only."""
    blocked_links: list[int] = field(default_factory=list)
    """Links that carry no data although they are up."""
