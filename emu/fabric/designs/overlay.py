# SPDX-License-Identifier: Apache-2.0
"""Routes and flooding of a VXLAN overlay, from what each switch knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from emu.fabric.designs.routed import Row
from emu.fabric.forwarding import (
    DROP,
    FLOOD,
    INGRESS_TUNNEL,
    LOCAL,
    TUNNEL_BIT,
    ForwardingPlan,
    SetFlood,
    SetFloodTunnels,
    Update,
)
from emu.fabric.graph import Fabric, NodeKind
from emu.fabric.groups import GroupTable, TunnelTable
from emu.fabric.homing import Home, preferred
from emu.fabric.spread import Facts, News, endpoint_of, silent
from emu.fabric.updown import UpDown


class OverlayRows:
    """Rows of leaves (tunnels and VTEP routes) and of the switches above (VTEP routes)."""

    def __init__(
        self,
        fabric: Fabric,
        groups: GroupTable,
        tunnels: TunnelTable,
        homes: Sequence[tuple[Home, ...]],
        bridged: bool,
        weighted: bool,
    ) -> None:
        self.vteps = [s - fabric.n_endpoints for s in fabric.of_kind(NodeKind.LEAF)]
        """VTEP number to switch row: every leaf is one."""
        self.vtep_of = {leaf: v for v, leaf in enumerate(self.vteps)}
        self._groups = groups
        self._tunnels = tunnels
        self._homes = homes
        self._unknown = FLOOD if bridged else DROP
        self._updown = UpDown(fabric, [(leaf,) for leaf in self.vteps], weighted)
        self._fabric_links = frozenset(link.id for link in fabric.links if link.kind == "fabric")
        self._endpoint_of_link = {home.link: e for e, own in enumerate(homes) for home in own}
        segments = sorted({self._segment(own) for own in homes})
        index = {segment: i for i, segment in enumerate(segments)}
        self._segments = segments
        self._class = np.array([index[self._segment(own)] for own in homes], dtype=np.int64)
        self.local: dict[int, list[tuple[int, Home]]] = defaultdict(list)
        for endpoint, own in enumerate(homes):
            for home in own:
                self.local[home.leaf].append((endpoint, home))

    def _segment(self, own: Sequence[Home]) -> tuple[int, ...]:
        return tuple(sorted(self.vtep_of[home.leaf] for home in own))

    def reached(self, switch: int, facts: Facts) -> npt.NDArray[np.bool_]:
        """Per VTEP whether the underlay of this switch leads to it."""
        return self._updown.reachable(switch, facts & self._fabric_links)

    def row(self, switch: int, facts: Facts) -> Row:
        """Route value per endpoint, then per VTEP."""
        dead = facts & self._fabric_links
        hops = self._updown.next_hops(switch, dead)
        underlay = np.array(
            [self._groups.of_ports(ports) if ports else DROP for ports in hops], dtype=np.uint16
        )
        if switch not in self.vtep_of:
            inner = np.full(len(self._homes), DROP, dtype=np.uint16)
            return np.concatenate([inner, underlay])
        underlay[self.vtep_of[switch]] = LOCAL
        reached = self.reached(switch, facts)
        values = np.array([self._value(s, reached) for s in self._segments], dtype=np.uint16)
        inner = values[self._class]
        for fact in facts - dead:
            endpoint = self._endpoint_of_link[fact] if fact >= 0 else endpoint_of(fact)
            alive = [home for home in self._homes[endpoint] if home.link not in facts]
            inner[endpoint] = self._value(self._segment(alive), reached)
        for endpoint, home in self.local[switch]:
            if home.link not in facts:
                inner[endpoint] = self._groups.of_ports((home.port,))
            else:
                others = [h for h in self._homes[endpoint] if h.link not in facts]
                inner[endpoint] = self._value(self._segment(others), reached)
        for fact in facts - dead:
            if fact < 0 and silent(endpoint_of(fact)) == fact:
                inner[endpoint_of(fact)] = self._unknown
        return np.concatenate([inner, underlay])

    def _value(self, segment: tuple[int, ...], reached: npt.NDArray[np.bool_]) -> int:
        vteps = tuple(v for v in segment if reached[v])
        return TUNNEL_BIT | self._tunnels.of_vteps(vteps) if vteps else self._unknown


class FloodState:
    """Where a leaf sends what it floods, from what it knows.

    What comes from a host goes to all local hosts and to the other leaves; what comes
    out of a tunnel goes to those local hosts for which this leaf is the designated
    forwarder. A leaf does not replicate to the other leaf of its pair as long as it
    reaches all hosts of that leaf itself (local bias, RFC 8365 8.3.1).
    """

    def __init__(
        self, rows: OverlayRows, homes: Sequence[tuple[Home, ...]], groups: GroupTable
    ) -> None:
        self._rows = rows
        self._homes = homes
        self._groups = groups

    def within(self, leaf: int, facts: Facts) -> dict[int, tuple[int, ...]]:
        """Egress groups per ingress group."""
        own = [(e, h) for e, h in self._rows.local[leaf] if h.link not in facts]
        all_groups = [self._groups.of_ports((home.port,)) for _, home in own]
        table = {
            group: tuple(all_groups[:i] + all_groups[i + 1 :]) for i, group in enumerate(all_groups)
        }
        table[INGRESS_TUNNEL] = tuple(
            group
            for group, (endpoint, home) in zip(all_groups, own, strict=True)
            if self._forwarder(endpoint, facts) == home.leaf
        )
        return table

    def _forwarder(self, endpoint: int, facts: Facts) -> int:
        own = self._homes[endpoint]
        first = preferred(endpoint, own)
        order = [own[first], *(home for i, home in enumerate(own) if i != first)]
        return next((home.leaf for home in order if home.link not in facts), -1)

    def replicas(self, vtep: int, facts: Facts) -> tuple[int, ...]:
        """VTEPs that get a copy of what a host of this leaf floods."""
        leaf = self._rows.vteps[vtep]
        reached = self._rows.reached(leaf, facts)
        served = {e for e, home in self._rows.local[leaf] if home.link not in facts}
        return tuple(
            other
            for other, row in enumerate(self._rows.vteps)
            if other != vtep
            and reached[other]
            and any(endpoint not in served for endpoint, _ in self._rows.local[row])
        )


def flood_updates(plan: ForwardingPlan, news: Iterable[News], flooding: FloodState) -> list[Update]:
    """What changes in the flood tables of the leaves when news reaches them."""
    tables = {leaf: dict(table) for leaf, table in plan.flood.items()}
    replicas = dict(plan.flood_tunnels)
    facts: dict[int, set[int]] = defaultdict(set)
    updates: list[Update] = []
    leaves = {leaf: int(plan.vtep_of_switch[leaf]) for leaf in tables}
    ordered = sorted((n for n in news if n.switch in leaves), key=lambda n: (n.at_ps, n.switch))
    for (at_ps, leaf), batch in groupby(ordered, key=lambda n: (n.at_ps, n.switch)):
        reason = ""
        for item in batch:
            reason = item.reason
            if item.holds:
                facts[leaf].add(item.fact)
            else:
                facts[leaf].discard(item.fact)
        known = frozenset(facts[leaf])
        table = flooding.within(leaf, known)
        before = tables[leaf]
        for ingress in sorted(before.keys() | table.keys()):
            egress = table.get(ingress, ())
            if egress != before.get(ingress, ()):
                updates.append(SetFlood(at_ps, reason, leaf, ingress, egress))
        tables[leaf] = table
        copies = flooding.replicas(leaves[leaf], known)
        if copies != replicas[leaf]:
            replicas[leaf] = copies
            updates.append(SetFloodTunnels(at_ps, reason, leaf, copies))
    return updates
