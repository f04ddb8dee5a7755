# SPDX-License-Identifier: Apache-2.0
"""Up-down routing: which ports lead to a set of leaves when some links are dead.

A path climbs, turns once, and descends. A switch below which the destination lies
goes down, by the shortest way; any other climbs to the neighbours that are nearest.
A switch above the leaves does not climb towards a leaf of its own pod: the way back
down would cross the AS that the spines of a pod share, which BGP's loop check
refuses (RFC 7938, section 5.2). Links between switches of one tier are not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emu.fabric.graph import Fabric, NodeKind

UNREACHABLE = 0x3FFF
_UNLIMITED = 1 << 31
_SHARES_MAX = 64
"""Of one next hop: switches keep weights of few bits."""
Destination = tuple[int, ...]
"""Rows of the leaves that a destination is attached to, ascending."""


class UpDown:
    """Next hops of every switch towards each destination, for any set of dead links."""

    def __init__(
        self, fabric: Fabric, destinations: Sequence[Destination], weighted: bool = False
    ) -> None:
        self._weighted = weighted
        rates = np.array([port.rate_bps for port in fabric.ports], dtype=np.int64)
        self._rate = rates // np.gcd.reduce(rates)
        self._n = fabric.n_switches
        self._first = fabric.n_endpoints
        self._destinations = list(destinations)
        self._tier = np.array([fabric.nodes[s].tier for s in fabric.switches], dtype=np.int8)
        self._pod = _pods(fabric)
        low, high, ids = [], [], []
        self._ports: list[list[tuple[int, int, int]]] = [[] for _ in range(self._n)]
        for link in fabric.links:
            if link.kind != "fabric":
                continue
            a, b = (fabric.ports[p].node - self._first for p in (link.a, link.b))
            low.append(a)
            high.append(b)
            ids.append(link.id)
            self._ports[a].append((link.a, link.id, b))
            self._ports[b].append((link.b, link.id, a))
        self._low = np.array(low, dtype=np.int64)
        self._high = np.array(high, dtype=np.int64)
        self._link = np.array(ids, dtype=np.int64)
        self._at = np.full((self._n, len(self._destinations)), UNREACHABLE, dtype=np.int16)
        self._same_pod = np.zeros(self._at.shape, dtype=np.bool_)
        for c, leaves in enumerate(self._destinations):
            self._at[list(leaves), c] = 0
            self._same_pod[:, c] = np.isin(self._pod, self._pod[list(leaves)])
        self._same_pod[self._tier < 2] = False
        self._cache: dict[frozenset[int], tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]] = {}
        self._capacities: dict[frozenset[int], npt.NDArray[np.int64]] = {}

    def _distances(
        self, dead: frozenset[int]
    ) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Hops [switch, destination]: going down only, and by the path that is used."""
        if dead in self._cache:
            return self._cache[dead]
        alive = ~np.isin(self._link, list(dead))
        # Asked for counts, numpy does not import numpy.ma, which takes longer than all of this.
        ends = np.stack([self._high[alive], self._low[alive]])
        pairs, _ = np.unique(ends, axis=1, return_counts=True)
        high, low = pairs[0], pairs[1]
        down = self._at.copy()
        for tier in (2, 3):
            edges = self._tier[high] == tier
            _relax(down, high[edges], down[low[edges]])
        used = down.copy()
        order = np.argsort(low, kind="stable")
        high, low = high[order], low[order]
        for tier in (2, 1):
            edges = self._tier[low] == tier
            climb = np.full_like(down, UNREACHABLE)
            _relax(climb, low[edges], used[high[edges]])
            climb[self._same_pod] = UNREACHABLE
            rows = self._tier == tier
            used[rows] = np.where(down[rows] < UNREACHABLE, down[rows], climb[rows])
        self._cache[dead] = down, used
        return down, used

    def next_hops(self, switch: int, dead: frozenset[int]) -> list[tuple[int, ...]]:
        """Ports per destination; empty where none leads there, or where it is attached.

        Weighted, a port stands there once for each share of the traffic that it gets.
        """
        down, used = self._distances(dead)
        ports = [p for p in self._ports[switch] if p[1] not in dead]
        own = used[switch]
        reachable = (own < UNREACHABLE) & (own > 0)
        below = down[switch] < UNREACHABLE
        lead = np.zeros((len(ports), own.size), dtype=np.bool_)
        for i, (_, _, other) in enumerate(ports):
            if self._tier[other] < self._tier[switch]:
                lead[i] = reachable & below & (down[other] == own - 1)
            else:
                lead[i] = reachable & ~below & (used[other] == own - 1)
        if self._weighted:
            return self._shares(switch, ports, lead, dead)
        packed = np.ascontiguousarray(np.packbits(lead, axis=0).T)
        known: dict[bytes, tuple[int, ...]] = {}
        hops = []
        for c in range(own.size):
            key = packed[c].tobytes()
            if key not in known:
                known[key] = tuple(ports[i][0] for i in np.flatnonzero(lead[:, c]))
            hops.append(known[key])
        return hops

    def _shares(
        self,
        switch: int,
        ports: Sequence[tuple[int, int, int]],
        lead: npt.NDArray[np.bool_],
        dead: frozenset[int],
    ) -> list[tuple[int, ...]]:
        """Next hops in proportion to their own rate and to what is left of the way behind them
        (as in WCMP: Zhou et al., EuroSys 2014)."""
        if not ports:
            return [()] * lead.shape[1]
        numbers = [port for port, _, _ in ports]
        rate = self._rate[numbers]
        capacity = self._capacity(dead)[[other for _, _, other in ports]]
        share = rate[:, None] * capacity
        share[~lead] = 0
        known: dict[bytes, tuple[int, ...]] = {}
        hops = []
        for column in np.ascontiguousarray(share.T):
            key = column.tobytes()
            if key not in known:
                weights = _small(column)
                known[key] = tuple(
                    port for port, n in zip(numbers, weights, strict=True) for _ in range(n)
                )
            hops.append(known[key])
        return hops

    def _capacity(self, dead: frozenset[int]) -> npt.NDArray[np.int64]:
        """Rate [switch, destination] of all the next hops of a switch together, each as far as
        the way behind it goes; at the destination itself more than any link has."""
        if dead in self._capacities:
            return self._capacities[dead]
        down, used = self._distances(dead)
        found = np.where(self._at == 0, _UNLIMITED, 0)
        for tier, of_tier in ((2, down), (3, down), (2, used), (1, used)):
            for switch in np.flatnonzero(self._tier == tier).tolist():
                links: dict[int, int] = {}
                for port, link, other in self._ports[switch]:
                    if link not in dead:
                        links[other] = links.get(other, 0) + int(self._rate[port])
                own = np.zeros(found.shape[1], dtype=np.int64)
                falls = of_tier is down
                for other, rate in links.items():
                    if (self._tier[other] < tier) != falls:
                        continue
                    near = of_tier[other] == of_tier[switch] - 1
                    own += np.where(near, np.minimum(rate, found[other]), 0)
                # Going down is preferred: who does so does not climb.
                rows = (down[switch] < UNREACHABLE) == falls
                rows &= self._at[switch] != 0
                found[switch, rows] = own[rows]
        self._capacities[dead] = found
        return found

    def reachable(self, switch: int, dead: frozenset[int]) -> npt.NDArray[np.bool_]:
        """Per destination whether the switch has a path to it."""
        _, used = self._distances(dead)
        found: npt.NDArray[np.bool_] = used[switch] < UNREACHABLE
        return found


def _small(rates: npt.NDArray[np.int64]) -> list[int]:
    """Whole numbers in the proportion of these rates, as small as they can be.

    >>> _small(np.array([400, 800, 0]))
    [1, 2, 0]
    """
    most = int(rates.max(initial=0))
    if most == 0:
        return [0] * len(rates)
    divisor = int(np.gcd.reduce(rates))
    if most // divisor <= _SHARES_MAX:
        return [int(rate) // divisor for rate in rates]
    rounded = np.maximum((rates * _SHARES_MAX + most // 2) // most, rates > 0)
    return _small(rounded)


def _relax(
    best: npt.NDArray[np.int16], target: npt.NDArray[np.int64], hops: npt.NDArray[np.int16]
) -> None:
    """best[t] = min(best[t], 1 + hops of t's neighbours); ``target`` is sorted."""
    if target.size == 0:
        return
    starts = np.flatnonzero(np.r_[True, target[1:] != target[:-1]])
    nearest = np.minimum.reduceat(hops, starts, axis=0)
    rows = target[starts]
    best[rows] = np.minimum(best[rows], np.minimum(nearest + 1, UNREACHABLE))


def _pods(fabric: Fabric) -> npt.NDArray[np.int64]:
    """Pod per switch row: what hangs together below the super-spines, which have none."""
    first = fabric.n_endpoints
    parent = list(range(fabric.n_switches))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for link in fabric.links:
        nodes = [fabric.nodes[fabric.ports[p].node] for p in (link.a, link.b)]
        if link.kind == "fabric" and nodes[1].kind is NodeKind.SPINE:
            a, b = (root(node.id - first) for node in nodes)
            parent[max(a, b)] = min(a, b)
    pods = [
        -1 if fabric.nodes[first + i].kind is NodeKind.SUPER_SPINE else root(i)
        for i in range(fabric.n_switches)
    ]
    return np.array(pods, dtype=np.int64)
