# SPDX-License-Identifier: Apache-2.0
"""Where endpoints are attached, and which of their ports are of use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from emu.fabric.graph import Fabric
from emu.fabric.physics import LinkChange


@dataclass(frozen=True)
class Home:
    """One access link of an endpoint."""

    leaf: int
    """Switch row."""
    port: int
    """The leaf's port."""
    own_port: int
    """The endpoint's port."""
    link: int


def homes_of(fabric: Fabric) -> list[tuple[Home, ...]]:
    """Per endpoint its access links, in port order."""
    first = fabric.n_endpoints
    homes = []
    for endpoint in fabric.endpoints:
        own = (fabric.ports[p] for p in fabric.ports_of(endpoint))
        homes.append(tuple(Home(fabric.peer_node(p.id) - first, p.peer, p.id, p.link) for p in own))
    return homes


def preferred(endpoint: int, homes: Sequence[Home]) -> int:
    """Index of the port that is active where only one may be: even endpoints use the first."""
    return endpoint % len(homes)


@dataclass(frozen=True)
class UsableChange:
    """From this moment on the leaves know that these of the endpoint's ports are of use.

    ``own_link`` tells whether the endpoint's own link changed (it notices itself) or
    its leaf lost or regained its last uplink (it has to be told).
    """

    at_ps: int
    endpoint: int
    usable: tuple[bool, ...]
    own_link: bool
    up: bool
    cause: str


def usable_changes(
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    track_uplinks: bool = True,
) -> list[UsableChange]:
    """How the usable ports of dual-homed endpoints change.

    A port is of use while its link is up and its leaf has an uplink (operators track
    uplinks, or the host's traffic would end at a leaf that leads nowhere). When
    neither port is of use by that rule, a live link is enough. Leaves with a peer
    link need no ``track_uplinks``: the peer link leads on.
    """
    first = fabric.n_endpoints
    uplinks: dict[int, set[int]] = defaultdict(set)
    for link in fabric.links:
        if link.kind == "fabric" and track_uplinks:
            uplinks[fabric.ports[link.a].node - first].add(link.id)
    at_leaf: dict[int, list[int]] = defaultdict(list)
    for endpoint, own in enumerate(homes):
        if len(own) > 1:
            for home in own:
                at_leaf[home.leaf].append(endpoint)
    dead: set[int] = set()

    def usable(endpoint: int) -> tuple[bool, ...]:
        linked = tuple(home.link not in dead for home in homes[endpoint])
        led = tuple(
            up and not (uplinks[home.leaf] and uplinks[home.leaf] <= dead)
            for up, home in zip(linked, homes[endpoint], strict=True)
        )
        return led if any(led) else linked

    known: dict[int, tuple[bool, ...]] = {}
    changes = []
    for at_ps, batch in groupby(detected, key=lambda change: change.at_ps):
        touched: dict[int, tuple[LinkChange, bool]] = {}
        for change in batch:
            link = fabric.links[change.link]
            low = fabric.ports[link.a].node
            if link.kind == "access":
                touched[low] = change, True
            elif link.kind == "fabric":
                for endpoint in at_leaf[low - first]:
                    touched.setdefault(endpoint, (change, False))
            if change.up:
                dead.discard(change.link)
            else:
                dead.add(change.link)
        for endpoint, (change, own_link) in sorted(touched.items(), key=lambda item: item[0]):
            if len(homes[endpoint]) < 2:
                continue
            now = usable(endpoint)
            if now != known.get(endpoint, (True,) * len(now)):
                known[endpoint] = now
                changes.append(
                    UsableChange(at_ps, endpoint, now, own_link, change.up, change.cause)
                )
    return changes
