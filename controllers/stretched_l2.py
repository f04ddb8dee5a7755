# SPDX-License-Identifier: Apache-2.0
"""One layer-2 segment over the whole fabric: learning, ageing, flooding on a spanning tree.

- A MAC is learned at an edge port when the switch there has no entry for it. The entry (port,
  source MAC) ages out when the host is silent, and with it every entry that leads to the MAC.
- Unknown destinations, broadcast and multicast are flooded on a tree, so no loop can carry
  them twice. The tree is the controller's: breadth first from the switch of lowest rank
  that is no leaf.
- ``--l2-mode tree`` sends known MACs along the tree too. ``--l2-mode mlag`` makes the spines
  act as one bridge: a leaf has one bundle over all its uplinks and picks the member by a
  hash (a select group), while floods still use one spine only.

Variants of the same design without a controller: Open vSwitch's RSTP (``emu lab up
--design stretched-l2/rstp``).

REST: /topology, /macs, /tree, /groups, /events.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from controllers._api import CONF, cfg, register_options
from controllers._fabric import FabricApp, Point, Switch
from controllers._groups import Bucket, hash_ports, hash_seed, keep_source, restore_source

register_options(
    [
        cfg.StrOpt("l2-mode", default="tree", choices=["tree", "mlag"], help="tree or mlag"),
        cfg.IntOpt("mac-age", default=300, help="seconds until a silent MAC is forgotten"),
    ]
)

TABLE_SOURCE, TABLE_FORWARD = 0, 1
ETH_IPV4 = 0x0800
UDP = 17
GROUP_FLOOD = 1
GROUP_BUNDLE_FIRST = 100


def spanning_tree(
    neighbours: dict[int, dict[int, list[int]]], leaves: set[int]
) -> dict[int, dict[int, int]]:
    """Switch to its tree neighbours and the port to each; of parallel links the first.

    >>> spanning_tree({1: {3: [5], 4: [6]}, 2: {3: [5], 4: [6]},
    ...                3: {1: [1], 2: [2]}, 4: {1: [1], 2: [2]}}, {1, 2})
    {1: {3: 5}, 2: {3: 5}, 3: {1: 1, 2: 2}, 4: {}}
    """
    tree: dict[int, dict[int, int]] = {dpid: {} for dpid in neighbours}
    if not neighbours:
        return tree
    root = min(neighbours, key=lambda dpid: (dpid in leaves, dpid))
    seen, queue = {root}, deque([root])
    while queue:
        here = queue.popleft()
        # Leaves last, so that a spine hangs on a spine only if there is no other way.
        for other in sorted(neighbours[here], key=lambda dpid: (dpid not in leaves, dpid)):
            if other not in seen:
                seen.add(other)
                queue.append(other)
                tree[here][other] = neighbours[here][other][0]
                tree[other][here] = neighbours[other][here][0]
    # A switch without hosts at the end of a branch leads nowhere.
    trimmed = True
    while trimmed:
        trimmed = False
        for dpid, branches in tree.items():
            if dpid not in leaves and len(branches) == 1:
                (other,) = branches
                branches.clear()
                del tree[other][dpid]
                trimmed = True
    return tree


def ports_towards(tree: dict[int, dict[int, int]], destination: int) -> dict[int, int]:
    """Every other switch's port along the tree to a switch; those cut off are missing.

    >>> ports_towards({1: {3: 5}, 2: {3: 6}, 3: {1: 1, 2: 2}}, 2)
    {3: 2, 1: 5}
    """
    found: dict[int, int] = {}
    seen, queue = {destination}, deque([destination])
    while queue:
        here = queue.popleft()
        for other in tree[here]:
            if other not in seen:
                seen.add(other)
                found[other] = tree[other][here]
                queue.append(other)
    return found


class StretchedL2(FabricApp):
    """The bridged design under one controller."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.macs: dict[str, Point] = {}
        self.tree: dict[int, dict[int, int]] = {}
        self._roles: dict[Point, str] = {}
        self._flood: dict[int, tuple[int, ...]] = {}
        self._bundle: dict[tuple[int, int], tuple[int, ...]] = {}
        """(switch, destination leaf) to the ports of its group."""
        self._forward: dict[tuple[int, str], int] = {}
        """(switch, MAC) to the port, or to minus the group."""

    # -- what every switch has ---------------------------------------------------

    def on_switch(self, switch: Switch) -> None:
        """Nothing is known: whatever comes is told to the controller, and flooded."""
        here = switch.dpid
        self._roles = {key: role for key, role in self._roles.items() if key.dpid != here}
        self._bundle = {key: ports for key, ports in self._bundle.items() if key[0] != here}
        self._forward = {key: way for key, way in self._forward.items() if key[0] != here}
        parser, proto = switch.datapath.ofproto_parser, switch.datapath.ofproto
        # Until the controller knows which ports lead to other switches nothing may pass: a
        # flood before that would go round.
        self.send_flow(switch, TABLE_SOURCE, 0, parser.OFPMatch())
        datapath = switch.datapath
        datapath.send_msg(
            parser.OFPGroupMod(datapath, proto.OFPGC_ADD, proto.OFPGT_ALL, GROUP_FLOOD, [])
        )
        self._flood[switch.dpid] = ()
        self.send_flow(
            switch, TABLE_FORWARD, 0, parser.OFPMatch(), [parser.OFPActionGroup(GROUP_FLOOD)]
        )

    def recompute(self) -> None:
        """Tree, flood groups, bundles and entries; only what changed is sent."""
        neighbours = self.neighbours()
        edges = self.edge_ports()
        leaves = {point.dpid for point in edges} | {at.dpid for at in self.macs.values()}
        tree = spanning_tree(neighbours, leaves & set(self.switches))
        if tree != self.tree:
            self.note("tree changed", links=sum(map(len, tree.values())) // 2)
        self.tree = tree
        for switch in self.switches.values():
            self._admit(switch, edges)
            self._send_flood(switch, edges)
        for mac in [mac for mac, at in self.macs.items() if not self._is_there(at)]:
            self._forget(mac)
        for mac in sorted(self.macs):
            self._send_mac(mac, neighbours)

    def _is_there(self, at: Point) -> bool:
        switch = self.switches.get(at.dpid)
        port = switch.ports.get(at.port) if switch else None
        return port is not None and port.up

    def _admit(self, switch: Switch, edges: frozenset[Point]) -> None:
        """Edge ports learn; fabric ports only forward."""
        parser, proto = switch.datapath.ofproto_parser, switch.datapath.ofproto
        to_controller = parser.OFPActionOutput(proto.OFPP_CONTROLLER, 128)
        for number, port in switch.ports.items():
            match = parser.OFPMatch(in_port=number)
            role = "edge" if Point(switch.dpid, number) in edges else ""
            role = "fabric" if port.neighbour is not None else role
            if self._roles.get(Point(switch.dpid, number)) == role:
                continue
            self._roles[Point(switch.dpid, number)] = role
            if role == "fabric":
                self.send_flow(switch, TABLE_SOURCE, 10, match, goto=TABLE_FORWARD)
            elif role == "edge":
                self.send_flow(switch, TABLE_SOURCE, 10, match, [to_controller], goto=TABLE_FORWARD)
            else:
                self.send_flow(switch, TABLE_SOURCE, 10, match)

    def _send_flood(self, switch: Switch, edges: frozenset[Point]) -> None:
        ports = {point.port for point in edges if point.dpid == switch.dpid}
        ports |= set(self.tree.get(switch.dpid, {}).values())
        wanted = tuple(sorted(ports))
        if self._flood.get(switch.dpid) == wanted:
            return
        self._flood[switch.dpid] = wanted
        datapath = switch.datapath
        parser, proto = datapath.ofproto_parser, datapath.ofproto
        buckets = [
            parser.OFPBucket(
                watch_port=proto.OFPP_ANY,
                watch_group=proto.OFPG_ANY,
                actions=[parser.OFPActionOutput(port)],
            )
            for port in wanted
        ]
        datapath.send_msg(
            parser.OFPGroupMod(datapath, proto.OFPGC_MODIFY, proto.OFPGT_ALL, GROUP_FLOOD, buckets)
        )

    # -- MACs --------------------------------------------------------------------

    def on_packet(self, switch: Switch, in_port: int, message: Any) -> None:
        """A source that the switch at the edge does not know."""
        port = switch.ports.get(in_port)
        mac = ":".join(f"{octet:02x}" for octet in message.data[6:12])
        if port is None or port.neighbour is not None or int(mac[:2], 16) & 1:
            return
        at = Point(switch.dpid, in_port)
        known = self.macs.get(mac)
        if known == at:
            return
        if known is not None:
            self._forget(mac)
        self.macs[mac] = at
        self.note("MAC moved" if known else "MAC learned", mac=mac, port=self.port_name(at))
        parser = switch.datapath.ofproto_parser
        self.send_flow(
            switch, TABLE_SOURCE, 20, parser.OFPMatch(in_port=in_port, eth_src=mac),
            goto=TABLE_FORWARD, idle_s=CONF.mac_age, tell_removal=True,
        )  # fmt: skip
        self._send_mac(mac, self.neighbours())

    def on_flow_removed(self, switch: Switch, message: Any) -> None:
        """A host was silent for the age of a MAC."""
        mac = message.match.get("eth_src")
        idle = message.reason == switch.datapath.ofproto.OFPRR_IDLE_TIMEOUT
        if mac is None or not idle:
            return
        if self.macs.get(mac) == Point(switch.dpid, message.match["in_port"]):
            self.note("MAC aged out", mac=mac)
            self._forget(mac)

    def _forget(self, mac: str) -> None:
        at = self.macs.pop(mac)
        for switch in self.switches.values():
            parser = switch.datapath.ofproto_parser
            if self._forward.pop((switch.dpid, mac), None) is not None:
                self.delete_flows(switch, TABLE_FORWARD, parser.OFPMatch(eth_dst=mac))
        old = self.switches.get(at.dpid)
        if old is not None:
            parser = old.datapath.ofproto_parser
            match = parser.OFPMatch(in_port=at.port, eth_src=mac)
            self.delete_flows(old, TABLE_SOURCE, match)

    def _send_mac(self, mac: str, neighbours: dict[int, dict[int, list[int]]]) -> None:
        at = self.macs[mac]
        along = ports_towards(self.tree, at.dpid) if at.dpid in self.tree else {}
        for switch in self.switches.values():
            parser = switch.datapath.ofproto_parser
            match = parser.OFPMatch(eth_dst=mac)
            way = 0
            if switch.dpid == at.dpid:
                way = at.port
            elif CONF.l2_mode == "mlag":
                way = self._bundle_way(switch, at.dpid, neighbours)
            way = way or along.get(switch.dpid, 0)
            key = (switch.dpid, mac)
            if way == self._forward.get(key, 0):
                continue
            if way == 0:
                del self._forward[key]
                self.delete_flows(switch, TABLE_FORWARD, match)
                continue
            self._forward[key] = way
            if way > 0:
                self.send_flow(switch, TABLE_FORWARD, 100, match, [parser.OFPActionOutput(way)])
                continue
            group = parser.OFPActionGroup(-way)
            seed, ports = hash_seed(parser, switch.dpid), hash_ports(parser)
            self.send_flow(switch, TABLE_FORWARD, 100, match, [*keep_source(parser), *seed, group])
            udp = parser.OFPMatch(eth_dst=mac, eth_type=ETH_IPV4, ip_proto=UDP)
            self.send_flow(
                switch, TABLE_FORWARD, 110, udp, [*keep_source(parser), *seed, *ports, group]
            )

    def _bundle_way(
        self, switch: Switch, leaf: int, neighbours: dict[int, dict[int, list[int]]]
    ) -> int:
        """The bundle to another leaf: every port whose switch has a link to that leaf."""
        direct = neighbours[switch.dpid].get(leaf)
        leaves = {point.dpid for point in self.edge_ports()}
        ports = tuple(direct or ())
        if not direct:
            ports = tuple(
                port
                for other, through in sorted(neighbours[switch.dpid].items())
                if other not in leaves and leaf in neighbours.get(other, {})
                for port in through
            )
        key = (switch.dpid, leaf)
        if not ports and key not in self._bundle:
            return 0
        group = GROUP_BUNDLE_FIRST + leaf
        if self._bundle.get(key) != ports:
            parser = switch.datapath.ofproto_parser
            buckets = [
                Bucket(port, (*restore_source(parser), parser.OFPActionOutput(port)))
                for port in ports
            ]
            self.send_select_group(switch, group, buckets, new=key not in self._bundle)
            self._bundle[key] = ports
            self.note("bundle changed", switch=switch.name, ports=len(ports))
        return -group if ports else 0

    # -- REST --------------------------------------------------------------------

    def views(self) -> dict[str, Any]:
        """The common ones, MACs, tree and groups."""
        return {
            **super().views(),
            "/macs": self.view_macs,
            "/tree": self.view_tree,
            "/groups": self.view_groups,
        }

    def view_macs(self) -> list[dict[str, str]]:
        """Every MAC and the edge port it was learned on."""
        return [{"mac": mac, "port": self.port_name(at)} for mac, at in sorted(self.macs.items())]

    def view_tree(self) -> list[str]:
        """Ports of the tree."""
        return [
            self.port_name(Point(dpid, port))
            for dpid, branches in sorted(self.tree.items())
            for port in branches.values()
        ]

    def view_groups(self) -> list[dict[str, Any]]:
        """Bundles towards leaves."""
        return [
            {
                "switch": self.switch_name(dpid),
                "to": self.switch_name(leaf),
                "ports": [self.port_name(Point(dpid, port)) for port in ports],
            }
            for (dpid, leaf), ports in sorted(self._bundle.items())
            if dpid in self.switches
        ]
