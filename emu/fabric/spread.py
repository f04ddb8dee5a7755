# SPDX-License-Identifier: Apache-2.0
"""How news travels through the control plane: which switch learns what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emu.fabric.graph import Fabric

Facts = frozenset[int]
"""What a switch knows, as integers: a link id (that link is dead) or one of those below."""

_KINDS = 3


def moved(endpoint: int) -> int:
    """The fact that an endpoint receives on its second choice of port."""
    return -1 - _KINDS * endpoint


def silent(endpoint: int) -> int:
    """The fact that an endpoint has not been heard of for too long."""
    return -2 - _KINDS * endpoint


def unresolved(endpoint: int) -> int:
    """The fact that the own route to an endpoint is gone and no other is computed yet."""
    return -3 - _KINDS * endpoint


def endpoint_of(fact: int) -> int:
    """The endpoint that a fact other than a dead link is about."""
    assert fact < 0
    return (-1 - fact) // _KINDS


@dataclass(frozen=True)
class News:
    """A switch row learns that a fact holds, or no longer holds."""

    at_ps: int
    switch: int
    fact: int
    holds: bool
    reason: str


class Spread:
    """Carries facts from where they are noticed to all switches, hop by hop."""

    def __init__(self, fabric: Fabric) -> None:
        self._first = fabric.n_endpoints
        n = fabric.n_switches
        self._links = np.zeros((n, n), dtype=np.int32)
        self._ends: dict[int, tuple[int, int]] = {}
        for link in fabric.links:
            if link.kind == "fabric":
                a, b = (fabric.ports[p].node - self._first for p in (link.a, link.b))
                self._links[a, b] += 1
                self._links[b, a] += 1
                self._ends[link.id] = a, b
        self._hops: dict[tuple[tuple[int, ...], frozenset[int]], npt.NDArray[np.int64]] = {}
        self._last: dict[tuple[int, int], int] = {}
        self.news: list[News] = []

    def hops(self, origins: tuple[int, ...], dead: frozenset[int]) -> npt.NDArray[np.int64]:
        """Hops from the nearest origin to each switch row over the live fabric links.

        A switch that no news can reach counts as one hop beyond the farthest: it is
        cut off from all traffic too, and gets the tables when it is back.
        """
        key = origins, dead
        if key not in self._hops:
            alive = self._links.copy()
            for link in dead & self._ends.keys():
                a, b = self._ends[link]
                alive[a, b] -= 1
                alive[b, a] -= 1
            distance = np.full(alive.shape[0], -1, dtype=np.int64)
            distance[list(origins)] = 0
            front = distance == 0
            step = 0
            while front.any():
                step += 1
                front = (alive[front] > 0).any(axis=0) & (distance < 0)
                distance[front] = step
            distance[distance < 0] = distance.max() + 1
            self._hops[key] = distance
        return self._hops[key]

    def tell(
        self,
        at_ps: npt.NDArray[np.int64],
        switches: Iterable[int],
        fact: int,
        holds: bool,
        reason: str,
    ) -> None:
        """Each switch row learns the fact at its ``at_ps``, never before older news of it."""
        for switch in switches:
            when = max(int(at_ps[switch]), self._last.get((switch, fact), 0))
            self._last[switch, fact] = when
            self.news.append(News(when, switch, fact, holds, reason))

    def tell_at(
        self, at_ps: int, switches: Iterable[int], fact: int, holds: bool, reason: str
    ) -> None:
        """All of the switch rows learn the fact at one moment."""
        self.tell(np.full(len(self._links), at_ps, dtype=np.int64), switches, fact, holds, reason)
