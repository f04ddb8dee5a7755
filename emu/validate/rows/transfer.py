# SPDX-License-Identifier: Apache-2.0
"""Time of one message on an empty fabric, by max-plus algebra over the links of its path."""

from __future__ import annotations

from pathlib import Path

from emu.validate.lab import Done, load, runs
from emu.validate.row import Check, Result, Row

PART = "Empty-fabric transfer time"
HEADERS, RETH, IMMEDIATE = 62, 16, 4
PREAMBLE, GAP, CUT = 8, 20, 64


def frames_of(size: int, mtu: int) -> list[int]:
    """Frames of a WRITE, FCS included (IBTA vol. 1, 9.4)."""
    packets = -(-size // mtu)
    payloads = [mtu] * (packets - 1) + [size - mtu * (packets - 1)]
    frames = [HEADERS + p + -p % 4 for p in payloads]
    frames[0] += RETH
    frames[-1] += IMMEDIATE
    return [max(64, frame) for frame in frames]


def message_ps(
    frames: list[int], links: list[tuple[int, int, int]], cut_through: bool, tx_ps: int
) -> int:
    """When the last frame is there.

    ``links`` has rate in bit/s, delay with the next node's latency in ps, and the bytes that
    a tunnel adds to each frame. A frame starts on a link when it is ready there and the frame
    before it has left with its gap: that is the whole formula.
    """
    ready = [tx_ps] * len(frames)
    for number, (rate, delay, extra) in enumerate(links):
        byte = 8 * 10**12 // rate
        free = 0
        last = number == len(links) - 1
        for i, frame in enumerate(frames):
            start = max(ready[i], free)
            free = start + (frame + extra + GAP) * byte
            seen = frame + extra if last or not cut_through else CUT
            ready[i] = start + (seen + PREAMBLE) * byte + delay
    return ready[-1]


def _expected(done: Done, src: int, dst: int, size: int) -> int:
    spec, fabric = done.scenario.spec, done.scenario.fabric
    nic, leaf = spec.topology.nic, spec.topology.switches.leaf
    ports = [fabric.ports[fabric.ports_of(e)[0]] for e in (src, dst)]
    leaves = [fabric.peer_node(port.id) for port in ports]
    overhead = done.scenario.plan.overhead_bytes
    links = [(ports[0].rate_bps, ports[0].delay_ps + leaf.pipeline_latency, 0)]
    if leaves[0] != leaves[1]:
        up = next(fabric.ports[p] for p in fabric.ports_of(leaves[0])
                  if fabric.nodes[fabric.peer_node(p)].tier == 2)  # fmt: skip
        # The tunnel of EVPN reaches from leaf to leaf.
        links += [(up.rate_bps, up.delay_ps + leaf.pipeline_latency, overhead)] * 2
    links.append((ports[1].rate_bps, ports[1].delay_ps + nic.latency_rx, 0))
    cut = leaf.forwarding == "cut-through"
    return message_ps(frames_of(size, nic.mtu), links, cut, nic.latency_tx)


def empty(folder: Path) -> Result:
    """All designs, both kinds of forwarding, all path MTUs, near and far pairs."""
    result = Result()
    for done in runs(load(folder, "empty-fabric.yaml")):
        flows = done.flows
        worst, at = 0, 0
        for src, dst, size, post, end in zip(
            *(flows[name].tolist() for name in
              ("src_endpoint", "dst_endpoint", "payload_bytes", "post_ps", "end_ps")),
            strict=True,
        ):  # fmt: skip
            off = (end - post) - _expected(done, src, dst, size)
            if abs(off) >= abs(worst):
                worst, at = off, end - post
        labels = done.variant.labels
        name = ", ".join(v for k, v in labels.items() if k != "case")
        result.checks.append(
            Check(f"{name}: {len(flows)} messages, the worst one, ps", at - worst, at, 0.0,
                  absolute=True)
        )  # fmt: skip
    return result


ROWS = (
    Row("empty-fabric", PART, "One message alone, to the picosecond, for every design, "
        "store-and-forward and cut-through, and every path MTU",
        "frames of IBTA vol. 1 9.4 and RFC 7348 on the links of the path", "empty-fabric.yaml",
        empty),
)  # fmt: skip
