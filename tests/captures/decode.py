# SPDX-License-Identifier: Apache-2.0
"""Reads the captures that emu writes, by the formats' texts and with nothing of emu.

pcapng: draft-ietf-opsawg-pcapng. Headers: RFC 791, 768, 826, 7348, IEEE 802.1Q and 802.1Qbb,
IBTA vol. 1 section 9 and annex A17.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pandas as pd

RETH = {0x06, 0x0A, 0x0B, 0x0C}
AETH = {0x0D, 0x0F, 0x10, 0x11}
IMMEDIATE = {0x09, 0x0B}


@dataclass
class Interface:
    """What the interface block says."""

    name: str = ""
    description: str = ""
    mac: str = ""
    speed_bps: int = 0
    tsresol: int = 6
    link_type: int = 0


@dataclass
class File:
    """One pcapng file."""

    application: str = ""
    comment: str = ""
    interfaces: list[Interface] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    packets: list[dict[str, Any]] = field(default_factory=list)


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def _mac(data: bytes) -> str:
    return data.hex(":")


def read_file(path: Path) -> File:
    """Everything in a file; an assertion fails where it breaks the format."""
    data = path.read_bytes()
    out, at = File(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        body = data[at + 8 : at + length - 4]
        if kind == 0x0A0D0D0A:
            assert at == 0
            assert struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0)
            for code, value in _options(body[16:]):
                if code == 1:
                    out.comment = value.decode()
                if code == 4:
                    out.application = value.decode()
        elif kind == 1:
            out.interfaces.append(_interface(body))
        elif kind == 4:
            for _, value in _options(body):
                out.names[str(IPv4Address(value[:4]))] = value[4:-1].decode()
        elif kind == 6:
            out.packets.append(_packet(body))
        at += length
    assert at == len(data)
    return out


def _interface(body: bytes) -> Interface:
    out = Interface(link_type=struct.unpack_from("<H", body)[0])
    for code, value in _options(body[8:]):
        if code == 2:
            out.name = value.decode()
        elif code == 3:
            out.description = value.decode()
        elif code == 6:
            out.mac = _mac(value)
        elif code == 8:
            out.speed_bps = struct.unpack("<Q", value)[0]
        elif code == 9:
            out.tsresol = value[0]
    return out


def _packet(body: bytes) -> dict[str, Any]:
    interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
    frame = body[20 : 20 + captured]
    row: dict[str, Any] = {
        "interface": interface,
        "time_ns": high << 32 | low,
        "captured": captured,
        "length": length,
        "frame": frame,
    }
    for code, value in _options(body[20 + (captured + 3) // 4 * 4 :]):
        if code == 1:
            text = value.decode()
            assert text.startswith("t_ps=")
            row["t_ps"] = int(text[5:])
        if code == 2:
            flags = struct.unpack("<I", value)[0]
            row["tx"] = flags & 3 == 2
            row["reception"] = flags >> 2 & 7
    row |= decode_frame(frame, length)
    return row


def decode_frame(frame: bytes, length: int) -> dict[str, Any]:
    """Fields of one frame; ``o_`` names those of outer headers."""
    row: dict[str, Any] = {"whole": len(frame) == length}
    kind, body = _ethernet(row, frame, "")
    if kind == 0x8808:
        opcode, enable = struct.unpack_from(">HH", body)
        quanta = struct.unpack_from(">8H", body, 4)
        assert opcode == 0x0101
        assert not any(body[20:])
        return row | {"what": "pfc", "enable": enable, "quanta": quanta}
    if kind == 0x0806:
        names = ("htype", "ptype", "hlen", "plen", "operation")
        row |= dict(zip(names, struct.unpack_from(">HHBBH", body), strict=True))
        row["sender_mac"], row["target_mac"] = _mac(body[8:14]), _mac(body[18:24])
        row["sender_ip"] = str(IPv4Address(body[14:18]))
        row["target_ip"] = str(IPv4Address(body[24:28]))
        assert not any(body[28:])
        return row | {"what": "arp"}
    assert kind == 0x0800
    outer = length - (len(frame) - len(body))
    payload = _ip(row, body, outer, "")
    if row["dport"] == 4789:
        row = {f"o_{k}" if k != "whole" else k: v for k, v in row.items()}
        flags, vni = struct.unpack_from(">II", payload)
        assert flags == 0x08000000
        row["vni"] = vni >> 8
        inner = payload[8:]
        kind, body = _ethernet(row, inner, "")
        assert kind == 0x0800
        payload = _ip(row, body, outer - 20 - 8 - 8 - (len(inner) - len(body)), "")
    assert row["dport"] == 4791
    _roce(row, payload, body)
    return row


def _ethernet(row: dict[str, Any], frame: bytes, prefix: str) -> tuple[int, bytes]:
    row[f"{prefix}dst_mac"], row[f"{prefix}src_mac"] = _mac(frame[:6]), _mac(frame[6:12])
    kind, at = struct.unpack_from(">H", frame, 12)[0], 14
    if kind == 0x8100:
        control, kind = struct.unpack_from(">HH", frame, 14)
        row[f"{prefix}vlan"], row[f"{prefix}pcp"], at = control & 0xFFF, control >> 13, 18
    return kind, frame[at:]


def _ip(row: dict[str, Any], packet: bytes, available: int, prefix: str) -> bytes:
    version, tos, total, ident, fragment, ttl, proto, _, src, dst = struct.unpack_from(
        ">BBHHHBBHII", packet
    )
    assert version == 0x45
    assert total == available, "the IP length is what is left of the frame"
    assert fragment == 0x4000
    assert proto == 17
    words = sum(struct.unpack_from(">10H", packet))
    words = (words & 0xFFFF) + (words >> 16)
    assert (words & 0xFFFF) + (words >> 16) == 0xFFFF, "IP checksum"
    sport, dport, udp_length, checksum = struct.unpack_from(">4H", packet, 20)
    assert udp_length == total - 20
    assert checksum == 0, "none over IPv4"
    row |= {
        f"{prefix}{k}": v
        for k, v in {
            "dscp": tos >> 2,
            "ecn": tos & 3,
            "ip_id": ident,
            "ttl": ttl,
            "src_ip": str(IPv4Address(src)),
            "dst_ip": str(IPv4Address(dst)),
            "sport": sport,
            "dport": dport,
            "ip_total": total,
        }.items()
    }
    return packet[28:]


def _roce(row: dict[str, Any], bth: bytes, ip: bytes) -> None:
    opcode, flags, pkey = struct.unpack_from(">BBH", bth)
    row |= {"what": "roce", "opcode": opcode, "pad": flags >> 4 & 3, "pkey": pkey}
    assert flags & 0x0F == 0
    row["becn"] = bool(bth[4] & 0x40)
    row["dest_qp"] = int.from_bytes(bth[5:8])
    row["ack_request"] = bool(bth[8] & 0x80)
    row["psn"] = int.from_bytes(bth[9:12])
    at = 12
    if opcode in RETH:
        row["address"], row["rkey"], row["dma_length"] = struct.unpack_from(">QII", bth, at)
        at += 16
    if opcode in AETH:
        row["syndrome"], row["msn"] = bth[at], int.from_bytes(bth[at + 1 : at + 4])
        at += 4
    if opcode in IMMEDIATE:
        row["immediate"] = struct.unpack_from(">I", bth, at)[0]
        at += 4
    if opcode == 0x81:
        assert bth[at : at + 16] == bytes(16)
        at += 16
    row["payload"] = row["ip_total"] - 20 - 8 - at - row["pad"] - 4
    if row["whole"]:
        row["data"] = bth[at : at + row["payload"]]
        row["icrc_ok"] = icrc(ip[:-4]) == ip[-4:]
    else:
        assert len(bth) == at, "a snapped frame ends where its payload begins"


def icrc(ip: bytes) -> bytes:
    """ICRC of an IPv4 packet without it, as it stands on the wire."""
    masked = bytearray(ip)
    for i in (1, 8, 10, 11, 26, 27, 32):
        masked[i] = 0xFF
    return struct.pack("<I", zlib.crc32(b"\xff" * 8 + masked))


def frames(path: Path) -> pd.DataFrame:
    """One row per packet of a file."""
    return pd.DataFrame(read_file(path).packets)
