# SPDX-License-Identifier: Apache-2.0
"""``topology.txt``: numbers of nodes, switches and links; the switches; the links.

A node that is not a switch is a host. Tiers are told by distance: a switch with a host is
a leaf, one behind it a spine, one behind that a super-spine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu.interop.words import Reader, Word

NODES_MAX = 70_000
LINKS_MAX = 1_000_000
KINDS = ("host", "leaf", "spine", "super-spine")
_SHORT = {"host": "h", "leaf": "leaf", "spine": "spine", "super-spine": "super"}


@dataclass(frozen=True)
class Link:
    """One line of the file."""

    a: int
    b: int
    rate_bps: int
    delay_ps: int
    error_rate: float
    place: Word


@dataclass(frozen=True)
class Topology:
    """Nodes by number. ``kind`` is one of ``KINDS``."""

    kinds: tuple[str, ...]
    links: tuple[Link, ...]

    def name(self, node: int) -> str:
        """Name in an experiment: kind and number."""
        return f"{_SHORT[self.kinds[node]]}{node}"

    @property
    def hosts(self) -> list[int]:
        """Numbers of the hosts."""
        return [node for node, kind in enumerate(self.kinds) if kind == "host"]


def read_topology(path: Path) -> Topology:
    """Read and check the file.

    Raises
    ------
    InputError
        For a damaged file, and for a graph that cannot be expressed in tiers.
    """
    reader = Reader(path)
    nodes = reader.word("the number of nodes").integer("the number of nodes", 2, NODES_MAX)
    switches = reader.word("the number of switches").integer("the number of switches", 1, nodes)
    count = reader.word("the number of links").integer("the number of links", 1, LINKS_MAX)
    is_switch = [False] * nodes
    for i in range(switches):
        word = reader.word(f"switch {i + 1} of {switches}")
        is_switch[word.integer("a switch", 0, nodes - 1)] = True
    links = tuple(_link(reader, i, count, nodes) for i in range(count))
    return Topology(_tiers(is_switch, links), links)


def _link(reader: Reader, index: int, count: int, nodes: int) -> Link:
    what = f"link {index + 1} of {count}"
    first = reader.word(what)
    a = first.integer("a link's end", 0, nodes - 1)
    second = reader.word(what)
    b = second.integer("a link's end", 0, nodes - 1)
    if a == b:
        raise second.fault(f"both ends of a link are at node {a}")
    rate = reader.word(f"the rate of {what}").rate_bps("the rate of a link")
    delay = reader.word(f"the delay of {what}").time_ps("the delay of a link")
    error_word = reader.word(f"the error rate of {what}")
    error = error_word.decimal("the error rate of a link")
    if error > 1:
        raise error_word.fault(f"the error rate is {error}: 0 to 1 are allowed")
    return Link(a, b, rate, delay, float(error), first)


def _tiers(is_switch: list[bool], links: tuple[Link, ...]) -> tuple[str, ...]:
    neighbours: list[set[int]] = [set() for _ in is_switch]
    for link in links:
        neighbours[link.a].add(link.b)
        neighbours[link.b].add(link.a)
    tier = [-1 if switch else 0 for switch in is_switch]
    front = [node for node, switch in enumerate(is_switch) if not switch]
    depth = 0
    while front:
        depth += 1
        front = sorted({n for f in front for n in neighbours[f] if tier[n] < 0})
        for node in front:
            tier[node] = depth
    for link in links:
        low, high = sorted((tier[link.a], tier[link.b]))
        if low == high == 0:
            raise link.place.fault(f"hosts {link.a} and {link.b} are linked to each other")
        if low < 0 or high > 3:
            raise link.place.fault(
                f"a switch of the link is more than three switches away from every host: "
                f"{link.a} or {link.b}",
                "fabrics of up to three tiers can be imported",
            )
        if low == high:
            raise link.place.fault(
                f"switches {link.a} and {link.b} are equally far from the hosts: traffic climbs "
                "and descends, and never takes such a link",
                "leave the link out",
            )
    return tuple(KINDS[t] for t in tier)
