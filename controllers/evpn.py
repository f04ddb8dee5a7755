# SPDX-License-Identifier: Apache-2.0
"""A VTEP on Open vSwitch, with BGP EVPN: one process per leaf, beside its overlay bridge.

- Local MACs are learned at the bridge's edge ports, and addresses from ARP; both go to the
  route reflector as type-2 routes, and the VTEP itself as a type-3 route.
- MACs of other VTEPs come from the reflector only. Nothing is learned from the tunnel, and
  what comes out of it never goes back in (split horizon).
- Broadcast and unknown MACs go to every VTEP that has announced itself (ingress replication).
- A request for an address that is known is answered here (ARP suppression, RFC 9161); only
  the others are flooded.

The bridge has one tunnel port that takes its remote end from the flow:

    ovs-vsctl add-port BRIDGE vxlan0 -- set interface vxlan0 type=vxlan \\
        options:remote_ip=flow options:key=flow

The underlay is somebody else's: FRR, or ``l3.py``.

REST: /topology, /macs, /vteps, /events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controllers import _api
from controllers._api import CONF, cfg, register_options
from controllers._fabric import FabricApp, Point, Switch

register_options(
    [
        cfg.StrOpt("vtep", default="198.19.0.1", help="address of this VTEP"),
        cfg.IntOpt("vni", default=10, help="the segment's VNI"),
        cfg.IntOpt("asn", default=65000, help="AS of the VTEPs and of the route reflector"),
        cfg.StrOpt("reflector", default="198.19.128.1", help="address of the route reflector"),
        cfg.StrOpt("bgp-address", default="198.19.128.10", help="own address of the session"),
        cfg.StrOpt("tunnel-port", default="vxlan", help="how the tunnel port's name begins"),
        cfg.IntOpt(
            "entropy-marks",
            default=0,
            help="packet marks from this number on tell flows apart in the underlay; "
            "a power of two, and a route for each of as many marks must exist; 0: none",
        ),
        cfg.IntOpt("evpn-mac-age", default=300, help="seconds until a silent MAC is withdrawn"),
    ]
)

ETH_ARP = 0x0806
TABLE_SOURCE, TABLE_FROM_HOST, TABLE_FROM_TUNNEL = 0, 1, 2
GROUP_ALL, GROUP_LOCAL = 1, 2
PMSI_INGRESS_REPLICATION = 6
HASH_SYMMETRIC_L3L4_UDP, ALGORITHM_MODULO = 3, 0
"""NX_HASH_FIELDS_SYMMETRIC_L3L4_UDP and NX_MP_ALG_MODULO_N of Open vSwitch."""


@dataclass(frozen=True)
class RemoteMac:
    """A type-2 route of another VTEP."""

    mac: str
    ip: str
    vtep: str


class Evpn(FabricApp):
    """One VTEP's control plane."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.local: dict[str, Point] = {}
        self.addresses: dict[str, str] = {}
        """Local address to MAC, from ARP."""
        self.remote: dict[tuple[str, str], RemoteMac] = {}
        """By MAC and address; the address is empty in a route for the MAC alone."""
        self.vteps: set[str] = set()
        self.sessions: set[str] = set()
        self._installed: dict[tuple[int, str], object] = {}
        self._floods: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._roles: dict[Point, str] = {}
        self._route_dist = f"{CONF.vtep}:{CONF.vni}"
        self._speaker: Any = None

    def start(self) -> Any:
        """Open the session once the app runs."""
        thread = super().start()
        bgp = _api.bgp_speaker()
        self._speaker = bgp.BGPSpeaker(
            as_number=CONF.asn,
            router_id=CONF.vtep,
            bgp_server_port=0,
            best_path_change_handler=self._route_changed,
            peer_up_handler=lambda address, _: self._session(address, True),
            peer_down_handler=lambda address, _: self._session(address, False),
        )
        target = f"{CONF.asn}:{CONF.vni}"
        self._speaker.vrf_add(self._route_dist, [target], [target], route_family="evpn")
        self._speaker.neighbor_add(
            CONF.reflector, CONF.asn, enable_ipv4=False, enable_vpnv4=False, enable_evpn=True,
            local_address=CONF.bgp_address, connect_mode="active",
        )  # fmt: skip
        self._speaker.in_filter_set(CONF.reflector, [_not_back(self._route_dist)])
        self._speaker.evpn_prefix_add(
            "multicast_etag", self._route_dist, ethernet_tag_id=0, ip_addr=CONF.vtep,
            vni=CONF.vni, next_hop=CONF.vtep, tunnel_type="vxlan",
            pmsi_tunnel_type=PMSI_INGRESS_REPLICATION,
        )  # fmt: skip
        return thread

    # -- BGP ---------------------------------------------------------------------

    def _session(self, address: str, up: bool) -> None:
        with self.lock:
            (self.sessions.add if up else self.sessions.discard)(str(address))
            self.note("session up" if up else "session down", peer=str(address))

    def _route_changed(self, event: Any) -> None:
        nlri, vtep = event.path.nlri, str(event.nexthop)
        kind = getattr(nlri, "ROUTE_TYPE_NAME", "")
        with self.lock:
            if kind == "multicast_etag" and nlri.ip_addr != CONF.vtep:
                self._take_vtep(str(nlri.ip_addr), event.is_withdraw)
            elif kind == "mac_ip_adv" and nlri.route_dist != self._route_dist:
                self._take_mac(nlri, vtep, event.is_withdraw)

    def _take_vtep(self, vtep: str, gone: bool) -> None:
        (self.vteps.discard if gone else self.vteps.add)(vtep)
        self.note("VTEP gone" if gone else "VTEP", address=vtep)
        self.recompute()

    def _take_mac(self, nlri: Any, vtep: str, gone: bool) -> None:
        mac, ip = str(nlri.mac_addr).lower(), str(nlri.ip_addr or "")
        if gone:
            self.remote.pop((mac, ip), None)
        else:
            self.remote[mac, ip] = RemoteMac(mac, ip, vtep)
            if mac in self.local:
                # The host has moved: the other side saw it last.
                self._forget(mac)
        self.note("route withdrawn" if gone else "route", mac=mac, ip=ip, vtep=vtep)
        self._send_mac(mac)

    def _announce(self, mac: str, ip: str = "") -> None:
        self._speaker.evpn_prefix_add(
            "mac_ip_adv", self._route_dist, esi=0, ethernet_tag_id=0, mac_addr=mac,
            ip_addr=ip or None, vni=CONF.vni, next_hop=CONF.vtep, tunnel_type="vxlan",
        )  # fmt: skip

    def _withdraw(self, mac: str, ip: str = "") -> None:
        self._speaker.evpn_prefix_del(
            "mac_ip_adv", self._route_dist, esi=0, ethernet_tag_id=0, mac_addr=mac,
            ip_addr=ip or None,
        )  # fmt: skip

    # -- the bridge --------------------------------------------------------------

    def on_switch(self, switch: Switch) -> None:
        """Tables without MACs: from hosts to everybody, from the tunnel to hosts."""
        here = switch.dpid
        self._roles = {key: v for key, v in self._roles.items() if key.dpid != here}
        self._installed = {key: v for key, v in self._installed.items() if key[0] != here}
        datapath = switch.datapath
        parser, proto = datapath.ofproto_parser, datapath.ofproto
        for group, table in ((GROUP_ALL, TABLE_FROM_HOST), (GROUP_LOCAL, TABLE_FROM_TUNNEL)):
            datapath.send_msg(
                parser.OFPGroupMod(datapath, proto.OFPGC_ADD, proto.OFPGT_ALL, group, [])
            )
            self._floods[here, group] = ()
            flood = [parser.OFPActionGroup(group)]
            self.send_flow(switch, table, 0, parser.OFPMatch(), flood)
        self.send_flow(switch, TABLE_SOURCE, 0, parser.OFPMatch())

    def _tunnel(self, switch: Switch) -> int:
        for number, port in switch.ports.items():
            if port.name.startswith(CONF.tunnel_port):
                return number
        return 0

    def recompute(self) -> None:
        """Ports and floods; only what changed is sent."""
        edges = self.edge_ports()
        for switch in self.switches.values():
            tunnel = self._tunnel(switch)
            hosts = sorted(p.port for p in edges if p.dpid == switch.dpid and p.port != tunnel)
            for port in hosts:
                self._admit(switch, port)
            self._admit_tunnel(switch, tunnel)
            self._send_flood(switch, GROUP_LOCAL, hosts, 0)
            self._send_flood(switch, GROUP_ALL, hosts, tunnel)
            for mac in sorted({*self.local, *(mac for mac, _ in self.remote)}):
                self._send_mac(mac)
        for mac, at in list(self.local.items()):
            switch = self.switches.get(at.dpid)
            if switch is None or at.port not in switch.ports or not switch.ports[at.port].up:
                self._forget(mac)

    def _admit(self, switch: Switch, port: int) -> None:
        if self._roles.get(Point(switch.dpid, port)) == "host":
            return
        self._roles[Point(switch.dpid, port)] = "host"
        parser, proto = switch.datapath.ofproto_parser, switch.datapath.ofproto
        to_controller = parser.OFPActionOutput(proto.OFPP_CONTROLLER, proto.OFPCML_NO_BUFFER)
        request = parser.OFPMatch(in_port=port, eth_type=ETH_ARP, arp_op=1)
        self.send_flow(switch, TABLE_SOURCE, 40, request, [to_controller])
        reply = parser.OFPMatch(in_port=port, eth_type=ETH_ARP, arp_op=2)
        self.send_flow(switch, TABLE_SOURCE, 40, reply, [to_controller], goto=TABLE_FROM_HOST)
        unknown = parser.OFPMatch(in_port=port)
        self.send_flow(switch, TABLE_SOURCE, 10, unknown, [to_controller], goto=TABLE_FROM_HOST)

    def _admit_tunnel(self, switch: Switch, tunnel: int) -> None:
        if not tunnel or self._roles.get(Point(switch.dpid, tunnel)) == "tunnel":
            return
        self._roles[Point(switch.dpid, tunnel)] = "tunnel"
        parser = switch.datapath.ofproto_parser
        match = parser.OFPMatch(in_port=tunnel, tunnel_id=CONF.vni)
        self.send_flow(switch, TABLE_SOURCE, 50, match, goto=TABLE_FROM_TUNNEL)

    def _to_vtep(self, parser: Any, vtep: str, tunnel: int) -> list[Any]:
        return [
            parser.OFPActionSetField(tunnel_id=CONF.vni),
            parser.OFPActionSetField(tun_ipv4_dst=vtep),
            parser.OFPActionOutput(tunnel),
        ]

    def _entropy(self, parser: Any) -> list[Any]:
        """Actions that put a hash of the inner 5-tuple into the packet's mark.

        Open vSwitch looks the underlay's entries up before the outer source port is known, so
        what the underlay is to hash has to be told it in another way.
        """
        marks = CONF.entropy_marks
        if not marks:
            return []
        return [
            parser.OFPActionSetField(pkt_mark=marks),
            parser.NXActionMultipath(
                fields=HASH_SYMMETRIC_L3L4_UDP, basis=0, algorithm=ALGORITHM_MODULO,
                max_link=marks - 1, arg=0, ofs_nbits=marks.bit_length() - 2, dst="pkt_mark",
            ),
        ]  # fmt: skip

    def _send_flood(self, switch: Switch, group: int, hosts: list[int], tunnel: int) -> None:
        vteps = sorted(self.vteps) if tunnel else []
        wanted = (*hosts, *vteps)
        if self._floods.get((switch.dpid, group)) == wanted:
            return
        self._floods[switch.dpid, group] = wanted
        datapath = switch.datapath
        parser, proto = datapath.ofproto_parser, datapath.ofproto
        ways = [[parser.OFPActionOutput(port)] for port in hosts]
        ways += [self._to_vtep(parser, vtep, tunnel) for vtep in vteps]
        buckets = [
            parser.OFPBucket(watch_port=proto.OFPP_ANY, watch_group=proto.OFPG_ANY, actions=actions)
            for actions in ways
        ]
        datapath.send_msg(
            parser.OFPGroupMod(datapath, proto.OFPGC_MODIFY, proto.OFPGT_ALL, group, buckets)
        )

    def _send_mac(self, mac: str) -> None:
        """The entries of one MAC on every bridge of this VTEP."""
        at = self.local.get(mac)
        vtep = next((r.vtep for (m, _), r in sorted(self.remote.items()) if m == mac), "")
        for switch in self.switches.values():
            parser = switch.datapath.ofproto_parser
            match = parser.OFPMatch(eth_dst=mac)
            tunnel = self._tunnel(switch)
            way: object = at if at is not None else (vtep, tunnel) if vtep and tunnel else None
            key = (switch.dpid, mac)
            if self._installed.get(key) == way:
                continue
            for table in (TABLE_FROM_HOST, TABLE_FROM_TUNNEL):
                self.delete_flows(switch, table, match)
            if way is None:
                self._installed.pop(key, None)
                continue
            self._installed[key] = way
            if at is not None:
                actions = [parser.OFPActionOutput(at.port)]
                self.send_flow(switch, TABLE_FROM_TUNNEL, 100, match, actions)
            else:
                actions = [*self._entropy(parser), *self._to_vtep(parser, vtep, tunnel)]
            self.send_flow(switch, TABLE_FROM_HOST, 100, match, actions)

    # -- hosts -------------------------------------------------------------------

    def on_packet(self, switch: Switch, in_port: int, message: Any) -> None:
        """Learn at an edge; answer ARP for what is known, flood the rest."""
        at = Point(switch.dpid, in_port)
        if self._roles.get(at) != "host":
            return
        mac = ":".join(f"{octet:02x}" for octet in message.data[6:12])
        if not int(mac[:2], 16) & 1:
            self._learn(switch, at, mac)
        arp = _api.packet.Packet(message.data).get_protocol(_api.arp.arp)
        if arp is None:
            return
        if arp.src_ip != "0.0.0.0" and self.addresses.get(arp.src_ip) != arp.src_mac:
            self.addresses[arp.src_ip] = arp.src_mac
            self._announce(arp.src_mac, arp.src_ip)
        if arp.opcode == 1:
            self._answer(switch, in_port, arp, message.data)

    def _answer(self, switch: Switch, in_port: int, arp: Any, data: bytes) -> None:
        known = {r.ip: r.mac for r in self.remote.values() if r.ip} | self.addresses
        owner = known.get(arp.dst_ip)
        if owner is not None and arp.dst_ip != arp.src_ip:
            self.send_packet(switch, in_port, _arp_reply(arp, owner))
            return
        datapath = switch.datapath
        parser, proto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(
            parser.OFPPacketOut(
                datapath=datapath, buffer_id=proto.OFP_NO_BUFFER, in_port=in_port,
                actions=[parser.OFPActionGroup(GROUP_ALL)], data=data,
            )
        )  # fmt: skip

    def _learn(self, switch: Switch, at: Point, mac: str) -> None:
        if self.local.get(mac) == at:
            return
        known = mac in self.local
        if known:
            self._forget(mac)
        self.local[mac] = at
        self.note("MAC moved" if known else "MAC learned", mac=mac, port=self.port_name(at))
        parser = switch.datapath.ofproto_parser
        self.send_flow(
            switch, TABLE_SOURCE, 20, parser.OFPMatch(in_port=at.port, eth_src=mac),
            goto=TABLE_FROM_HOST, idle_s=CONF.evpn_mac_age, tell_removal=True,
        )  # fmt: skip
        self._send_mac(mac)
        self._announce(mac)

    def on_flow_removed(self, switch: Switch, message: Any) -> None:
        """A host was silent for the age of a MAC."""
        mac = message.match.get("eth_src")
        idle = message.reason == switch.datapath.ofproto.OFPRR_IDLE_TIMEOUT
        if mac is not None and idle and mac in self.local:
            self.note("MAC aged out", mac=mac)
            self._forget(mac)

    def _forget(self, mac: str) -> None:
        at = self.local.pop(mac)
        self._withdraw(mac)
        for ip in [ip for ip, owner in self.addresses.items() if owner == mac]:
            del self.addresses[ip]
            self._withdraw(mac, ip)
        switch = self.switches.get(at.dpid)
        if switch is not None:
            parser = switch.datapath.ofproto_parser
            match = parser.OFPMatch(in_port=at.port, eth_src=mac)
            self.delete_flows(switch, TABLE_SOURCE, match)
        self._send_mac(mac)

    # -- REST --------------------------------------------------------------------

    def views(self) -> dict[str, Any]:
        """The common ones, MACs and VTEPs."""
        return {**super().views(), "/macs": self.view_macs, "/vteps": self.view_vteps}

    def view_macs(self) -> list[dict[str, str]]:
        """Local MACs with their ports, remote ones with their VTEPs."""
        owners = {mac: ip for ip, mac in self.addresses.items()}
        rows = [
            {"mac": mac, "ip": owners.get(mac, ""), "port": self.port_name(at)}
            for mac, at in sorted(self.local.items())
        ]
        rows += [{"mac": r.mac, "ip": r.ip, "vtep": r.vtep} for _, r in sorted(self.remote.items())]
        return rows

    def view_vteps(self) -> dict[str, Any]:
        """This VTEP, the others, and the sessions that are up."""
        return {
            "vtep": CONF.vtep,
            "vni": CONF.vni,
            "others": sorted(self.vteps),
            "sessions": sorted(self.sessions),
        }


def _not_back(route_dist: str) -> Any:
    """A filter that refuses our own routes when they come back.

    FRR sends a route to all of an update group, its originator included, and leaves it to
    the ORIGINATOR_ID to be refused there (RFC 4456, section 8). The BGP speaker of os-ken
    and Ryu does not look at that: the route would stay as a second path, and could never be
    withdrawn.
    """
    base = _api.load("services.protocols.bgp.info_base.base")

    class NotBack(base.Filter):  # type: ignore[misc, name-defined]
        ROUTE_FAMILY = _api.load("lib.packet.bgp").RF_L2_EVPN
        prefix = route_dist
        """What the speaker says of a route that was refused."""

        def evaluate(self, path: Any) -> tuple[int, bool]:
            return self.policy, getattr(path.nlri, "route_dist", "") == route_dist

        def clone(self) -> Any:
            return NotBack(self.policy)

    return NotBack(base.Filter.POLICY_DENY)


def _arp_reply(request: Any, owner: str) -> bytes:
    packet = _api.packet.Packet()
    packet.add_protocol(_api.ethernet.ethernet(ethertype=ETH_ARP, src=owner, dst=request.src_mac))
    packet.add_protocol(
        _api.arp.arp(
            opcode=2, src_mac=owner, src_ip=request.dst_ip,
            dst_mac=request.src_mac, dst_ip=request.src_ip,
        )
    )  # fmt: skip
    packet.serialize()
    return bytes(packet.data)
