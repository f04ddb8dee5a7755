# SPDX-License-Identifier: Apache-2.0
"""What all apps share: switches, ports, links found by LLDP, and the REST view.

A port is *up* by its OpenFlow port status. An up port with an LLDP neighbour is a fabric port;
one that has been up for a while without any is an edge port, where hosts are. A link goes when
either end goes down (at once, from port status), or when LLDP has been silent for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controllers import _api, _groups, _rest
from controllers._api import (
    CONF,
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    MAIN_DISPATCHER,
    cfg,
    hub,
    ofp_event,
    register_options,
    set_ev_cls,
)

register_options(
    [
        cfg.StrOpt("rest-host", default="127.0.0.1", help="address of the REST view"),
        cfg.IntOpt("rest-port", default=8080, help="TCP port of the REST view; 0: none"),
    ]
)

LLDP_PERIOD_S = 2.0
LLDP_SILENCE_S = 12.0
"""A backstop: port status tells of dead links at once. Long, so that a busy machine does not
take links away by being late."""
EDGE_AFTER_S = 3.0
"""A port without neighbour for so long is an edge port."""
LLDP_MULTICAST = "01:80:c2:00:00:0e"
LLDP_ETHERTYPE = 0x88CC
EVENTS_KEPT = 1000

COOKIE = 0xE1
"""Marks our flow entries."""


class Point(NamedTuple):
    """A port of a switch."""

    dpid: int
    port: int


@dataclass
class PortState:
    """One port as its switch describes it."""

    name: str
    mac: str
    up: bool
    up_since: float
    neighbour: Point | None = None
    heard: float = 0.0

    def is_edge(self, now: float) -> bool:
        """Whether hosts are there."""
        return self.up and self.neighbour is None and now - self.up_since >= EDGE_AFTER_S


@dataclass
class Switch:
    """One connected switch."""

    datapath: Any
    dpid: int
    name: str = ""
    ports: dict[int, PortState] = field(default_factory=dict)

    @property
    def mac(self) -> str:
        """Router MAC: locally administered, from the last bytes of the datapath id."""
        octets = (self.dpid & 0xFFFFFF).to_bytes(3, "big")
        return "02:e1:ff:" + ":".join(f"{octet:02x}" for octet in octets)


class FabricApp(_api.App):  # type: ignore[misc]
    """Base of the apps; subclasses override the methods named ``on_…`` and ``recompute``."""

    OFP_VERSIONS = [_api.ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log = logging.getLogger(type(self).__name__)
        # os-ken runs handlers, timers and the REST view on threads of their own.
        self.lock = threading.RLock()
        self.switches: dict[int, Switch] = {}
        self.events_seen: list[dict[str, Any]] = []
        self._edges: frozenset[Point] = frozenset()

    def start(self) -> Any:
        """Called by the runtime once all apps are made."""
        thread = super().start()
        hub.spawn(self._beat)
        if CONF.rest_port:
            _rest.serve(CONF.rest_host, CONF.rest_port, self._locked_views())
        return thread

    # -- for subclasses ----------------------------------------------------------

    def on_switch(self, switch: Switch) -> None:
        """A switch has connected and has no entries."""

    def on_packet(self, switch: Switch, in_port: int, message: Any) -> None:
        """A packet that is no LLDP came to the controller."""

    def on_flow_removed(self, switch: Switch, message: Any) -> None:
        """An entry has aged out."""

    def recompute(self) -> None:
        """Links, edge ports or switches have changed."""

    beat_s = 0.5
    """Seconds between two ticks."""

    def tick(self) -> None:
        """Called every ``beat_s``."""

    def views(self) -> dict[str, Any]:
        """Path to function; each returns what JSON can hold."""
        return {"/topology": self.view_topology, "/events": lambda: self.events_seen}

    # -- questions ---------------------------------------------------------------

    def links(self) -> dict[Point, Point]:
        """Every direction of every link whose two ends are up and agree."""
        found = {}
        for switch in self.switches.values():
            for number, port in switch.ports.items():
                other = port.neighbour
                if port.up and other is not None and other.dpid in self.switches:
                    far = self.switches[other.dpid].ports.get(other.port)
                    # LLDP in one direction only is a link that is still coming, or going.
                    if far is not None and far.up and far.neighbour == (switch.dpid, number):
                        found[Point(switch.dpid, number)] = other
        return found

    def edge_ports(self) -> frozenset[Point]:
        """Ports with hosts behind them."""
        now = time.monotonic()
        return frozenset(
            Point(switch.dpid, number)
            for switch in self.switches.values()
            for number, port in switch.ports.items()
            if port.is_edge(now)
        )

    def neighbours(self) -> dict[int, dict[int, list[int]]]:
        """Switch to neighbour to the ports that lead there, both in ascending order."""
        table: dict[int, dict[int, list[int]]] = {dpid: {} for dpid in sorted(self.switches)}
        for here, there in sorted(self.links().items()):
            table[here.dpid].setdefault(there.dpid, []).append(here.port)
        return table

    def note(self, what: str, **facts: Any) -> None:
        """Keep an event for the REST view, with the wall time at which it was seen."""
        self.events_seen.append({"time_s": time.time(), "what": what, **facts})
        del self.events_seen[:-EVENTS_KEPT]
        self.log.info("%s %s", what, facts)

    def view_topology(self) -> dict[str, Any]:
        """Switches with their ports, and the links between them."""
        now = time.monotonic()
        return {
            "runtime": _api.RUNTIME,
            "switches": [
                {
                    "dpid": f"{switch.dpid:016x}",
                    "name": switch.name,
                    "mac": switch.mac,
                    "ports": [
                        {"number": n, "name": p.name, "up": p.up, "edge": p.is_edge(now)}
                        for n, p in sorted(switch.ports.items())
                    ],
                }
                for switch in sorted(self.switches.values(), key=lambda s: s.dpid)
            ],
            "links": [
                {"from": self.port_name(a), "to": self.port_name(b)}
                for a, b in sorted(self.links().items())
            ],
        }

    def port_name(self, point: Point) -> str:
        """Name of a port as its switch calls it."""
        switch = self.switches.get(point.dpid)
        port = switch.ports.get(point.port) if switch else None
        return port.name if port else f"{point.dpid:x}:{point.port}"

    def switch_name(self, dpid: int) -> str:
        """Name of a switch: that of its bridge where it tells one."""
        switch = self.switches.get(dpid)
        return switch.name if switch and switch.name else f"{dpid:016x}"

    # -- messages ----------------------------------------------------------------

    @staticmethod
    def send_flow(
        switch: Switch, table: int, priority: int, match: Any, actions: list[Any] | None = None,
        *, goto: int | None = None, idle_s: int = 0, hard_s: int = 0, tell_removal: bool = False,
    ) -> None:  # fmt: skip
        """Add or replace a flow entry; neither actions nor goto: drop."""
        datapath = switch.datapath
        proto, parser = datapath.ofproto, datapath.ofproto_parser
        instructions = []
        if actions:
            instructions.append(parser.OFPInstructionActions(proto.OFPIT_APPLY_ACTIONS, actions))
        if goto is not None:
            instructions.append(parser.OFPInstructionGotoTable(goto))
        datapath.send_msg(
            parser.OFPFlowMod(
                datapath, cookie=COOKIE, table_id=table, command=proto.OFPFC_ADD,
                priority=priority, match=match, instructions=instructions,
                idle_timeout=idle_s, hard_timeout=hard_s,
                flags=proto.OFPFF_SEND_FLOW_REM if tell_removal else 0,
            )
        )  # fmt: skip

    @staticmethod
    def delete_flows(switch: Switch, table: int, match: Any) -> None:
        """Delete the entries of a table that a match covers."""
        datapath = switch.datapath
        proto, parser = datapath.ofproto, datapath.ofproto_parser
        datapath.send_msg(
            parser.OFPFlowMod(
                datapath, table_id=table, command=proto.OFPFC_DELETE,
                out_port=proto.OFPP_ANY, out_group=proto.OFPG_ANY, match=match,
            )
        )  # fmt: skip

    @staticmethod
    def send_select_group(
        switch: Switch, group: int, buckets: list[_groups.Bucket], *, new: bool
    ) -> None:
        """Add or change a select group."""
        switch.datapath.send_msg(_groups.select_group(switch.datapath, group, buckets, new=new))

    @staticmethod
    def send_packet(switch: Switch, port: int, data: bytes) -> None:
        """Let a switch send a packet out of a port."""
        datapath = switch.datapath
        proto, parser = datapath.ofproto, datapath.ofproto_parser
        datapath.send_msg(
            parser.OFPPacketOut(
                datapath=datapath, buffer_id=proto.OFP_NO_BUFFER,
                in_port=proto.OFPP_CONTROLLER,
                actions=[parser.OFPActionOutput(port)], data=data,
            )
        )  # fmt: skip

    # -- discovery ---------------------------------------------------------------

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def _connected(self, event: Any) -> None:
        datapath = event.msg.datapath
        proto, parser = datapath.ofproto, datapath.ofproto_parser
        with self.lock:
            switch = Switch(datapath, datapath.id)
            self.switches[datapath.id] = switch
            # A switch that comes back may have entries of the time before.
            self.delete_flows(switch, proto.OFPTT_ALL, parser.OFPMatch())
            datapath.send_msg(
                parser.OFPGroupMod(
                    datapath, proto.OFPGC_DELETE, proto.OFPGT_ALL, proto.OFPG_ALL, []
                )
            )
            datapath.send_msg(parser.OFPBarrierRequest(datapath))
            self.send_flow(
                switch, 0, 1000, parser.OFPMatch(eth_type=LLDP_ETHERTYPE),
                [parser.OFPActionOutput(proto.OFPP_CONTROLLER, proto.OFPCML_NO_BUFFER)],
            )  # fmt: skip
            self.on_switch(switch)
            datapath.send_msg(parser.OFPPortDescStatsRequest(datapath, 0))
            self.note("switch connected", switch=f"{datapath.id:016x}")

    @set_ev_cls(ofp_event.EventOFPPortDescStatsReply, MAIN_DISPATCHER)
    def _ports_described(self, event: Any) -> None:
        with self.lock:
            switch = self.switches.get(event.msg.datapath.id)
            if switch is None:
                return
            for port in event.msg.body:
                self._take_port(switch, port)
            self._send_lldp(switch)
            self.recompute()

    @set_ev_cls(ofp_event.EventOFPStateChange, DEAD_DISPATCHER)
    def _disconnected(self, event: Any) -> None:
        with self.lock:
            switch = self.switches.get(event.datapath.id)
            if switch is not None and switch.datapath is event.datapath:
                del self.switches[event.datapath.id]
                self.note("switch disconnected", switch=f"{event.datapath.id:016x}")
                self.recompute()

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def _port_changed(self, event: Any) -> None:
        message = event.msg
        with self.lock:
            switch = self.switches.get(message.datapath.id)
            if switch is None:
                return
            if message.reason == message.datapath.ofproto.OFPPR_DELETE:
                switch.ports.pop(message.desc.port_no, None)
            elif not self._take_port(switch, message.desc):
                return
            self._send_lldp(switch)
            self.recompute()

    def _take_port(self, switch: Switch, description: Any) -> bool:
        """Takes in what a switch says of a port; whether it went up or down."""
        proto = switch.datapath.ofproto
        number, name = description.port_no, description.name.decode(errors="replace").rstrip("\0")
        if number == proto.OFPP_LOCAL:
            switch.name = name
            return False
        if number > proto.OFPP_MAX:
            return False
        up = not (
            description.config & proto.OFPPC_PORT_DOWN or description.state & proto.OFPPS_LINK_DOWN
        )
        known = switch.ports.get(number)
        if known is not None and known.up == up:
            return False
        switch.ports[number] = PortState(name, description.hw_addr, up, time.monotonic())
        if known is not None:
            self.note("port up" if up else "port down", port=name)
        return True

    def _beat(self) -> None:
        """LLDP on every port, links that fell silent, ports that turned out to be edges."""
        last_sent = 0.0
        while True:
            hub.sleep(self.beat_s)
            with self.lock:
                try:
                    now = time.monotonic()
                    if now - last_sent >= LLDP_PERIOD_S:
                        last_sent = now
                        for switch in self.switches.values():
                            self._send_lldp(switch)
                    changed = self._forget_silent(now)
                    edges = self.edge_ports()
                    if changed or edges != self._edges:
                        self._edges = edges
                        self.recompute()
                    self.tick()
                except Exception:
                    # The beat must go on; what went wrong stands in the log.
                    self.log.exception("timer")

    def _forget_silent(self, now: float) -> bool:
        changed = False
        for switch in self.switches.values():
            for port in switch.ports.values():
                if port.neighbour is not None and now - port.heard > LLDP_SILENCE_S:
                    port.neighbour, changed = None, True
                    self.note("link silent", port=port.name)
        return changed

    def _send_lldp(self, switch: Switch) -> None:
        for number, port in switch.ports.items():
            if port.up:
                self.send_packet(switch, number, _lldp_frame(switch.dpid, number, port.mac))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def _packet_in(self, event: Any) -> None:
        message = event.msg
        in_port = message.match["in_port"]
        with self.lock:
            switch = self.switches.get(message.datapath.id)
            if switch is None:
                return
            if message.data[12:14] == LLDP_ETHERTYPE.to_bytes(2, "big"):
                self._heard(switch, in_port, message.data)
            else:
                self.on_packet(switch, in_port, message)

    def _heard(self, switch: Switch, in_port: int, data: bytes) -> None:
        origin = _read_lldp(data)
        port = switch.ports.get(in_port)
        if origin is None or port is None or not port.up:
            return
        port.heard = time.monotonic()
        if port.neighbour != origin:
            port.neighbour = origin
            self.note("link up", port=port.name, neighbour=self.port_name(origin))
            self.recompute()

    @set_ev_cls(ofp_event.EventOFPFlowRemoved, MAIN_DISPATCHER)
    def _flow_removed(self, event: Any) -> None:
        with self.lock:
            switch = self.switches.get(event.msg.datapath.id)
            if switch is not None:
                self.on_flow_removed(switch, event.msg)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def _refused(self, event: Any) -> None:
        message = event.msg
        self.log.error(
            "switch %016x refused a message: type %s code %s",
            message.datapath.id, message.type, message.code,
        )  # fmt: skip

    def _locked_views(self) -> dict[str, Any]:
        def locked(view: Any) -> Any:
            def answer() -> Any:
                with self.lock:
                    return view()

            return answer

        views = {path: locked(view) for path, view in self.views().items()}
        views["/"] = lambda: {"app": type(self).__name__, "paths": sorted(views)}
        return views


_SYSTEM = b"emu:"


def _lldp_frame(dpid: int, number: int, mac: str) -> bytes:
    lldp = _api.lldp
    packet = _api.packet.Packet()
    packet.add_protocol(
        _api.ethernet.ethernet(ethertype=LLDP_ETHERTYPE, src=mac, dst=LLDP_MULTICAST)
    )
    packet.add_protocol(
        lldp.lldp(
            [
                lldp.ChassisID(
                    subtype=lldp.ChassisID.SUB_LOCALLY_ASSIGNED,
                    chassis_id=_SYSTEM + f"{dpid:016x}".encode(),
                ),
                lldp.PortID(subtype=lldp.PortID.SUB_LOCALLY_ASSIGNED, port_id=str(number).encode()),
                lldp.TTL(ttl=int(LLDP_SILENCE_S)),
                lldp.End(),
            ]
        )
    )
    packet.serialize()
    return bytes(packet.data)


def _read_lldp(data: bytes) -> Point | None:
    """Switch and port that sent one of our frames; None for anybody else's."""
    frame = _api.packet.Packet(data).get_protocol(_api.lldp.lldp)
    if frame is None or len(frame.tlvs) < 2:
        return None
    chassis, port = frame.tlvs[0], frame.tlvs[1]
    if not bytes(getattr(chassis, "chassis_id", b"")).startswith(_SYSTEM):
        return None
    try:
        return Point(int(chassis.chassis_id[len(_SYSTEM) :], 16), int(port.port_id))
    except ValueError:
        return None
