# SPDX-License-Identifier: Apache-2.0
"""One spanning tree over bridges, where a bridge may be two switches that act as one.

The parallel links between two bridges are one LAG, as an operator would configure
them, so the tree blocks bundles and never single links.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from emu.fabric.graph import Fabric

COST_RATE_BPS = 20_000_000_000_000
"""Path cost of a bundle is this over its rate (IEEE 802.1t, 20 Tb/s reference)."""


@dataclass
class Bundle:
    """All fabric links between two bridges."""

    low: int
    high: int
    links: list[int] = field(default_factory=list)
    rate_bps: int = 0

    def other(self, bridge: int) -> int:
        """The bridge at the other end."""
        return self.high if bridge == self.low else self.low

    @property
    def cost(self) -> int:
        """Of all members, also the dead: a lost member does not move the tree."""
        return max(1, COST_RATE_BPS // self.rate_bps)


class Bridges:
    """The bridged topology: switch rows grouped to bridges, links grouped to bundles.

    Parameters
    ----------
    pairs : sequence of (row, row)
        Switches that act as one bridge; every other switch is a bridge of its own.
    """

    def __init__(self, fabric: Fabric, pairs: Sequence[tuple[int, int]]) -> None:
        first = fabric.n_endpoints
        partner = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
        self.members: list[tuple[int, ...]] = []
        """Bridge to switch rows, ascending. Bridges are numbered by their lowest row."""
        self.bridge_of = [-1] * fabric.n_switches
        self.tier: list[int] = []
        for row in range(fabric.n_switches):
            if self.bridge_of[row] >= 0:
                continue
            rows = (row, partner[row]) if row in partner else (row,)
            for member in rows:
                self.bridge_of[member] = len(self.members)
            self.members.append(rows)
            self.tier.append(fabric.nodes[first + row].tier)
        bundles: dict[tuple[int, int], Bundle] = {}
        for link in fabric.links:
            if link.kind != "fabric":
                continue
            a, b = (self.bridge_of[fabric.ports[p].node - first] for p in (link.a, link.b))
            key = (a, b) if a < b else (b, a)
            bundle = bundles.setdefault(key, Bundle(*key))
            bundle.links.append(link.id)
            bundle.rate_bps += fabric.ports[link.a].rate_bps
        self.bundles = [bundles[key] for key in sorted(bundles)]
        self.bundles_of: dict[int, list[int]] = defaultdict(list)
        for i, bundle in enumerate(self.bundles):
            self.bundles_of[bundle.low].append(i)
            self.bundles_of[bundle.high].append(i)

    def tree(self, dead: frozenset[int]) -> frozenset[int]:
        """Numbers of the bundles that forward when these links are dead.

        The root is the lowest-numbered bridge of the highest tier; if the live
        bundles do not connect everything, each part has a root of its own. Every
        other bridge keeps the bundle on its cheapest way to the root; ties go to the
        lowest-numbered bridge (IEEE 802.1D: root path cost, then bridge id).
        """
        forwarding: set[int] = set()
        placed: set[int] = set()
        order = sorted(range(len(self.members)), key=lambda b: (-self.tier[b], b))
        for root in order:
            if root not in placed:
                forwarding |= self._grow(root, dead, placed)
        return frozenset(forwarding)

    def _grow(self, root: int, dead: frozenset[int], placed: set[int]) -> set[int]:
        costs = {root: 0}
        uplink: dict[int, tuple[int, int]] = {}
        queue = [(0, root)]
        while queue:
            cost, bridge = heapq.heappop(queue)
            if bridge in placed:
                continue
            placed.add(bridge)
            for i in self.bundles_of[bridge]:
                bundle = self.bundles[i]
                other = bundle.other(bridge)
                if other in placed or dead.issuperset(bundle.links):
                    continue
                new = cost + bundle.cost
                known = costs.get(other)
                if known is None or (new, bridge) < (known, uplink[other][0]):
                    costs[other] = new
                    uplink[other] = bridge, i
                    heapq.heappush(queue, (new, other))
        return {i for _, i in uplink.values()}

    def sides(self, forwarding: frozenset[int]) -> dict[tuple[int, int], frozenset[int]]:
        """(bridge, bundle) to the bridges that lie behind that bundle of the tree."""
        neighbours: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for i in forwarding:
            bundle = self.bundles[i]
            neighbours[bundle.low].append((bundle.high, i))
            neighbours[bundle.high].append((bundle.low, i))
        behind: dict[tuple[int, int], frozenset[int]] = {}
        for bridge in range(len(self.members)):
            for first, i in neighbours[bridge]:
                seen, stack = {first}, [first]
                while stack:
                    for other, _ in neighbours[stack.pop()]:
                        if other != bridge and other not in seen:
                            seen.add(other)
                            stack.append(other)
                behind[bridge, i] = frozenset(seen)
        return behind
