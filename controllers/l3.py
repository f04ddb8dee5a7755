# SPDX-License-Identifier: Apache-2.0
"""Routed leaf-spine: a route per host, ECMP by select groups, ARP answered at the leaf.

- Hosts are learned from their ARP on edge ports. A leaf answers every ARP request itself, with
  its own MAC, by a flow entry: hosts of one subnet are routed too, and nothing is flooded.
- A destination leaf is one select group on every other switch, with a bucket per shortest path.
  The switch picks the bucket by a hash of the 5-tuple (see _groups.py). A bucket watches its
  port, so the switch itself leaves a dead port at once; the controller then takes the paths out
  that have died further on. A changed link changes groups, never routes.
- Paths do not lead down and up again: a switch with hosts carries nobody else's traffic. So
  two dead links can part two leaves that a detour would join, as in eBGP with one AS per tier.

REST: /topology, /hosts, /routes, /groups, /events.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from typing import Any

from controllers import _api
from controllers._fabric import FabricApp, Point, Switch
from controllers._groups import Bucket, hash_mark, hash_ports, hash_seed

ETH_ARP = 0x0806
ETH_IPV4 = 0x0800
UDP = 17
TABLE_CLASSIFY, TABLE_HASH, TABLE_ROUTE = 0, 1, 2
SEARCH_PAUSE_S = 1
"""An unknown destination is asked for once in this time."""


@dataclass(frozen=True)
class HostRoute:
    """Where a host is."""

    ip: str
    mac: str
    at: Point


def shortest_hops(
    neighbours: dict[int, dict[int, list[int]]], destination: int, leaves: set[int]
) -> dict[int, list[int]]:
    """Switch to the neighbours that are one hop nearer to a leaf; other leaves do not transit.

    >>> fabric = {1: {3: [1]}, 2: {3: [1]}, 3: {1: [1], 2: [2]}}
    >>> shortest_hops(fabric, 2, {1, 2})
    {1: [3], 3: [2]}
    """
    distance = {destination: 0}
    queue = deque([destination])
    while queue:
        here = queue.popleft()
        if here in leaves and here != destination:
            continue
        for other in neighbours[here]:
            if other not in distance:
                distance[other] = distance[here] + 1
                queue.append(other)
    transits = {dpid for dpid in distance if dpid == destination or dpid not in leaves}
    return {
        dpid: sorted(
            other
            for other in neighbours[dpid]
            if other in transits and distance[other] == distance[dpid] - 1
        )
        for dpid in sorted(distance)
        if dpid != destination
    }


class L3(FabricApp):
    """The routed design under one controller."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hosts: dict[str, HostRoute] = {}
        self.groups: dict[tuple[int, int], tuple[Any, ...]] = {}
        """(switch, group) to its hops, as installed."""
        self._group_ids: dict[int, int] = {}

    # -- what every switch has ---------------------------------------------------

    def on_switch(self, switch: Switch) -> None:
        """Classification: ARP, routed packets, everything else away."""
        datapath = switch.datapath
        proto, parser = datapath.ofproto, datapath.ofproto_parser
        for key in [key for key in self.groups if key[0] == switch.dpid]:
            del self.groups[key]
        to_controller = parser.OFPActionOutput(proto.OFPP_CONTROLLER, proto.OFPCML_NO_BUFFER)
        # Probes of an address by somebody who has none yet get no answer.
        probe = parser.OFPMatch(eth_type=ETH_ARP, arp_op=1, arp_spa="0.0.0.0")
        self.send_flow(switch, TABLE_CLASSIFY, 300, probe, [to_controller])
        request = parser.OFPMatch(eth_type=ETH_ARP, arp_op=1)
        self.send_flow(switch, TABLE_CLASSIFY, 200, request, [to_controller, *arp_answer(switch)])
        reply = parser.OFPMatch(eth_type=ETH_ARP, arp_op=2)
        self.send_flow(switch, TABLE_CLASSIFY, 200, reply, [to_controller])
        routed = parser.OFPMatch(eth_type=ETH_IPV4, eth_dst=switch.mac)
        self.send_flow(switch, TABLE_CLASSIFY, 100, routed, goto=TABLE_HASH)
        self.send_flow(switch, TABLE_CLASSIFY, 0, parser.OFPMatch())
        seed = hash_seed(parser, switch.dpid)
        udp = parser.OFPMatch(eth_type=ETH_IPV4, ip_proto=UDP)
        self.send_flow(switch, TABLE_HASH, 100, udp, [*seed, *hash_ports(parser)], goto=TABLE_ROUTE)
        # From a tunnel of the switch's own: the mark stands for the flow (see evpn.py).
        own = parser.OFPMatch(in_port=proto.OFPP_LOCAL)
        self.send_flow(switch, TABLE_HASH, 200, own, [*seed, *hash_mark(parser)], goto=TABLE_ROUTE)
        self.send_flow(switch, TABLE_HASH, 0, parser.OFPMatch(), seed, goto=TABLE_ROUTE)
        self.send_flow(switch, TABLE_ROUTE, 0, parser.OFPMatch(), [to_controller])
        for host in self.hosts.values():
            self._send_route(switch, host)

    def recompute(self) -> None:
        """Bring the groups of all switches up to date; only what changed is sent."""
        neighbours = self.neighbours()
        leaves = {point.dpid for point in self.edge_ports()}
        leaves |= {host.at.dpid for host in self.hosts.values()}
        changed = 0
        for leaf in sorted(leaves & set(self.switches)):
            group = self.group_of(leaf)
            hops = shortest_hops(neighbours, leaf, leaves)
            for switch in self.switches.values():
                if switch.dpid == leaf:
                    continue
                ports = tuple(
                    Point(other, port)
                    for other in hops.get(switch.dpid, [])
                    for port in neighbours[switch.dpid][other]
                )
                changed += self.install_group(switch, group, ports)
        if changed:
            self.note("groups changed", count=changed)

    def group_of(self, leaf: int) -> int:
        """Number of a leaf's group, the same on all switches."""
        return self._group_ids.setdefault(leaf, len(self._group_ids) + 1)

    def install_group(self, switch: Switch, group: int, hops: tuple[Point, ...]) -> bool:
        """Send a group if it differs from what the switch has; a hop is (next switch, port)."""
        key = (switch.dpid, group)
        if self.groups.get(key) == hops:
            return False
        buckets = [self.bucket(switch, hop) for hop in hops]
        self.send_select_group(switch, group, buckets, new=key not in self.groups)
        self.groups[key] = hops
        return True

    def bucket(self, switch: Switch, hop: Point) -> Bucket:
        """Rewrite the MACs and send; dead when its port is."""
        parser = switch.datapath.ofproto_parser
        actions = (
            parser.OFPActionSetField(eth_src=switch.mac),
            parser.OFPActionSetField(eth_dst=self.switches[hop.dpid].mac),
            parser.OFPActionOutput(hop.port),
        )
        return Bucket(hop.port, actions)

    # -- hosts -------------------------------------------------------------------

    def on_packet(self, switch: Switch, in_port: int, message: Any) -> None:
        """Learn from ARP at an edge; look for a destination that nobody has claimed."""
        port = switch.ports.get(in_port)
        # The switch's own interface is a host too: a VTEP, for instance.
        own = in_port == switch.datapath.ofproto.OFPP_LOCAL
        if not own and (port is None or port.neighbour is not None):
            return
        packet = _api.packet.Packet(message.data)
        arp = packet.get_protocol(_api.arp.arp)
        if arp is not None:
            self._learn(Point(switch.dpid, in_port), arp.src_ip, arp.src_mac)
            return
        ip = packet.get_protocol(_api.ipv4.ipv4)
        if ip is not None and ip.dst not in self.hosts:
            self._search(switch, ip.dst)

    def _learn(self, at: Point, ip: str, mac: str) -> None:
        if ip == "0.0.0.0":
            return
        host = HostRoute(ip, mac, at)
        if self.hosts.get(ip) == host:
            return
        known = self.hosts.get(ip)
        self.hosts[ip] = host
        self.note("host moved" if known else "host learned", ip=ip, port=self.port_name(at))
        # A leaf may have become one by its first host.
        self.recompute()
        for switch in self.switches.values():
            self._send_route(switch, host)

    def _send_route(self, switch: Switch, host: HostRoute) -> None:
        parser = switch.datapath.ofproto_parser
        match = parser.OFPMatch(eth_type=ETH_IPV4, ipv4_dst=host.ip)
        actions = [parser.OFPActionDecNwTtl()]
        if switch.dpid == host.at.dpid:
            actions += [
                parser.OFPActionSetField(eth_src=switch.mac),
                parser.OFPActionSetField(eth_dst=host.mac),
                parser.OFPActionOutput(host.at.port),
            ]
        else:
            group = self.group_of(host.at.dpid)
            if (switch.dpid, group) not in self.groups:
                self.install_group(switch, group, ())
            actions.append(parser.OFPActionGroup(group))
        self.send_flow(switch, TABLE_ROUTE, 100, match, actions)

    def _search(self, asker: Switch, ip: str) -> None:
        """Ask for an address at all edges, and not again for a while."""
        parser = asker.datapath.ofproto_parser
        match = parser.OFPMatch(eth_type=ETH_IPV4, ipv4_dst=ip)
        self.send_flow(asker, TABLE_ROUTE, 50, match, hard_s=SEARCH_PAUSE_S)
        for point in self.edge_ports():
            switch = self.switches[point.dpid]
            self.send_packet(switch, point.port, arp_probe(switch.mac, ip))

    # -- REST --------------------------------------------------------------------

    def views(self) -> dict[str, Any]:
        """The common ones, hosts, routes and groups."""
        return {
            **super().views(),
            "/hosts": self.view_hosts,
            "/routes": self.view_routes,
            "/groups": self.view_groups,
        }

    def view_hosts(self) -> list[dict[str, str]]:
        """Address, MAC and place of every host."""
        return [
            {"ip": host.ip, "mac": host.mac, "port": self.port_name(host.at)}
            for host in sorted(self.hosts.values(), key=lambda h: _numeric(h.ip))
        ]

    def view_routes(self) -> list[dict[str, Any]]:
        """What each switch does with each host's address."""
        return [
            {
                "switch": switch.name,
                "destination": f"{host.ip}/32",
                **(
                    {"port": self.port_name(host.at)}
                    if host.at.dpid == switch.dpid
                    else {"group": self.group_of(host.at.dpid)}
                ),
            }
            for switch in sorted(self.switches.values(), key=lambda s: s.dpid)
            for host in sorted(self.hosts.values(), key=lambda h: _numeric(h.ip))
        ]

    def view_groups(self) -> list[dict[str, Any]]:
        """The ports of each group; Open vSwitch skips those that are down."""
        leaf_of = {group: leaf for leaf, group in self._group_ids.items()}
        return [
            {
                "switch": self.switch_name(dpid),
                "group": group,
                "to": self.switch_name(leaf_of[group]),
                "ports": [self.port_name(Point(dpid, hop.port)) for hop in hops],
            }
            for (dpid, group), hops in sorted(self.groups.items())
            if dpid in self.switches
        ]


def arp_answer(switch: Switch) -> list[Any]:
    """Actions that turn an ARP request into its answer, with the switch's own MAC."""
    datapath = switch.datapath
    proto, parser = datapath.ofproto, datapath.ofproto_parser

    def move(source: str, target: str, bits: int) -> Any:
        return parser.NXActionRegMove(src_field=source, dst_field=target, n_bits=bits)

    return [
        move("eth_src", "eth_dst", 48),
        parser.OFPActionSetField(eth_src=switch.mac),
        parser.OFPActionSetField(arp_op=2),
        move("arp_sha", "arp_tha", 48),
        parser.OFPActionSetField(arp_sha=switch.mac),
        move("arp_tpa", "reg0", 32),
        move("arp_spa", "arp_tpa", 32),
        move("reg0", "arp_spa", 32),
        parser.OFPActionOutput(proto.OFPP_IN_PORT),
    ]


def arp_probe(mac: str, ip: str) -> bytes:
    """An ARP request by nobody, which the owner of the address answers (RFC 5227)."""
    packet = _api.packet.Packet()
    packet.add_protocol(_api.ethernet.ethernet(ethertype=ETH_ARP, src=mac, dst="ff:ff:ff:ff:ff:ff"))
    packet.add_protocol(
        _api.arp.arp(
            opcode=1, src_mac=mac, src_ip="0.0.0.0", dst_mac="00:00:00:00:00:00", dst_ip=ip
        )
    )
    packet.serialize()
    return bytes(packet.data)


def _numeric(ip: str) -> int:
    return int(struct.unpack("!I", bytes(int(part) for part in ip.split(".")))[0])
