# SPDX-License-Identifier: Apache-2.0
"""State of a bridged domain from what its bridges know.

A logical port of a switch is one group: a bundle towards a neighbour bridge, or a
host. What is learned points to logical ports; their members change underneath.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from emu.fabric.bridging import Bridges
from emu.fabric.designs.routed import Row
from emu.fabric.forwarding import FLOOD, INGRESS_UNLEARNED, PORT_BLOCKED, PORT_UNLEARNED
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home, preferred


@dataclass(frozen=True)
class View:
    """What the bridges know at one moment."""

    in_use: tuple[tuple[int, ...], ...]
    """Per endpoint the numbers of its ports that it uses."""
    tree: frozenset[int]
    """Bundles that forward."""
    lag_dead: frozenset[int] = frozenset()
    """Links taken out of their LAG."""
    peer_dead: frozenset[int] = frozenset()
    """Links whose loss the partner of an MLAG pair has agreed to make up for."""


class _Logical(NamedTuple):
    """A logical port of one switch row: its own ports and its partner's, with their links."""

    group: int
    row: int
    bundle: int
    """-1 for a host."""
    endpoint: int
    own: tuple[tuple[int, int], ...]
    partner: tuple[tuple[int, int], ...]


class BridgedState:
    """Groups, port roles, MAC table and flooding for any view.

    Parameters
    ----------
    all_ports : bool
        Whether endpoints use all of their ports, or one.
    bundles : frozenset of int
        Those that forward at some time; the others need no logical ports.
    """

    def __init__(
        self,
        fabric: Fabric,
        bridges: Bridges,
        groups: GroupTable,
        homes: Sequence[tuple[Home, ...]],
        all_ports: bool,
        bundles: frozenset[int],
    ) -> None:
        self.bridges = bridges
        self.groups = groups
        self._fabric = fabric
        self._homes = homes
        self._all_ports = all_ports
        self._behind: dict[frozenset[int], dict[tuple[int, int], frozenset[int]]] = {}
        first = fabric.n_endpoints
        self._partner = {
            a: b for rows in bridges.members if len(rows) == 2 for a, b in (rows, rows[::-1])
        }
        self._peer_ports: dict[int, tuple[int, ...]] = {
            row: tuple(
                p
                for p in fabric.ports_of(first + row)
                if fabric.links[fabric.ports[p].link].kind == "peer"
            )
            for row in self._partner
        }
        self._peer_group = {
            row: groups.of_key(("peer", row), ports) for row, ports in self._peer_ports.items()
        }
        self._ports: list[_Logical] = []
        self._of_row: dict[int, list[_Logical]] = defaultdict(list)
        self._bundle_group: dict[tuple[int, int], int] = {}
        self._host_group: dict[tuple[int, int], int] = {}
        self._add_bundles(sorted(bundles))
        self._add_hosts()
        self._floods: dict[object, dict[int, tuple[int, ...]]] = {}
        self._rows: dict[tuple[int, View], Row] = {}
        self._endpoint_bridges: tuple[object, npt.NDArray[np.int64]] = (None, np.empty(0, np.int64))

    def _add(self, key: tuple[str, int, int], port: _Logical) -> int:
        group = self.groups.of_key(key, tuple(p for p, _ in port.own))
        port = port._replace(group=group)
        if not port.own and port.partner:
            # A host or bundle of the partner alone is reached over the peer link.
            self.groups.members[group] = self._peer_ports[port.row]
        self._ports.append(port)
        self._of_row[port.row].append(port)
        return group

    def _add_bundles(self, bundles: Sequence[int]) -> None:
        first = self._fabric.n_endpoints
        for i in bundles:
            bundle = self.bridges.bundles[i]
            ends: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for link in bundle.links:
                for p in (self._fabric.links[link].a, self._fabric.links[link].b):
                    ends[self._fabric.ports[p].node - first].append((p, link))
            for bridge in (bundle.low, bundle.high):
                for row in self.bridges.members[bridge]:
                    other = tuple(ends.get(self._partner.get(row, -1), ()))
                    port = _Logical(-1, row, i, -1, tuple(ends.get(row, ())), other)
                    self._bundle_group[row, i] = self._add(("bundle", row, i), port)

    def _add_hosts(self) -> None:
        for endpoint, own in enumerate(self._homes):
            rows = sorted({r for h in own for r in self._members(h.leaf)})
            for row in rows:
                mine = tuple((h.port, h.link) for h in own if h.leaf == row)
                partner = self._partner.get(row, -1)
                other = tuple((h.port, h.link) for h in own if h.leaf == partner)
                port = _Logical(-1, row, -1, endpoint, mine, other)
                self._host_group[row, endpoint] = self._add(("host", row, endpoint), port)

    def _members(self, row: int) -> tuple[int, ...]:
        return self.bridges.members[self.bridges.bridge_of[row]]

    def ports_in_use(self, on_port: Mapping[int, int]) -> tuple[tuple[int, ...], ...]:
        """Per endpoint the ports it uses, given those that have moved."""
        if self._all_ports:
            return tuple(tuple(range(len(own))) for own in self._homes)
        return tuple((on_port.get(e, preferred(e, own)),) for e, own in enumerate(self._homes))

    def fabric_groups(self, row: int) -> tuple[int, ...]:
        """Groups of a switch that do not lead to hosts."""
        return tuple(port.group for port in self._of_row[row] if port.bundle >= 0)

    def edge_without_partner(self, link: int, view: View) -> list[tuple[int, int]]:
        """(row, group) of the host port on this link, if no other switch can stand in."""
        first = self._fabric.n_endpoints
        ends = (self._fabric.links[link].a, self._fabric.links[link].b)
        rows = [self._fabric.ports[p].node - first for p in ends]
        return [
            (port.row, port.group)
            for row in rows
            for port in self._of_row.get(row, ())
            if port.endpoint >= 0
            and any(own == link for _, own in port.own)
            and not any(other not in view.lag_dead for _, other in port.partner)
        ]

    def _members_now(self, port: _Logical, view: View) -> tuple[int, ...]:
        alive = tuple(p for p, link in port.own if link not in view.lag_dead)
        if alive or not port.partner:
            return alive
        agreed = all(link in view.peer_dead for _, link in port.own)
        helps = any(
            link not in view.lag_dead and link not in view.peer_dead for _, link in port.partner
        )
        return self._live_peer_ports(port.row, view) if agreed and helps else ()

    def _live_peer_ports(self, row: int, view: View) -> tuple[int, ...]:
        return tuple(
            p for p in self._peer_ports[row] if self._fabric.ports[p].link not in view.lag_dead
        )

    def group_members(self, view: View) -> dict[int, tuple[int, ...]]:
        """Members of every logical port."""
        members = {port.group: self._members_now(port, view) for port in self._ports}
        for row, group in self._peer_group.items():
            members[group] = self._live_peer_ports(row, view)
        return members

    def port_groups(self, view: View) -> npt.NDArray[np.int32]:
        """``ForwardingPlan.port_group`` for a view."""
        tree = view.tree
        result = np.full(len(self._fabric.ports), PORT_BLOCKED, dtype=np.int32)
        result[[p for e in self._fabric.endpoints for p in self._fabric.ports_of(e)]] = (
            PORT_UNLEARNED
        )
        for ports in self._peer_ports.values():
            result[list(ports)] = PORT_UNLEARNED
        for port in self._ports:
            if port.bundle < 0 or port.bundle in tree:
                for p, _ in port.own:
                    result[p] = port.group
        return result

    def fib_row(self, row: int, view: View) -> Row:
        """MAC table when every address has been learned."""
        key = row, View(view.in_use, tree=view.tree)
        if key in self._rows:
            return self._rows[key]
        tree = view.tree
        if tree not in self._behind:
            self._behind[tree] = self.bridges.sides(tree)
        behind = self._behind[tree]
        own_bridge = self.bridges.bridge_of[row]
        towards = np.full(len(self.bridges.members), FLOOD, dtype=np.uint16)
        for i in self.bridges.bundles_of[own_bridge]:
            for bridge in behind.get((own_bridge, i), ()):
                towards[bridge] = self._bundle_group[row, i]
        bridge_of = self._bridge_of_endpoints(view)
        result = towards[bridge_of]
        for endpoint in np.flatnonzero(bridge_of == own_bridge).tolist():
            result[endpoint] = self._host_group[row, endpoint]
        self._rows[key] = result
        return result

    def _bridge_of_endpoints(self, view: View) -> npt.NDArray[np.int64]:
        known_for, bridges = self._endpoint_bridges
        if known_for is not view.in_use:
            leaves = [own[used[0]].leaf for own, used in zip(self._homes, view.in_use, strict=True)]
            bridges = np.array(self.bridges.bridge_of, dtype=np.int64)[leaves]
            self._endpoint_bridges = view.in_use, bridges
        return bridges

    def flood(self, row: int, view: View) -> dict[int, tuple[int, ...]]:
        """Egress groups per ingress group; the same object while nothing changes.

        A pair floods as one switch: what came from outside goes to all ports that have
        a live member here, and over the peer link only if the partner alone has one;
        what came over the peer link goes only to ports that the partner cannot serve.
        """
        tree = view.tree
        here, there, only_here = [], False, []
        for port in self._of_row[row]:
            if port.bundle >= 0 and port.bundle not in tree:
                continue
            if port.endpoint >= 0 and not self._uses(port, view):
                continue
            own = any(link not in view.lag_dead for _, link in port.own)
            other = any(link not in view.lag_dead for _, link in port.partner)
            if own:
                here.append(port.group)
                if not other:
                    only_here.append(port.group)
            elif other:
                there = True
        key = row, tuple(here), there, tuple(only_here)
        if key not in self._floods:
            over_peer = (self._peer_group[row],) if there else ()
            table = {group: (*here[:i], *here[i + 1 :], *over_peer) for i, group in enumerate(here)}
            if row in self._partner:
                table[INGRESS_UNLEARNED] = tuple(only_here)
            self._floods[key] = table
        return self._floods[key]

    def _uses(self, port: _Logical, view: View) -> bool:
        homes = self._homes[port.endpoint]
        used = [homes[i].leaf for i in view.in_use[port.endpoint]]
        return any(row in used for row in self._members(port.row))
