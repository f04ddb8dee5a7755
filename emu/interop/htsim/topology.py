# SPDX-License-Identifier: Apache-2.0
"""A ``.topo`` file: nodes, tiers and, for each tier of switches, radix, speed and latency.

``Radix_Down`` and ``Radix_Up`` count ports of one switch; ``Bundle`` of a tier says how many
of its down ports go to one and the same switch below. Tier 0 is that of the hosts' switches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emu.errors import InputError
from emu.interop.words import Word, words_of
from emu.spec.nearest import hint_for

_HEAD = ("Nodes", "Tiers", "Podsize")
_TIER = {
    "Downlink_speed_Gbps", "Radix_Down", "Radix_Up", "Downlink_Latency_ns", "Switch_Latency_ns",
    "Oversubscribed", "Bundle", "Queue_Down", "Queue_Up",
}  # fmt: skip


@dataclass(frozen=True)
class Tier:
    """One tier of switches; speeds and latencies are those of its down links."""

    rate_gbps: int
    down: int
    up: int
    delay_ns: int
    switch_ns: int
    bundle: int


@dataclass(frozen=True)
class Topology:
    """A fat tree of two or three tiers."""

    hosts: int
    pod_hosts: int
    tiers: tuple[Tier, ...]

    @property
    def leaves(self) -> int:
        """Switches with hosts."""
        return self.hosts // self.tiers[0].down

    def links(self) -> Iterator[tuple[str, str, int, int]]:
        """Ends by name, tier whose down link it is, and how many run in parallel."""
        first = self.tiers[0]
        for host in range(self.hosts):
            yield f"h{host}.0", f"leaf{host // first.down}", 0, 1
        second = self.tiers[1]
        pods = 1 if len(self.tiers) == 2 else self.hosts // self.pod_hosts
        leaves = self.leaves // pods
        spines = leaves * first.up // second.down
        count = first.up // spines
        for pod in range(pods):
            for leaf in range(leaves):
                for spine in range(spines):
                    yield f"leaf{pod * leaves + leaf}", f"spine{pod * spines + spine}", 1, count
        if len(self.tiers) == 2:
            return
        third = self.tiers[2]
        above = second.up // third.bundle  # switches above one spine
        for pod in range(pods):
            for spine in range(spines):
                for core in range(above):
                    yield (
                        f"spine{pod * spines + spine}", f"super{spine * above + core}", 2,
                        third.bundle,
                    )  # fmt: skip


def read_topology(path: Path) -> Topology:
    """Read and check a file; InputError with the place of the fault."""
    head: dict[str, Word] = {}
    tiers: list[dict[str, Word]] = []
    for line in words_of(path, comment="#"):
        key = line[0]
        if len(line) != 2:
            raise key.fault(f"{key.text[:40]} has {len(line) - 1} values: one is wanted")
        if key.text == "Tier":
            if line[1].integer("the tier", 0, 2) != len(tiers):
                raise line[1].fault(f"tier {line[1].text} comes out of order")
            tiers.append({})
        elif key.text in _HEAD and not tiers:
            head[key.text] = line[1]
        elif key.text in _TIER and tiers:
            tiers[-1][key.text] = line[1]
        else:
            known = sorted(_TIER) if tiers else list(_HEAD)
            raise key.fault(f"unknown key {key.text[:40]} here", hint_for(key.text, known))
    for name in ("Nodes", "Tiers"):
        if name not in head:
            raise InputError(f"{name} is missing", file=str(path))
    wanted = head["Tiers"].integer("Tiers", 2, 3)
    if wanted != len(tiers):
        raise head["Tiers"].fault(f"{wanted} tiers are announced and {len(tiers)} are there")
    hosts = head["Nodes"].integer("Nodes", 2, 65_536)
    pod = head["Podsize"].integer("Podsize", 1, hosts) if "Podsize" in head else hosts
    made = tuple(_tier(path, tier, i, i == wanted - 1) for i, tier in enumerate(tiers))
    graph = Topology(hosts, pod, made)
    _check(path, graph)
    return graph


def _tier(path: Path, words: dict[str, Word], number: int, top: bool) -> Tier:
    def value(name: str, default: int | None, high: int) -> int:
        if name not in words:
            if default is None:
                raise InputError(f"tier {number} has no {name}", file=str(path))
            return default
        return words[name].integer(name, 0 if default is not None else 1, high)

    return Tier(
        value("Downlink_speed_Gbps", None, 10_000),
        value("Radix_Down", None, 4096),
        value("Radix_Up", 0 if top else None, 4096),
        value("Downlink_Latency_ns", None, 10_000_000),
        value("Switch_Latency_ns", 0, 10_000_000),
        value("Bundle", 1, 256) or 1,
    )


def _check(path: Path, graph: Topology) -> None:
    def whole(what: str, total: int, part: int) -> None:
        if part == 0 or total % part:
            raise InputError(f"{what}: {total} does not divide by {part}", file=str(path))

    first, second = graph.tiers[:2]
    whole("hosts over Radix_Down of tier 0", graph.hosts, first.down)
    leaves = graph.leaves
    if len(graph.tiers) == 3:
        whole("hosts over Podsize", graph.hosts, graph.pod_hosts)
        whole("Podsize over Radix_Down of tier 0", graph.pod_hosts, first.down)
        leaves = graph.pod_hosts // first.down
        whole("Radix_Up of tier 1 over Bundle of tier 2", second.up, graph.tiers[2].bundle)
    whole("leaf uplinks over Radix_Down of tier 1", leaves * first.up, second.down)
    whole("Radix_Up of tier 0 over its spines", first.up, leaves * first.up // second.down)
