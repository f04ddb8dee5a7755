# SPDX-License-Identifier: Apache-2.0
"""pcap and pcapng files written the long way round, so that a reader meets every variant.

Nothing of emu is used here: what emu reads and writes is compared with this.
Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ETHERNET, COOKED_V1, COOKED_V2 = 1, 113, 276


@dataclass(frozen=True)
class Stamped:
    """A frame with the time at which it was seen and the interface that saw it."""

    time_ns: int
    frame: bytes
    interface: int = 0
    length: int | None = None
    """Length on the wire where the capture holds less of it."""

    @property
    def wire_bytes(self) -> int:
        return len(self.frame) if self.length is None else self.length


@dataclass(frozen=True)
class Interface:
    """An interface block of a pcapng file."""

    name: str
    link_type: int = ETHERNET
    tsresol: int | None = 9
    """Power of ten, or of two with the upper bit set; None leaves the option out (microseconds)."""
    tsoffset_s: int = 0
    snaplen: int = 0
    speed_bps: int = 0


def pcap(
    packets: Iterable[Stamped],
    *,
    order: str = "<",
    nanoseconds: bool = False,
    link_type: int = ETHERNET,
    snaplen: int = 262144,
) -> bytes:
    """The old format: one link type, one resolution."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)]
    for packet in packets:
        seconds, rest = divmod(packet.time_ns, 10**9)
        fraction = rest if nanoseconds else rest // 1000
        parts.append(
            struct.pack(order + "IIII", seconds, fraction, len(packet.frame), packet.wire_bytes)
        )
        parts.append(packet.frame)
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A section header; a file may hold several, each with its own byte order."""
    end = _option(order, 0, b"")
    program = _option(order, 4, b"containers.py")
    return _block(
        order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + program + end
    )


def interface_block(interface: Interface, order: str = "<") -> bytes:
    options = _option(order, 2, interface.name.encode())
    if interface.speed_bps:
        options += _option(order, 8, struct.pack(order + "Q", interface.speed_bps))
    if interface.tsresol is not None:
        options += _option(order, 9, bytes([interface.tsresol]))
    if interface.tsoffset_s:
        options += _option(order, 14, struct.pack(order + "q", interface.tsoffset_s))
    options += _option(order, 0, b"")
    head = struct.pack(order + "HHI", interface.link_type, 0, interface.snaplen)
    return _block(order, 1, head + options)


def _ticks(time_ns: int, interface: Interface) -> int:
    time_ns -= interface.tsoffset_s * 10**9
    tsresol = 6 if interface.tsresol is None else interface.tsresol
    if tsresol & 0x80:
        return (time_ns << (tsresol & 0x7F)) // 10**9
    return time_ns * 10**tsresol // 10**9


def packet_block(
    packet: Stamped, interface: Interface, order: str = "<", comment: str = ""
) -> bytes:
    """An enhanced packet block."""
    ticks = _ticks(packet.time_ns, interface)
    head = struct.pack(
        order + "IIIII",
        packet.interface,
        ticks >> 32,
        ticks & 0xFFFFFFFF,
        len(packet.frame),
        packet.wire_bytes,
    )
    body = head + packet.frame + b"\0" * (-len(packet.frame) % 4)
    if comment:
        body += _option(order, 1, comment.encode()) + _option(order, 0, b"")
    return _block(order, 6, body)


def unknown_block(order: str = "<") -> bytes:
    """A block that a reader must step over (the local range of types)."""
    return _block(order, 0x80000123, b"not for you")


def statistics_block(interface: int, order: str = "<") -> bytes:
    """Interface statistics, as dumpcap writes them at the end."""
    return _block(order, 5, struct.pack(order + "III", interface, 0, 0))


def pcapng(
    packets: Sequence[Stamped],
    interfaces: Sequence[Interface] = (Interface("eth0"),),
    *,
    order: str = "<",
    extras: bool = False,
) -> bytes:
    """One section; with `extras` also blocks and comments that carry no packet."""
    parts = [section(order), *(interface_block(i, order) for i in interfaces)]
    for number, packet in enumerate(packets):
        comment = f"packet {number}" if extras and number % 3 == 0 else ""
        parts.append(packet_block(packet, interfaces[packet.interface], order, comment))
        if extras and number % 5 == 0:
            parts.append(unknown_block(order))
    if extras:
        parts += [statistics_block(i, order) for i in range(len(interfaces))]
    return b"".join(parts)
