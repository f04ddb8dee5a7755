# SPDX-License-Identifier: Apache-2.0
"""Tests of the switch test suite that read thresholds to the frame, and frames to the byte.

Frames are read from the capture files that a run writes, not from the engine.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emu.fabric.addresses import endpoint_mac, router_mac
from emu.spec import ExperimentSpec, Variant
from emu.validate.lab import Done, load, simulate
from emu.validate.row import Check, Result, at_least
from emu.validate.rows.snappi import snappi_row

FILE = "../conformance/frames.yaml"
LOSSLESS = 3
MAC_CONTROL, PFC_OPCODE = bytes.fromhex("8808"), bytes.fromhex("0101")
PFC_ADDRESS = bytes.fromhex("0180c2000001")
FRAME_BYTES_MIN, FCS_BYTES = 60, 4
SONIC_DSCP = {3: 3, 4: 4, 5: 2, 8: 0, 46: 5, 48: 6}
"""Queue by DSCP where it is not 1 (map AZURE)."""


@dataclass(frozen=True)
class Frame:
    """One frame of a capture: when, of how many bytes, and what was kept of them."""

    at: int
    length: int
    data: bytes

    @property
    def pfc(self) -> bool:
        """Whether it is MAC control."""
        return self.data[12:14] == MAC_CONTROL


def read_frames(path: Path) -> Iterator[Frame]:
    """Frames of a pcapng file of little-endian blocks (the format's enhanced packet block)."""
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        kind, size = struct.unpack_from("<II", raw, at)
        if kind == 6:
            high, low, kept, length = struct.unpack_from("<IIII", raw, at + 12)
            yield Frame(high << 32 | low, length, raw[at + 28 : at + 28 + kept])
        at += size


def _variant(folder: Path, name: str) -> Variant:
    (variant,) = [v for v in load(folder, FILE).variants() if v.labels["case"] == name]
    return variant


@dataclass(frozen=True)
class Seen:
    """A run, the frames at the port to the sender and those at the port to the receiver."""

    done: Done
    sender: list[Frame]
    receiver: list[Frame]


def _capture(variant: Variant) -> Seen:
    with tempfile.TemporaryDirectory() as scratch:
        done = simulate(variant, 1, captures=Path(scratch))
        fabric = done.scenario.fabric
        leaf = fabric.node("leaf").id
        at = {}
        for port in fabric.ports_of(leaf):
            name = fabric.ports[port].name.replace(":", "-")
            peer = fabric.nodes[fabric.peer_node(port)].name
            at[peer] = sorted(read_frames(Path(scratch) / f"{name}.pcapng"), key=lambda f: f.at)
        return Seen(done, at["h0.0"], at["h2.0"])


def _mac(seen: Seen, host: str) -> bytes:
    """MAC address of a NIC."""
    return _bytes(endpoint_mac(seen.done.scenario.fabric.node(host).id))


def _bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _quanta(frame: Frame) -> tuple[int, ...]:
    return struct.unpack_from(">8H", frame.data, 18)


def _own_pauses(frames: list[Frame]) -> list[Frame]:
    """PFC frames that the switch sent."""
    return [f for f in frames if f.pfc and f.data[6:12] == _bytes(router_mac(0))]


@dataclass(frozen=True)
class Thresholds:
    """When one priority group that is alone in the buffer pauses and resumes, in frames.

    SAI saibuffer.h: XOFF beyond alpha x (pool - used), XON at max(xon, limit - xon_offset) with
    the headroom empty.
    """

    pool: int
    reserved: int
    alpha: float
    xon: int
    xon_offset: int
    frame: int

    def shared(self, frames: int) -> int:
        """Shared bytes of so many frames."""
        return max(0, frames * self.frame - self.reserved)

    def limit(self, frames: int) -> float:
        """Dynamic limit while so many are held."""
        return self.alpha * (self.pool - self.shared(frames))

    def xoff(self) -> int:
        """The frame that goes beyond the limit."""
        n = 1
        while self.shared(n) <= self.limit(n - 1):
            n += 1
        return n

    def left(self, held: int, in_headroom: int) -> int:
        """Frames that leave before XON."""
        m = in_headroom
        while self.shared(held - m) > max(self.xon, self.limit(held - m) - self.xon_offset):
            m += 1
        return m


def thresholds(folder: Path) -> Result:
    """The frame that brings XOFF and the one that brings XON, counted in captures."""
    result = Result()
    for name in ("alpha 1 in 64", "alpha 1 in 128", "large frames"):
        seen = _capture(_variant(folder, name))
        leaf = seen.done.scenario.spec.topology.switches.leaf
        pfc, ports = leaf.pfc, len(seen.done.scenario.fabric.ports) // 2
        pauses = _own_pauses(seen.sender)
        xoff = next(f for f in pauses if _quanta(f)[LOSSLESS] > 0)
        xon = next(f for f in pauses if _quanta(f)[LOSSLESS] == 0)
        came = [f.at for f in seen.sender if f.data[6:12] == _mac(seen, "h0.0") and not f.pfc]
        went = [f.at for f in seen.receiver
                if f.data[6:12] == _bytes(router_mac(0)) and not f.pfc]  # fmt: skip
        cells = -(-(max(f.length for f in seen.sender) + FCS_BYTES) // leaf.cell) * leaf.cell
        rule = Thresholds(
            leaf.buffer - ports * len(pfc.priorities) * pfc.reserved - (pfc.headroom_pool or 0),
            pfc.reserved, pfc.alpha, pfc.xon, pfc.xon_offset, cells,
        )  # fmt: skip
        before = sum(at < xoff.at for at in went)
        held = sum(at < xoff.at for at in came) - before
        late = sum(xoff.at <= at < xon.at for at in came)
        out = sum(at <= xon.at for at in went) - before
        expected = rule.xoff()
        result.checks += [
            Check(f"{name}: frames held when XOFF goes out", expected, held, 0.0, True),
            Check(f"{name}: of {held + late} frames, left when XON goes out",
                  rule.left(held + late, late + 1), out, 0.0, True),
            Check(f"{name}: frames dropped", 0, seen.done.counters["dropped_packets"], 0.0, True),
        ]  # fmt: skip
    result.notes.append(
        "Frames come one by one into a queue that is paused, as in the suite, which sends to a "
        "port that is switched off. The suite allows a margin that each platform names; here it "
        "is none."
    )
    return result


def valid_pfc(folder: Path) -> Result:
    """Each PFC frame that the switch sent, byte by byte."""
    seen = _capture(_variant(folder, "alpha 1 in 64"))
    frames = [f for f in seen.sender if f.data[12:14] == MAC_CONTROL]
    wrong = {
        "destination other than 01:80:c2:00:00:01": [f.data[:6] != PFC_ADDRESS for f in frames],
        "source other than the switch's": [f.data[6:12] != _bytes(router_mac(0)) for f in frames],
        "opcode other than 0x0101": [f.data[14:16] != PFC_OPCODE for f in frames],
        "enable vector other than the lossless class": [
            f.data[16:18] != bytes((0, 1 << LOSSLESS)) for f in frames
        ],
        "times of classes that are not enabled": [
            any(q for p, q in enumerate(_quanta(f)) if p != LOSSLESS) for f in frames
        ],
        "bytes other than 60 and FCS, zeroes at the end": [
            f.length != FRAME_BYTES_MIN or any(f.data[34:]) for f in frames
        ],
    }
    return Result(
        [
            at_least("pauses", 2, sum(_quanta(f)[LOSSLESS] > 0 for f in frames)),
            at_least("resumes", 1, sum(_quanta(f)[LOSSLESS] == 0 for f in frames)),
            *(Check(f"frames with {what}", 0, sum(marks), 0.0, True)
              for what, marks in wrong.items()),
        ]
    )  # fmt: skip


def dscp_mapping(folder: Path) -> Result:
    """Every DSCP: frames that carry it on the wire go through the queue that the map names."""
    queue_of = {dscp: SONIC_DSCP.get(dscp, 1) for dscp in range(64)}
    base = _variant(folder, "dscp")
    right = carried = 0
    for dscp, queue in queue_of.items():
        data = base.spec.model_dump(mode="json")
        data["overrides"] = {}
        data["workload"]["trace"]["file"] = str(base.spec.workload.trace.path.resolve())
        data["topology"]["nic"] |= {"data_dscp": dscp, "data_priority": queue}
        data["topology"]["switches"]["leaf"]["dscp_to_priority"] = queue_of
        variant = Variant(base.id, base.labels, ExperimentSpec.model_validate(data))
        seen = _capture(variant)
        leaf = variant.spec.topology.switches.leaf
        sent = {p: seen.done.queue("leaf", "h2.0", p)["tx_packets"] for p in range(8)}
        out = [f for f in seen.receiver if f.data[6:12] == _bytes(router_mac(0)) and not f.pfc]
        into = [f for f in seen.sender if f.data[6:12] == _mac(seen, "h0.0")]
        right += leaf.priority_of(dscp) == queue and sent[queue] == len(out) == sum(sent.values())
        carried += len(into) > 0 and all(f.data[15] >> 2 == dscp for f in (*into, *out))
    return Result(
        [
            Check("DSCPs of which each frame left by the queue of the map", 64, right, 0.0, True),
            Check("DSCPs that frames carry in and out of the switch", 64, carried, 0.0, True),
        ],
        notes=[
            "Map AZURE of sonic-buildimage files/build_templates/qos_config.j2. A packet of the "
            "engine has a class; its NIC's DSCP is written into frames, and the map ties the two."
        ],
    )


_row = partial(snappi_row, FILE)

ROWS = (
    _row("xoff-xon", "XOFF and XON to the frame", thresholds,
         "tests/qos (XOFF limit, XON limit); SAI saibuffer.h"),
    _row("valid-pfc-frame", "The bytes of PFC frames", valid_pfc,
         "pfc/test_valid_pfc_frame, test_valid_src_mac_pfc_frame"),
    _row("dscp", "DSCP to queue", dscp_mapping, "tests/qos (DSCP to queue mapping)"),
)  # fmt: skip
