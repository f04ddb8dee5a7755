# SPDX-License-Identifier: Apache-2.0
"""RoCEv2 frames by struct and zlib: a second opinion that shares no line with emu or scapy."""

from __future__ import annotations

import ipaddress
import struct
import zlib
from dataclasses import dataclass, replace

SEND_FIRST, SEND_MIDDLE, SEND_LAST, SEND_ONLY, SEND_ONLY_IMM = 0x00, 0x01, 0x02, 0x04, 0x05
WRITE_FIRST, WRITE_MIDDLE, WRITE_LAST, WRITE_LAST_IMM, WRITE_ONLY = 0x06, 0x07, 0x08, 0x09, 0x0A
READ_REQUEST, READ_FIRST, READ_MIDDLE, READ_LAST, READ_ONLY = 0x0C, 0x0D, 0x0E, 0x0F, 0x10
ACK, CNP = 0x11, 0x81
NOT_ECT, ECT1, ECT0, CE = range(4)
SEQUENCE, INVALID, ACCESS, RNR = 0x60, 0x61, 0x62, 0x21
MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


@dataclass(frozen=True)
class Direction:
    """One way of a queue pair."""

    src: str = "10.0.0.1"
    dst: str = "10.0.0.2"
    qp: int = 0x11
    port: int = 0xC123
    dscp: int = 26
    ecn: int = ECT0
    vni: int | None = None
    outer_ecn: int | None = None
    vlan: int | None = None
    pcp: int = 3

    def with_(self, **changes: object) -> Direction:
        return replace(self, **changes)  # type: ignore[arg-type]


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_header(src: str, dst: str, payload_bytes: int, dscp: int, ecn: int, ttl: int = 64) -> bytes:
    tos = dscp << 2 | ecn
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if a.version == 6:
        return (
            struct.pack("!IHBB", 6 << 28 | tos << 20, payload_bytes, 17, ttl) + a.packed + b.packed
        )
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + payload_bytes, 0, 0x4000, ttl, 17, 0)
    head += a.packed + b.packed
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:]


def icrc(ip: bytes, udp: bytes, bth_and_rest: bytes) -> bytes:
    masked = bytearray(ip)
    if ip[0] >> 4 == 4:
        masked[1] = masked[8] = 0xFF
        masked[10:12] = b"\xff\xff"
    else:
        masked[0] |= 0x0F
        masked[1:4] = b"\xff\xff\xff"
        masked[7] = 0xFF
    rest = bytearray(bth_and_rest)
    rest[4] = 0xFF
    covered = b"\xff" * 8 + bytes(masked) + udp[:6] + b"\xff\xff" + bytes(rest)
    return struct.pack("<I", zlib.crc32(covered))


def roce(
    d: Direction,
    opcode: int,
    psn: int,
    behind: bytes = b"",
    *,
    ask: bool = False,
    becn: bool = False,
    good: bool = True,
    pad: int = 0,
) -> bytes:
    """A whole frame: `behind` is what stands between BTH and ICRC, pad included."""
    bth = struct.pack(
        "!BBHII", opcode, pad << 4, 0xFFFF, (0x40 << 24 if becn else 0) | d.qp,
        (1 << 31 if ask else 0) | psn & 0xFFFFFF,
    )  # fmt: skip
    rest = bth + behind
    udp_bytes = 8 + len(rest) + 4
    ip = ip_header(d.src, d.dst, udp_bytes, d.dscp, d.ecn)
    udp = struct.pack("!HHHH", d.port, 4791, udp_bytes, 0)
    crc = icrc(ip, udp, rest)
    if not good:
        crc = bytes(byte ^ 0xFF for byte in crc)
    packet = ip + udp + rest + crc
    kind = b"\x86\xdd" if ":" in d.src else b"\x08\x00"
    if d.vni is not None:
        inner = MAC_B + MAC_A + kind + packet
        outer_ecn = d.ecn if d.outer_ecn is None else d.outer_ecn
        outer = struct.pack("!HHHH", d.port, 4789, 16 + len(inner), 0)
        outer += struct.pack("!II", 0x08000000, d.vni << 8)
        packet = ip_header("1.1.1.1", "2.2.2.2", 16 + len(inner), d.dscp, outer_ecn) + outer + inner
        kind = b"\x08\x00"
    tag = b"" if d.vlan is None else struct.pack("!HH", 0x8100, d.pcp << 13 | d.vlan)
    return MAC_B + MAC_A + tag + kind + packet


def reth(length: int) -> bytes:
    return struct.pack("!QII", 0x1000, 0x22, length)


def aeth(syndrome: int = 0x1F, msn: int = 1) -> bytes:
    return bytes([syndrome]) + struct.pack("!I", msn)[1:]


def payload(size: int) -> bytes:
    return bytes(i & 0xFF for i in range(size))


def ack(d: Direction, psn: int, syndrome: int = 0x1F) -> bytes:
    return roce(d, ACK, psn, aeth(syndrome))


def cnp(d: Direction) -> bytes:
    return roce(d.with_(dscp=48, ecn=NOT_ECT), CNP, 0, bytes(16), becn=True)


def pfc(quanta: dict[int, int], src: bytes = MAC_A, vector: int | None = None) -> bytes:
    enabled = sum(1 << p for p in quanta) if vector is None else vector
    times = struct.pack("!8H", *(quanta.get(p, 0) for p in range(8)))
    head = bytes.fromhex("0180c2000001") + src + b"\x88\x08" + struct.pack("!HH", 0x0101, enabled)
    return (head + times).ljust(60, b"\0")


def pause(quanta: int) -> bytes:
    head = bytes.fromhex("0180c2000001") + MAC_A + b"\x88\x08" + struct.pack("!HH", 1, quanta)
    return head.ljust(60, b"\0")


def ether(kind: int, body: bytes) -> bytes:
    return (MAC_B + MAC_A + struct.pack("!H", kind) + body).ljust(60, b"\0")


def udp(src: int, dst: int) -> bytes:
    return ether(
        0x0800,
        ip_header("10.0.0.1", "10.0.0.2", 12, 0, 0)
        + struct.pack("!HHHH", src, dst, 12, 0)
        + b"data",
    )


def ip_protocol(number: int, body: bytes) -> bytes:
    head = bytearray(ip_header("10.0.0.1", "10.0.0.2", len(body), 0, 0))
    head[9], head[10:12] = number, b"\0\0"
    head[10:12] = struct.pack("!H", _checksum(bytes(head)))
    return ether(0x0800, bytes(head) + body)
