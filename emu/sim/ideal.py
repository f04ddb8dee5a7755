# SPDX-License-Identifier: Apache-2.0
"""Transfer time on the empty fabric: the yardstick of every slowdown.

The same physical links, shortest path, ``l3`` header sizes, nobody else on the wire.
A transfer's own flows share its NICs: what one source port sends goes out back to back in
posting order, and what one destination port receives cannot come in faster than its link.
For one flow the figure is exact to the picosecond; flows that share a NIC are served there
packet by packet, which moves their common end by less than one packet.
Of an endpoint with two ports one counts, as in the offered load: the second is there for the
failure of the first. A design that sends over both can beat the yardstick, at most twofold.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emu.fabric.graph import Fabric
from emu.sim.build import switch_profile
from emu.spec import ExperimentSpec
from emu.workload.table import Table

PREAMBLE_BYTES = 8
GAP_BYTES = 20
"""Preamble and inter-frame gap (IEEE 802.3)."""
HEADER_BYTES = 62
RETH_BYTES, AETH_BYTES, IMMEDIATE_BYTES = 16, 4, 4
READ_REQUEST_BYTES = 78
FRAME_MIN_BYTES = 64
CUT_THROUGH_BYTES = 64


def serialisation_ps(frame_bytes: int, rate_bps: int) -> int:
    """Time of so many bytes on a link, rounded up."""
    return -(-frame_bytes * 8 * 10**12 // rate_bps)


@dataclass(frozen=True)
class Hop:
    """One link of a path, with what the node at its end adds."""

    rate_bps: int
    delay_ps: int
    cut_through: bool

    def arrival_ps(self, frame_bytes: int) -> int:
        """From the start of a frame until the next node acts on it."""
        seen = CUT_THROUGH_BYTES if self.cut_through else frame_bytes
        return serialisation_ps(seen + PREAMBLE_BYTES, self.rate_bps) + self.delay_ps


@dataclass(frozen=True)
class Message:
    """Frames of one message: all but the first and last are full."""

    first: int
    middle: int
    last: int
    packets: int

    def frames(self) -> tuple[list[int], int]:
        """Sizes of the frames that are not simply full ones, and how many are."""
        if self.packets == 1:
            return [self.last], 0
        return [self.first, self.last], self.packets - 2


def message_of(payload_bytes: int, mtu: int, verb: str) -> Message:
    """Frame sizes of a message (IBTA vol. 1 §9.4)."""
    packets = -(-payload_bytes // mtu)
    tail = payload_bytes - (packets - 1) * mtu
    tail += -tail % 4
    head = RETH_BYTES if verb == "write" else AETH_BYTES
    foot = IMMEDIATE_BYTES if verb == "write" else AETH_BYTES
    if packets == 1:
        extra = head + foot if verb == "write" else AETH_BYTES
        only = max(FRAME_MIN_BYTES, HEADER_BYTES + tail + extra)
        return Message(only, only, only, 1)
    return Message(
        HEADER_BYTES + mtu + head,
        HEADER_BYTES + mtu,
        max(FRAME_MIN_BYTES, HEADER_BYTES + tail + foot),
        packets,
    )


class EmptyFabric:
    """Answers how long a transfer takes when nobody else sends."""

    def __init__(self, fabric: Fabric, spec: ExperimentSpec) -> None:
        self._fabric = fabric
        self._spec = spec
        self._mtu = spec.topology.nic.mtu
        self._paths: dict[tuple[tuple[int, ...], tuple[int, ...]], list[Hop]] = {}

    def path(self, src: int, dst: int) -> list[Hop]:
        """Quickest path for a full packet between two endpoints."""
        key = (self._attachment(src), self._attachment(dst))
        if key not in self._paths:
            self._paths[key] = self._quickest(src, dst)
        return self._paths[key]

    def _attachment(self, endpoint: int) -> tuple[int, ...]:
        ports = self._fabric.ports_of(endpoint)
        return tuple(
            item
            for port in ports
            for item in (
                self._fabric.peer_node(port),
                self._fabric.ports[port].rate_bps,
                self._fabric.ports[port].delay_ps,
            )
        )

    def _hop(self, port_id: int) -> Hop:
        port = self._fabric.ports[port_id]
        peer = self._fabric.nodes[self._fabric.peer_node(port_id)]
        if peer.tier == 0:
            return Hop(port.rate_bps, port.delay_ps + self._spec.topology.nic.latency_rx, False)
        profile = switch_profile(self._spec, peer.kind)
        # Like the engine: a switch cuts through only from its fastest ports.
        fastest = max(self._fabric.ports[p].rate_bps for p in self._fabric.ports_of(peer.id))
        through = profile.forwarding == "cut-through" and port.rate_bps == fastest
        return Hop(port.rate_bps, port.delay_ps + profile.pipeline_latency, through)

    def _quickest(self, src: int, dst: int) -> list[Hop]:
        frame = HEADER_BYTES + self._mtu
        best: dict[int, int] = {src: 0}
        via: dict[int, tuple[int, Hop]] = {}
        queue = [(0, src)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node == dst:
                break
            if cost > best[node]:
                continue
            for port in self._fabric.ports_of(node):
                peer = self._fabric.peer_node(port)
                kind = self._fabric.links[self._fabric.ports[port].link].kind
                if kind == "peer" or (self._fabric.nodes[peer].tier == 0 and peer != dst):
                    continue
                hop = self._hop(port)
                total = cost + hop.arrival_ps(frame)
                if total < best.get(peer, total + 1):
                    best[peer] = total
                    via[peer] = (node, hop)
                    heapq.heappush(queue, (total, peer))
        hops: list[Hop] = []
        node = dst
        while node != src:
            node, hop = via[node]
            hops.append(hop)
        return hops[::-1]

    def control_ps(self, src: int, dst: int, frame_bytes: int) -> int:
        """One small packet on the empty path."""
        return sum(hop.arrival_ps(frame_bytes) for hop in self.path(src, dst))

    def tail_ps(self, path: list[Hop], frames: list[int]) -> int:
        """From the start of the first of these back-to-back frames at the source until
        the last one has arrived."""
        starts = []
        at = 0
        for frame in frames:
            starts.append(at)
            at += serialisation_ps(frame + GAP_BYTES, path[0].rate_bps)
        ready = [
            start + path[0].arrival_ps(frame) for start, frame in zip(starts, frames, strict=True)
        ]
        for hop in path[1:]:
            free = 0
            for i, frame in enumerate(frames):
                start = max(ready[i], free)
                free = start + serialisation_ps(frame + GAP_BYTES, hop.rate_bps)
                ready[i] = start + hop.arrival_ps(frame)
        return ready[-1]

    def flow_ps(self, src: int, dst: int, payload_bytes: int, verb: str) -> int:
        """Time of one message alone, from its post to its completion at the receiver."""
        path = self.path(src, dst)
        message = message_of(payload_bytes, self._mtu, verb)
        slowest = min(hop.rate_bps for hop in path)
        ends, full = message.frames()
        # Full frames between the first and the last: all of them where the path
        # has one rate; where it narrows, the narrow link paces them.
        few = min(full, 2 * len(path))
        frames = [ends[0], *[message.middle] * few, *ends[1:]]
        rest = (full - few) * serialisation_ps(message.middle + GAP_BYTES, slowest)
        before = self._spec.topology.nic.latency_tx
        if verb == "read":
            before += self.control_ps(dst, src, READ_REQUEST_BYTES)
        return before + self.tail_ps(path, frames) + rest

    def wire_ps(self, payload_bytes: int, verb: str, rate_bps: int) -> int:
        """Link time of all frames of a message."""
        message = message_of(payload_bytes, self._mtu, verb)
        ends, full = message.frames()
        total = sum(ends) + full * message.middle + message.packets * GAP_BYTES
        return serialisation_ps(total, rate_bps)

    def transfer_ps(self, flows: Table, ready_ps: int) -> int:
        """Time of one transfer: until its slowest flow is complete.

        Parameters
        ----------
        flows : Table
            Rows of the transfer with src_endpoint, dst_endpoint, payload_bytes, post_ps, verb.
        ready_ps : int
            When the transfer starts.
        """
        end = ready_ps
        busy: dict[tuple[str, int], int] = {}
        for src, dst, size, post, verb in zip(
            flows["src_endpoint"].tolist(),
            flows["dst_endpoint"].tolist(),
            flows["payload_bytes"].tolist(),
            flows["post_ps"].tolist(),
            flows["verb"].tolist(),
            strict=True,
        ):
            alone = self.flow_ps(src, dst, size, verb)
            path = self.path(src, dst)
            for side, endpoint, rate in (
                ("tx", src, path[0].rate_bps),
                ("rx", dst, path[-1].rate_bps),
            ):
                wire = self.wire_ps(size, verb, rate)
                # What this flow needs beyond its own wire time is latency: the
                # wire is free again for the next flow before that has passed.
                free = max(busy.get((side, endpoint), post), post) + wire
                busy[side, endpoint] = free
                end = max(end, free + alone - wire)
        return end - ready_ps


def ideal_transfer_ps(
    fabric: Fabric,
    spec: ExperimentSpec,
    transfers: Table,
    flows: Iterable[Table],
) -> npt.NDArray[np.int64]:
    """Empty-fabric time of every transfer, in order of transfer_id.

    ``flows`` are tables of whole transfers.
    """
    empty = EmptyFabric(fabric, spec)
    ready = dict(
        zip(transfers["transfer_id"].tolist(), transfers["ready_ps"].tolist(), strict=True)
    )
    ideal: dict[int, int] = {}
    for table in flows:
        ids = table["transfer_id"]
        order = np.argsort(ids, kind="stable")
        found, first = np.unique(ids[order], return_index=True)
        for transfer, rows in zip(found.tolist(), np.split(order, first)[1:], strict=True):
            ideal[transfer] = empty.transfer_ps(table.take(rows), ready[transfer])
    return np.array([ideal[transfer] for transfer in ready], dtype=np.int64)
