# SPDX-License-Identifier: GPL-2.0-only
"""The layers that scapy lacks: bound where they belong, and the ICRC of any packet."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from emu.wire.scapy_layers import (
    AETH,
    BTH,
    DETH,
    IETH,
    RETH,
    AtomicAckETH,
    AtomicETH,
    CNPPadding,
    ImmDt,
    icrc,
    icrc_is_right,
)
from tests.oracle import corpus

# An acknowledgement and a CNP with ICRCs that two other implementations agree on.
ACK = bytes.fromhex(
    "0200000000020200000000010800456a0030123440004011141d0a0000010a000002c12312b7001c0000"
    "1100ffff00000012000001001f0000019b4b3bf3"
)
CNP = bytes.fromhex(
    "020000000002020000000001080045c0003c12344000401113bb0a0000010a000002c12312b700280000"
    "8100ffff4000001200000000000000000000000000000000000000002cea6885"
)


# Without a destination scapy would ask the network for one.
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def over_udp(*layers: Packet) -> Packet:
    whole = Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=0xC000, dport=4791)
    for layer in layers:
        whole = whole / layer
    return Ether(bytes(whole))


@pytest.mark.parametrize("frame", [ACK, CNP], ids=["ack", "cnp"])
def test_known_frames_carry_the_icrc_that_is_computed(frame: bytes) -> None:
    packet = Ether(frame)
    assert icrc(packet) == int.from_bytes(frame[-4:], "big") == packet[BTH].icrc
    assert icrc_is_right(packet)
    assert not icrc_is_right(Ether(frame[:-1] + bytes([frame[-1] ^ 1])))


@pytest.mark.parametrize(
    ("opcode", "layers"),
    [
        (0x06, [RETH(va=1, rkey=2, dmalen=3), Raw(b"data")]),
        (0x0A, [RETH(va=2**63, rkey=2**31, dmalen=2**31), Raw(b"data")]),
        (0x0B, [RETH(dmalen=4), ImmDt(data=9), Raw(b"data")]),
        (0x2B, [RETH(dmalen=4), ImmDt(data=9), Raw(b"data")]),
        (0x09, [ImmDt(data=9), Raw(b"data")]),
        (0x05, [ImmDt(data=9), Raw(b"data")]),
        (0x0C, [RETH(va=1, rkey=2, dmalen=3)]),
        (0x0D, [AETH(syndrome=31, msn=1), Raw(b"data")]),
        (0x0E, [Raw(b"data")]),
        (0x10, [AETH(syndrome=31, msn=1), Raw(b"data")]),
        (0x11, [AETH(syndrome=0x60, msn=0xFFFFFF)]),
        (0x12, [AETH(syndrome=31, msn=1), AtomicAckETH(before=5)]),
        (0x13, [AtomicETH(va=1, rkey=2, swap=3, compare=4)]),
        (0x16, [IETH(rkey=0xABCD), Raw(b"data")]),
        (0x64, [DETH(qkey=7, srcqp=0xABCDEF), Raw(b"data")]),
        (0x65, [DETH(qkey=7, srcqp=1), ImmDt(data=9), Raw(b"data")]),
        (0x81, [CNPPadding()]),
    ],
    ids=lambda value: f"{value:#x}" if isinstance(value, int) else "",
)
def test_a_header_is_found_where_its_opcode_says(opcode: int, layers: list[Packet]) -> None:
    packet = over_udp(BTH(opcode=opcode, psn=5), *layers)
    found: Packet = packet[BTH].payload
    for wanted in layers:
        assert type(found) is type(wanted)
        assert {f.name: getattr(found, f.name) for f in wanted.fields_desc} == {
            f.name: getattr(wanted, f.name) for f in wanted.fields_desc
        }
        found = found.payload
    assert not found
    assert icrc_is_right(packet)


@pytest.mark.parametrize(
    "below",
    [
        IP(dst="10.0.0.2", tos=3, options=[IPOption_NOP()] * 8),
        IPv6(src="2001:db8::2", dst="2001:db8::1", tc=255, fl=0xFFFFF, hlim=1),
    ],
    ids=["IPv4 with options", "IPv6"],
)
@pytest.mark.parametrize("tunnel", [False, True], ids=["plain", "VXLAN"])
def test_marking_and_forwarding_leave_the_icrc_right(below: Packet, tunnel: bool) -> None:
    rest = UDP(sport=0xC000, dport=4791) / BTH(opcode=0x0A) / RETH(dmalen=4) / Raw(b"data")
    whole: Packet = Ether(**MACS) / Dot1Q(vlan=3, prio=3) / below.copy() / rest
    if tunnel:
        whole = (
            Ether(**MACS)
            / IP(dst="192.0.2.1")
            / UDP(sport=0xC001, dport=4789)
            / VXLAN(flags=8, vni=7)
            / whole
        )
    packet = Ether(bytes(whole))
    assert icrc_is_right(packet)
    inner = packet[IPv6] if IPv6 in packet else packet.getlayer(IP, nb=2 if tunnel else 1)
    if isinstance(inner, IPv6):
        inner.tc, inner.hlim, inner.fl = 3, 9, 77
    else:
        inner.tos, inner.ttl, inner.chksum = 1, 9, None
    packet[BTH].fecn = 1
    packet.getlayer(UDP, nb=2 if tunnel else 1).chksum = 0x1234
    assert icrc_is_right(Ether(bytes(packet)))
    packet[RETH].rkey = 1
    assert not icrc_is_right(Ether(bytes(packet)))


def test_icrc_covers_ipv6_extension_headers() -> None:
    head = (
        Ether(**MACS)
        / IPv6(src="2001:db8::2", dst="2001:db8::1")
        / IPv6ExtHdrDestOpt()
        / UDP(sport=0xC000, dport=4791)
    )
    packet = Ether(bytes(head / BTH(opcode=0x04, icrc=0) / Raw(b"data")))
    packet[BTH].icrc = icrc(packet)
    assert icrc_is_right(Ether(bytes(packet)))


def test_what_cannot_have_an_icrc_is_refused() -> None:
    with pytest.raises(ValueError, match="no BTH over UDP over IP"):
        icrc(Ether(**MACS) / IP(dst="10.0.0.2") / UDP(dport=53))
    with pytest.raises(ValueError, match="cut off: 44 of 48 bytes"):
        icrc(Ether(ACK[:-4]))


def test_importing_it_loads_the_layers_for_all_of_scapy() -> None:
    code = (
        "import emu.wire.scapy_layers\n"
        "from scapy.layers.l2 import Ether\n"
        f"print(Ether({ACK!r}).summary(), Ether({bytes(corpus.pfc({3: 5}))!r}).layers())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "BTH / AETH" in done.stdout
    assert "ClassBasedFlowControl" in done.stdout


def test_every_whole_packet_of_the_corpus_carries_the_icrc_that_is_computed() -> None:
    seen = 0
    for name in ("plain", "vlan", "vxlan", "ipv6", "cnp", "nak", "reordered"):
        for stamped in corpus.KINDS[name]():
            packet = Ether(stamped.frame)
            if BTH in packet:
                assert icrc_is_right(packet), packet.summary()
                seen += 1
    assert seen > 150
