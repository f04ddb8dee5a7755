# SPDX-License-Identifier: Apache-2.0
"""What the routed designs share: rows of next hops from what each switch knows.

A switch's row depends only on the facts that have reached it, so a timeline is: for
every piece of news, compute the row anew and record the routes that changed. In
between, rows of different switches disagree, as they do in a real network, and
packets run into dead ends, where they are dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from emu.fabric.forwarding import DROP, SetFib
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home
from emu.fabric.physics import LinkChange
from emu.fabric.spread import Facts, News, Spread, endpoint_of, silent
from emu.fabric.updown import Destination, UpDown
from emu.spec.timers import TimersSpec

Row = npt.NDArray[np.uint16]
Advertisers = Callable[[int, Facts], Destination]
"""Leaves that, to the knowledge of a switch with these facts, lead to an endpoint."""


class RoutedRows:
    """Routes to endpoints over the switch graph."""

    def __init__(
        self,
        fabric: Fabric,
        groups: GroupTable,
        homes: Sequence[tuple[Home, ...]],
        advertisers: Advertisers,
        weighted: bool,
    ) -> None:
        self._groups = groups
        self._homes = homes
        self._advertisers = advertisers
        self._fabric_links = frozenset(link.id for link in fabric.links if link.kind == "fabric")
        self._endpoint_of_link = {home.link: e for e, own in enumerate(homes) for home in own}
        subsets: set[Destination] = {()}
        for own in homes:
            leaves = sorted(home.leaf for home in own)
            subsets.update({tuple(leaves), *((leaf,) for leaf in leaves)})
        destinations = sorted(subsets)
        self._index = {leaves: i for i, leaves in enumerate(destinations)}
        self._updown = UpDown(fabric, destinations, weighted)
        nobody: Facts = frozenset()
        self._class = np.array(
            [self._index[advertisers(e, nobody)] for e in range(len(homes))], dtype=np.int64
        )
        self._local: dict[int, list[tuple[int, Home]]] = defaultdict(list)
        for endpoint, own in enumerate(homes):
            for home in own:
                self._local[home.leaf].append((endpoint, home))
        self._hops: dict[tuple[int, Facts], Row] = {}

    def row(self, switch: int, facts: Facts) -> Row:
        """Route value per endpoint for a switch that knows these facts."""
        dead = facts & self._fabric_links
        classes = self._class
        special = {self._endpoint(fact) for fact in facts - dead}
        if special:
            classes = classes.copy()
            for endpoint in special:
                classes[endpoint] = self._index[self._advertisers(endpoint, facts)]
        row = self._next_hops(switch, dead)[classes]
        for endpoint, home in self._local[switch]:
            if switch in self._advertisers(endpoint, facts):
                dead_end = home.link in facts or silent(endpoint) in facts
                row[endpoint] = DROP if dead_end else self._groups.of_ports((home.port,))
        return row

    def _endpoint(self, fact: int) -> int:
        return self._endpoint_of_link[fact] if fact >= 0 else endpoint_of(fact)

    def _next_hops(self, switch: int, dead: Facts) -> Row:
        key = switch, dead
        if key not in self._hops:
            hops = self._updown.next_hops(switch, dead)
            self._hops[key] = np.array(
                [self._groups.of_ports(ports) if ports else DROP for ports in hops],
                dtype=np.uint16,
            )
        return self._hops[key]


def fib_updates(
    initial: npt.NDArray[np.uint16],
    news: Iterable[News],
    row_of: Callable[[int, Facts], Row],
) -> list[SetFib]:
    """What each switch changes when news reaches it."""
    rows: dict[int, Row] = {}
    facts: dict[int, set[int]] = defaultdict(set)
    updates = []
    ordered = sorted(news, key=lambda n: (n.at_ps, n.switch))
    for (at_ps, switch), batch in groupby(ordered, key=lambda n: (n.at_ps, n.switch)):
        reason = ""
        for item in batch:
            reason = item.reason
            if item.holds:
                facts[switch].add(item.fact)
            else:
                facts[switch].discard(item.fact)
        before = rows.get(switch, initial[switch])
        after = row_of(switch, frozenset(facts[switch]))
        rows[switch] = after
        changed = np.flatnonzero(before != after)
        for value in np.unique(after[changed]):
            routes = changed[after[changed] == value]
            updates.append(SetFib(at_ps, reason, switch, tuple(routes.tolist()), int(value)))
    return updates


def tell_of_links(
    spread: Spread, fabric: Fabric, detected: Sequence[LinkChange], timers: TimersSpec
) -> None:
    """Carries the death and return of fabric links through BGP, hop by hop."""
    dead: set[int] = set()
    first = fabric.n_endpoints
    everyone = range(fabric.n_switches)
    for at_ps, batch in groupby(detected, key=lambda change: change.at_ps):
        changes = [c for c in batch if fabric.links[c.link].kind == "fabric"]
        for change in changes:
            if change.up:
                dead.discard(change.link)
            else:
                dead.add(change.link)
        for change in changes:
            link = fabric.links[change.link]
            ends = tuple(fabric.ports[p].node - first for p in (link.a, link.b))
            local_ps = timers.bgp_restore if change.up else timers.bgp_local_repair
            hops = spread.hops(ends, frozenset(dead))
            arrival = at_ps + local_ps + hops * timers.bgp_remote_withdraw_per_hop
            word = "restore" if change.up else "withdraw"
            spread.tell(arrival, everyone, link.id, not change.up, f"bgp {word}: {change.cause}")
