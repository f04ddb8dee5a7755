# SPDX-License-Identifier: GPL-2.0-only
"""RoCEv2 for scapy: the transport headers that scapy lacks, and the ICRC of any packet.

One import is enough, by name or with a star. From then on scapy builds and dissects them wherever
a BTH carries them, on UDP port 4791 over IPv4 and IPv6, plain, tagged or inside VXLAN:

    from scapy.all import *
    from emu.wire.scapy_layers import *

    below = Ether() / IP(dst="10.0.0.2") / UDP(sport=0xC000, dport=4791)
    p = below / BTH(opcode=0x0A) / RETH(dmalen=64)
    icrc_is_right(p)

BTH, AETH and the CNP come from `scapy.contrib.roce`, pause and PFC frames from
`scapy.contrib.mac_control`; importing this module loads both.

This file is under scapy's own licence because it derives from scapy's classes. It imports nothing
of emu, and nothing of emu imports it: it is there for users of scapy (``pip install emu[scapy]``).
Numbers: InfiniBand Architecture Specification 1.4, chapter 9, and its annex A17 (RoCEv2).
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from scapy.contrib import lldp, mac_control  # noqa: F401  (loaded for who imports this module)
from scapy.contrib.roce import AETH, BTH, CNPPadding, cnp, opcode
from scapy.fields import BitField, XBitField, XIntField, XLongField
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, bind_layers

__all__ = [
    "AETH",
    "BTH",
    "DETH",
    "IETH",
    "RETH",
    "AtomicAckETH",
    "AtomicETH",
    "CNPPadding",
    "ImmDt",
    "cnp",
    "icrc",
    "icrc_is_right",
]

ROCE_PORT = 4791
VXLAN_PORT = 4789
ICRC_BYTES = 4

_BTH_BYTES = 12
_UDP_BYTES = 8


class RETH(Packet):
    """RDMA extended transport header: where a WRITE goes or a READ comes from, and how much."""

    name = "RETH"
    fields_desc = [
        XLongField("va", 0),
        XIntField("rkey", 0),
        XIntField("dmalen", 0),
    ]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        below = self.underlayer
        if isinstance(below, BTH) and below.opcode in _WRITE_ONLY_WITH_IMMEDIATE:
            return ImmDt
        return super().guess_payload_class(payload)


class ImmDt(Packet):
    """Immediate data, handed to the receiver's completion."""

    name = "ImmDt"
    fields_desc = [XIntField("data", 0)]


class IETH(Packet):
    """Invalidate extended transport header: the key that the receiver gives up."""

    name = "IETH"
    fields_desc = [XIntField("rkey", 0)]


class AtomicETH(Packet):
    """Atomic extended transport header of COMPARE_SWAP and FETCH_ADD."""

    name = "AtomicETH"
    fields_desc = [
        XLongField("va", 0),
        XIntField("rkey", 0),
        XLongField("swap", 0),
        XLongField("compare", 0),
    ]


class AtomicAckETH(Packet):
    """What stood at the address before the atomic operation; follows an AETH."""

    name = "AtomicAckETH"
    fields_desc = [XLongField("before", 0)]


class DETH(Packet):
    """Datagram extended transport header of unreliable datagrams."""

    name = "DETH"
    fields_desc = [
        XIntField("qkey", 0),
        BitField("reserved", 0, 8),
        XBitField("srcqp", 0, 24),
    ]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        below = self.underlayer
        if isinstance(below, BTH) and below.opcode == _UD_SEND_ONLY_WITH_IMMEDIATE:
            return ImmDt
        return super().guess_payload_class(payload)


def _codes(operation: str, *transports: str) -> list[int]:
    return [opcode(transport, operation)[0] for transport in transports]


_WRITE_ONLY_WITH_IMMEDIATE = _codes("RDMA_WRITE_ONLY_WITH_IMMEDIATE", "RC", "UC")
_UD_SEND_ONLY_WITH_IMMEDIATE = _codes("SEND_ONLY_WITH_IMMEDIATE", "UD")[0]
# RC only, and newer than scapy's list.
_SEND_WITH_INVALIDATE = (0x16, 0x17)


def _aeth_payload(self: Packet, payload: bytes) -> type[Packet]:
    below = self.underlayer
    if isinstance(below, BTH) and below.opcode in _codes("ATOMIC_ACKNOWLEDGE", "RC"):
        return AtomicAckETH
    return Packet.guess_payload_class(self, payload)


def _bind() -> None:
    for operation in ("RDMA_WRITE_FIRST", "RDMA_WRITE_ONLY", "RDMA_WRITE_ONLY_WITH_IMMEDIATE"):
        for code in _codes(operation, "RC", "UC"):
            bind_layers(BTH, RETH, opcode=code)
    bind_layers(BTH, RETH, opcode=_codes("RDMA_READ_REQUEST", "RC")[0])
    for operation in (
        "SEND_LAST_WITH_IMMEDIATE",
        "SEND_ONLY_WITH_IMMEDIATE",
        "RDMA_WRITE_LAST_WITH_IMMEDIATE",
    ):
        for code in _codes(operation, "RC", "UC"):
            bind_layers(BTH, ImmDt, opcode=code)
    for code in _SEND_WITH_INVALIDATE:
        bind_layers(BTH, IETH, opcode=code)
    for operation in (
        "RDMA_READ_RESPONSE_FIRST",
        "RDMA_READ_RESPONSE_LAST",
        "RDMA_READ_RESPONSE_ONLY",
        "ATOMIC_ACKNOWLEDGE",
    ):
        bind_layers(BTH, AETH, opcode=_codes(operation, "RC")[0])
    for operation in ("COMPARE_SWAP", "FETCH_ADD"):
        bind_layers(BTH, AtomicETH, opcode=_codes(operation, "RC")[0])
    for code in _codes("SEND_ONLY", "UD") + _codes("SEND_ONLY_WITH_IMMEDIATE", "UD"):
        bind_layers(BTH, DETH, opcode=code)
    # scapy's AETH ends the packet; what follows depends on the BTH below it, which a binding
    # cannot express.
    setattr(AETH, "guess_payload_class", _aeth_payload)  # noqa: B010
    bind_layers(UDP, VXLAN, dport=VXLAN_PORT)


_bind()


def icrc(packet: Packet) -> int:
    """Invariant CRC that the innermost RoCEv2 packet must carry.

    scapy's own `BTH.compute_icrc` builds it for IPv4 and IPv6; this one goes over the bytes as
    they are in a packet that was read, so it also covers VXLAN's inner packet, IPv4 options and
    IPv6 extension headers, and says what the ICRC *should* be where a wrong one stands.

    Parameters
    ----------
    packet : Packet
        A packet with a BTH in UDP, whole (not cut by a snap length).

    Returns
    -------
    int
        The CRC as `BTH.icrc` shows it: the big-endian reading of its four bytes.

    Raises
    ------
    ValueError
        The packet holds no BTH over UDP over IP, or is cut off.
    """
    header, start = _network_bytes(packet)
    data = bytearray(header)
    for place, bits in _variant_bits(header, start):
        data[place] |= bits
    value = crc32(b"\xff" * 8 + bytes(data[:-ICRC_BYTES]))
    return int.from_bytes(value.to_bytes(4, "little"), "big")


def icrc_is_right(packet: Packet) -> bool:
    """Whether the innermost RoCEv2 packet carries the ICRC that its bytes ask for."""
    header, _ = _network_bytes(packet)
    return int.from_bytes(header[-ICRC_BYTES:], "big") == icrc(packet)


def _network_bytes(packet: Packet) -> tuple[bytes, int]:
    """Bytes from the innermost RoCEv2 packet's IP header to its ICRC, and where UDP starts."""
    whole = packet.__class__(bytes(packet))
    bth = _innermost(whole, BTH)
    udp = bth.underlayer if bth is not None else None
    ip = udp.underlayer if isinstance(udp, UDP) else None
    while ip is not None and not isinstance(ip, IP | IPv6):
        ip = ip.underlayer  # IPv6 extension headers
    if udp is None or ip is None:
        raise ValueError(f"no BTH over UDP over IP in {packet.summary()}")
    start = len(ip.original) - len(udp.original)
    end = start + int(udp.len)
    if len(ip.original) < end or end - start < _UDP_BYTES + _BTH_BYTES + ICRC_BYTES:
        raise ValueError(f"cut off: {len(ip.original)} of {end} bytes in {packet.summary()}")
    return ip.original[:end], start


def _innermost(packet: Packet, layer: type[Packet]) -> Any:
    found, number = None, 1
    while (following := packet.getlayer(layer, nb=number)) is not None:
        found, number = following, number + 1
    return found


def _variant_bits(header: bytes, start: int) -> list[tuple[int, int]]:
    """Bytes, and the bits of them, that change on the way and count as ones (annex A17.3.2)."""
    if header[0] >> 4 == 4:
        bits = [(1, 0xFF), (8, 0xFF), (10, 0xFF), (11, 0xFF)]  # TOS, TTL, checksum
    else:
        # Traffic class and flow label fill 28 bits after the version; then the hop limit.
        bits = [(0, 0x0F), (1, 0xFF), (2, 0xFF), (3, 0xFF), (7, 0xFF)]
    return [*bits, (start + 6, 0xFF), (start + 7, 0xFF), (start + _UDP_BYTES + 4, 0xFF)]
