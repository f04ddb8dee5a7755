# SPDX-License-Identifier: Apache-2.0
"""Where a run's captures saw each data packet, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emu.telemetry import Run
from emu.wire.packets import read_packets

__all__ = ["Journey", "QueuePair", "Sighting", "journeys", "queue_pairs"]

CE = 3
"""ECN codepoint of a mark, RFC 3168."""
Wire = tuple[int, int]
"""UDP source port and destination QP: a queue pair in its data's direction."""


@dataclass(frozen=True)
class QueuePair:
    """Ends of a queue pair, in the direction of its data."""

    number: int
    src: str
    """NIC, such as h0.0."""
    dst: str


@dataclass(frozen=True)
class Sighting:
    """A packet at one port of a switch."""

    t_ps: int
    """Fabric time: last bit for what arrives, first bit for what leaves."""
    node: str
    peer: str
    leaves: bool
    marked: bool
    """With CE, in the header that the switch looks at."""

    @property
    def place(self) -> str:
        """For a reader."""
        return f"leaves {self.node} to {self.peer}" if self.leaves else f"arrives at {self.node}"


@dataclass(frozen=True)
class Journey:
    """The first copy of a packet, as far as the captures saw it."""

    sightings: tuple[Sighting, ...]
    dst: str

    @property
    def begin_ps(self) -> int:
        return self.sightings[0].t_ps

    @property
    def end_ps(self) -> int:
        return self.sightings[-1].t_ps

    @property
    def delivered(self) -> bool:
        """Whether it was seen on its way to the NIC that it is for."""
        return self.sightings[-1].leaves and self.sightings[-1].peer == self.dst

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Links between switches that it took: from, to."""
        return tuple((s.node, s.peer) for s in self.sightings if s.leaves and s.peer != self.dst)

    def wait_in(self, switch: str) -> int:
        """Picoseconds in a switch: pipeline and queue; 0 when it was not seen on both sides."""
        for before, after in zip(self.sightings, self.sightings[1:], strict=False):
            if after.leaves and before.node == after.node == switch:
                return after.t_ps - before.t_ps
        return 0


def queue_pairs(run: Run) -> dict[Wire, QueuePair]:
    """The queue pairs of a simulated run with captures, by what their packets carry."""
    path = run.path / "captures" / "addresses.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    names = {nic["endpoint"]: nic["nic"] for nic in table["nics"]}
    return {
        (pair["udp_sport"], pair["dst_qpn"]): QueuePair(
            pair["qp_id"], names[pair["src_endpoint"]], names[pair["dst_endpoint"]]
        )
        for pair in table["queue_pairs"]
    }


def journeys(run: Run, pairs: Mapping[Wire, QueuePair]) -> dict[tuple[int, int], Journey]:
    """By queue pair and packet sequence number: the first copy's way through the switches."""
    seen: dict[tuple[Wire, int], list[tuple[int, str, str, bool]]] = {}
    for node, peer, packet in _packets(run):
        wire = (packet.get("src_port", -1), packet.get("dest_qp", -1))
        if packet.get("payload_bytes", 0) > 0 and wire in pairs:
            marked = packet["ip"]["ecn"] == CE
            seen.setdefault((wire, packet["psn"]), []).append(
                (packet["time_ps"], node, peer, marked)
            )
    found = {}
    for (wire, psn), rows in seen.items():
        pair = pairs[wire]
        sightings = tuple(_first_copy(sorted(rows), pair.src))
        if sightings:
            found[pair.number, psn] = Journey(sightings, pair.dst)
    return found


def _packets(run: Run) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Node and peer of a captured port, and a packet there."""
    for capture in run.meta.get("captures", ()):
        for packet in read_packets(run.path / capture["file"]):
            yield str(capture["node"]), str(capture["peer"]), packet


def _first_copy(rows: list[tuple[int, str, str, bool]], src: str) -> Iterator[Sighting]:
    """From the NIC on, until a port sees it again: that is the copy sent after a loss."""
    at, towards, ports = src, src, set()
    for t_ps, node, peer, marked in rows:
        if (node, peer) in ports:
            return
        ports.add((node, peer))
        leaves = node == at
        if not leaves and peer not in (at, towards):  # towards: a switch that nobody watches
            return  # a copy that a bridge flooded
        at, towards = node, peer
        yield Sighting(t_ps, node, peer, leaves, marked)
