# SPDX-License-Identifier: GPL-2.0-only
"""Random packets: scapy builds them, emu's codecs read the same fields and write the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.mac_control import MACControlClassBasedFlowControl, MACControlPause
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from emu.core import _wire
from emu.wire.scapy_layers import (
    AETH,
    BTH,
    RETH,
    AtomicAckETH,
    AtomicETH,
    CNPPadding,
    ImmDt,
    icrc,
    icrc_is_right,
)

u8, u16 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1)
u20, u24 = st.integers(0, 2**20 - 1), st.integers(0, 2**24 - 1)
u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
bit = st.integers(0, 1)
mac = st.binary(min_size=6, max_size=6).map(lambda b: b.hex(":"))
v4 = st.ip_addresses(v=4).map(str)
v6 = st.ip_addresses(v=6).map(str)

RETHS = st.builds(RETH, va=u64, rkey=u32, dmalen=u32)
AETHS = st.builds(AETH, syndrome=u8, msn=u24)
IMMS = st.builds(ImmDt, data=u32)
# Opcode and the headers that must follow it; RC and, where it exists, UC.
AFTER: dict[int, list[st.SearchStrategy[Packet]]] = {
    **{code: [] for code in (0x00, 0x01, 0x02, 0x04, 0x07, 0x08, 0x0E, 0x20, 0x21, 0x24, 0x27)},
    **{code: [RETHS] for code in (0x06, 0x0A, 0x0C, 0x26, 0x2A)},
    **{code: [RETHS, IMMS] for code in (0x0B, 0x2B)},
    **{code: [IMMS] for code in (0x03, 0x05, 0x09, 0x29)},
    **{code: [AETHS] for code in (0x0D, 0x0F, 0x10, 0x11)},
    0x12: [AETHS, st.builds(AtomicAckETH, before=u64)],
    **{
        code: [st.builds(AtomicETH, va=u64, rkey=u32, swap=u64, compare=u64)]
        for code in (0x13, 0x14)
    },
    0x81: [st.builds(CNPPadding)],
}
NO_PAYLOAD = {0x0C, 0x11, 0x12, 0x13, 0x14, 0x81}


@st.composite
def roce(draw: st.DrawFn) -> Packet:
    opcode = draw(st.sampled_from(sorted(AFTER)))
    data = b"" if opcode in NO_PAYLOAD else draw(st.binary(max_size=300))
    pad = -len(data) % 4
    whole: Packet = BTH(
        opcode=opcode,
        solicited=draw(bit),
        migreq=draw(bit),
        padcount=pad,
        version=draw(st.integers(0, 15)),
        pkey=draw(u16),
        fecn=draw(bit),
        becn=draw(bit),
        dqpn=draw(u24),
        ackreq=draw(bit),
        psn=draw(u24),
    )
    for header in AFTER[opcode]:
        whole = whole / draw(header)
    return whole / Raw(data + b"\0" * pad) if data else whole


@st.composite
def over_ip(draw: st.DrawFn, inner: Packet, port: int, checksum: bool) -> Packet:
    udp = UDP(sport=draw(st.integers(0xC000, 0xFFFF)), dport=port)
    if not checksum:
        udp.chksum = 0
    if draw(st.booleans()):
        return (
            IP(
                src=draw(v4),
                dst=draw(v4),
                tos=draw(u8),
                ttl=draw(u8),
                id=draw(u16),
                flags=draw(st.sampled_from(["", "DF"])),
            )
            / udp
            / inner
        )
    ip = IPv6(src=draw(v6), dst=draw(v6), tc=draw(u8), fl=draw(u20), hlim=draw(u8))
    return ip / udp / inner


@st.composite
def framed(draw: st.DrawFn, inner: Packet) -> Packet:
    frame: Packet = Ether(src=draw(mac), dst=draw(mac))
    if draw(st.booleans()):
        frame = frame / Dot1Q(vlan=draw(st.integers(0, 4095)), prio=draw(st.integers(0, 7)))
    return frame / inner


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    frame = draw(framed(draw(over_ip(draw(roce()), 4791, draw(st.booleans())))))
    if draw(st.booleans()):
        tunnel = VXLAN(flags=0x08, vni=draw(u24)) / frame
        frame = draw(framed(draw(over_ip(tunnel, 4789, draw(st.booleans())))))
    return frame


def _read(frame: bytes) -> tuple[list[tuple[str, dict[str, Any]]], bytes]:
    return _wire.layers(np.frombuffer(frame, dtype=np.uint8))


def _flags(value: Any) -> int:
    return int(value)


def _expected(packet: Packet) -> list[tuple[str, dict[str, Any]]]:
    """The fields as scapy reads them, under our names."""
    out: list[tuple[str, dict[str, Any]]] = []
    while packet:
        p = packet
        if isinstance(p, Ether):
            out.append(("Ethernet", {"src": p.src, "dst": p.dst, "type": p.type}))
        elif isinstance(p, Dot1Q):
            out.append(("Vlan", {"vid": p.vlan, "pcp": p.prio, "type": p.type}))
        elif isinstance(p, IP):
            fields = {
                "src": p.src,
                "dst": p.dst,
                "dscp": p.tos >> 2,
                "ecn": p.tos & 3,
                "ttl": p.ttl,
                "id": p.id,
                "total_bytes": p.len,
                "protocol": p.proto,
                "checksum": p.chksum,
                "checksum_ok": 1,
            }
            out.append(("IPv4", fields))
        elif isinstance(p, IPv6):
            fields = {
                "src": p.src,
                "dst": p.dst,
                "dscp": p.tc >> 2,
                "ecn": p.tc & 3,
                "flow_label": p.fl,
                "payload_bytes": p.plen,
                "hop_limit": p.hlim,
            }
            out.append(("IPv6", fields))
        elif isinstance(p, UDP):
            fields = {"src": p.sport, "dst": p.dport, "bytes": p.len, "checksum": p.chksum}
            if p.chksum:
                fields["checksum_ok"] = True
            out.append(("UDP", fields))
        elif isinstance(p, VXLAN):
            out.append(("VXLAN", {"vni": p.vni, "flags": _flags(p.flags)}))
        elif isinstance(p, BTH):
            fields = {
                "opcode": p.opcode,
                "solicited": p.solicited,
                "migration": p.migreq,
                "pad": p.padcount,
                "version": p.version,
                "pkey": p.pkey,
                "fecn": p.fecn,
                "becn": p.becn,
                "dest_qp": p.dqpn,
                "ack_request": p.ackreq,
                "psn": p.psn,
                "icrc": p.icrc,
                "icrc_ok": True,
            }
            out.append(("BTH", fields))
        elif isinstance(p, RETH):
            out.append(("RETH", {"va": p.va, "rkey": p.rkey, "length_bytes": p.dmalen}))
        elif isinstance(p, AETH):
            out.append(("AETH", {"syndrome": p.syndrome, "msn": p.msn}))
        elif isinstance(p, ImmDt):
            out.append(("ImmDt", {"data": p.data}))
        elif isinstance(p, AtomicETH):
            fields = {"va": p.va, "rkey": p.rkey, "swap": p.swap, "compare": p.compare}
            out.append(("AtomicETH", fields))
        elif isinstance(p, AtomicAckETH):
            out.append(("AtomicAckETH", {"before": p.before}))
        packet = packet.payload
    return out


@settings(max_examples=200, deadline=None)
@given(packets())
def test_scapy_and_the_codecs_read_and_write_the_same_packet(built: Packet) -> None:
    frame = bytes(built)
    read = Ether(frame)
    layers, again = _read(frame)
    wanted = _expected(read)
    assert [name for name, _ in layers] == [name for name, _ in wanted]
    for (name, got), (_, want) in zip(layers, wanted, strict=True):
        assert {key: got.get(key) for key in want} == want, name
    assert again == frame
    assert icrc_is_right(read)
    assert dict(layers)["BTH"]["icrc"] == icrc(read)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(bit, u16), min_size=8, max_size=8), mac)
def test_pfc_frames(times: list[tuple[int, int]], source: str) -> None:
    fields = {f"c{n}_enabled": on for n, (on, _) in enumerate(times)}
    fields |= {f"c{n}_pause_time": quanta for n, (_, quanta) in enumerate(times)}
    head = Ether(src=source, dst="01:80:c2:00:00:01", type=0x8808)
    frame = bytes(head / MACControlClassBasedFlowControl(**fields))
    (_, (name, got)), again = _read(frame)
    assert name == "PFC"
    assert got["enabled"] == sum(on << n for n, (on, _) in enumerate(times))
    assert got["quanta"] == [quanta for _, quanta in times]
    assert again == frame


@settings(max_examples=50, deadline=None)
@given(u16)
def test_pause_frames(quanta: int) -> None:
    head = Ether(src="02:00:00:00:00:01", dst="01:80:c2:00:00:01", type=0x8808)
    frame = bytes(head / MACControlPause(pause_time=quanta))
    layers, again = _read(frame)
    assert layers[1] == ("PAUSE", {"quanta": quanta})
    assert again == frame


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([1, 2]), mac, v4, mac, v4)
def test_arp(operation: int, from_mac: str, from_ip: str, to_mac: str, to_ip: str) -> None:
    arp = ARP(op=operation, hwsrc=from_mac, psrc=from_ip, hwdst=to_mac, pdst=to_ip)
    frame = bytes(Ether(src=from_mac, dst="ff:ff:ff:ff:ff:ff") / arp)
    layers, again = _read(frame)
    assert layers[1] == (
        "ARP",
        {
            "operation": operation,
            "sender_mac": from_mac,
            "sender_ip": from_ip,
            "target_mac": to_mac,
            "target_ip": to_ip,
        },
    )
    assert again == frame
