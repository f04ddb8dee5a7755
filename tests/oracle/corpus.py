# SPDX-License-Identifier: GPL-2.0-only
"""A capture of every kind that the inspection verbs must read, built by scapy.

The same bytes every time: addresses, gaps and payloads come from a seeded generator. Each kind
is a list of stamped frames and the container that holds them; `write` makes the files.
"""

from __future__ import annotations

import gzip
import random
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scapy.contrib.lldp import (
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortID,
    LLDPDUTimeToLive,
)
from scapy.contrib.mac_control import MACControlClassBasedFlowControl, MACControlPause
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from emu.wire.scapy_layers import (
    AETH,
    BTH,
    RETH,
    AtomicAckETH,
    AtomicETH,
    CNPPadding,
    ImmDt,
)
from tests.oracle import containers as box
from tests.oracle.containers import Interface, Stamped

START_NS = 1_700_000_000_000_000_000
PAYLOAD_BYTES = 1024

SEND_FIRST, SEND_MIDDLE, SEND_LAST, SEND_ONLY, SEND_ONLY_IMM = 0x00, 0x01, 0x02, 0x04, 0x05
WRITE_FIRST, WRITE_MIDDLE, WRITE_LAST, WRITE_LAST_IMM = 0x06, 0x07, 0x08, 0x09
WRITE_ONLY, WRITE_ONLY_IMM = 0x0A, 0x0B
READ_REQUEST, READ_FIRST, READ_MIDDLE, READ_LAST, READ_ONLY = 0x0C, 0x0D, 0x0E, 0x0F, 0x10
ACK, ATOMIC_ACK, COMPARE_SWAP, CNP = 0x11, 0x12, 0x13, 0x81
NAK_SEQUENCE, NAK_ACCESS, RNR = 0x60, 0x62, 0x20 | 12


@dataclass(frozen=True)
class Ends:
    """The two ends of a queue pair: addresses, numbers, source port."""

    number: int
    version: int = 4

    def mac(self, end: int) -> str:
        return f"02:00:00:00:{self.number:02x}:{end + 1:02x}"

    def address(self, end: int) -> str:
        if self.version == 6:
            return f"2001:db8:{self.number:x}::{end + 1:x}"
        return f"10.0.{self.number}.{end + 1}"

    def qp(self, end: int) -> int:
        return 0x000100 + self.number * 2 + end


class Clock:
    """Times of frames that follow each other on one wire."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_ns = START_NS

    def stamp(self, packet: Packet | bytes, interface: int = 0, gap_ns: int = 0) -> Stamped:
        frame = bytes(packet)
        # What the frame takes at 100 Gb/s, and a jitter that no two frames share.
        self.now_ns += gap_ns + len(frame) * 8 // 100 + self.random.randrange(1, 400)
        return Stamped(self.now_ns, frame, interface)

    def payload(self, size: int) -> Raw:
        return Raw(self.random.randbytes(size))


def network(ends: Ends, sender: int, *, ecn: int = 2, dscp: int = 26, hops: int = 62) -> Packet:
    """IPv4 or IPv6 and UDP below a BTH."""
    entropy = 0xC000 | (ends.number * 97 + sender)
    udp = UDP(sport=entropy, dport=4791)
    if ends.version == 6:
        udp.chksum = 0  # as adapters send it (RFC 6935 allows it to tunnels; RoCEv2 does so)
        return (
            IPv6(
                src=ends.address(sender),
                dst=ends.address(1 - sender),
                tc=dscp << 2 | ecn,
                fl=ends.number,
                hlim=hops,
            )
            / udp
        )
    ip = IP(
        src=ends.address(sender),
        dst=ends.address(1 - sender),
        tos=dscp << 2 | ecn,
        ttl=hops,
        id=ends.number,
        flags="DF",
    )
    udp.chksum = 0
    return ip / udp


def ether(ends: Ends, sender: int) -> Packet:
    return Ether(src=ends.mac(sender), dst=ends.mac(1 - sender))


def data(
    ends: Ends,
    sender: int,
    opcode: int,
    psn: int,
    rest: Packet | None = None,
    *,
    ack: bool = False,
    ecn: int = 2,
    dscp: int = 26,
    becn: int = 0,
) -> Packet:
    """A RoCEv2 packet from IP upwards."""
    size = len(rest) if rest is not None else 0
    pad = -size % 4
    bth = BTH(
        opcode=opcode,
        dqpn=ends.qp(1 - sender),
        psn=psn & 0xFFFFFF,
        ackreq=int(ack),
        padcount=pad,
        becn=becn,
        migreq=1,
    )
    whole = network(ends, sender, ecn=ecn, dscp=dscp) / bth
    if rest is not None:
        whole = whole / rest
    return whole / Raw(b"\0" * pad) if pad else whole


def ack(ends: Ends, sender: int, psn: int, msn: int, syndrome: int = 0x1F) -> Packet:
    return data(ends, sender, ACK, psn, AETH(syndrome=syndrome, msn=msn))


def cnp(ends: Ends, sender: int) -> Packet:
    return data(ends, sender, CNP, 0, CNPPadding(), ecn=0, dscp=48, becn=1)


def write(
    ends: Ends, clock: Clock, psn: int, sizes: list[int], *, immediate: bool = False
) -> list[Packet]:
    """An RDMA WRITE in as many packets as there are sizes."""
    reth = RETH(va=0x7F00_0000_0000 + psn, rkey=0x1000 + ends.number, dmalen=sum(sizes))
    packets = []
    for i, size in enumerate(sizes):
        first, last = i == 0, i == len(sizes) - 1
        if first and last:
            opcode = WRITE_ONLY_IMM if immediate else WRITE_ONLY
        elif last:
            opcode = WRITE_LAST_IMM if immediate else WRITE_LAST
        else:
            opcode = WRITE_FIRST if first else WRITE_MIDDLE
        rest: Packet = clock.payload(size)
        if last and immediate:
            rest = ImmDt(data=0xC0FFEE) / rest
        if first:
            rest = reth / rest
        packets.append(data(ends, 0, opcode, psn + i, rest, ack=last))
    return packets


def pfc(times: dict[int, int], source: str = "02:00:00:00:00:99") -> Packet:
    """A PFC frame: priority to quanta."""
    fields: dict[str, int] = {}
    for priority, quanta in times.items():
        fields[f"c{priority}_enabled"] = 1
        fields[f"c{priority}_pause_time"] = quanta
    frame = Ether(src=source, dst="01:80:c2:00:00:01", type=0x8808)
    return frame / MACControlClassBasedFlowControl(**fields)


def _plain() -> Iterator[Stamped]:
    clock, one, two = Clock(1), Ends(1), Ends(2)
    for p in write(one, clock, 0xFFFFFE, [PAYLOAD_BYTES] * 3 + [700]):  # PSN wraps
        yield clock.stamp(ether(one, 0) / p)
    yield clock.stamp(ether(one, 1) / ack(one, 1, 1, 1), gap_ns=4000)
    for opcode, size in ((SEND_FIRST, 1024), (SEND_MIDDLE, 1024), (SEND_LAST, 33)):
        rest = clock.payload(size)
        yield clock.stamp(ether(two, 0) / data(two, 0, opcode, 10 + opcode, rest, ack=opcode == 2))
    yield clock.stamp(ether(two, 1) / ack(two, 1, 12, 1), gap_ns=3000)
    for p in write(one, clock, 2, [256], immediate=True):
        yield clock.stamp(ether(one, 0) / p)
    yield clock.stamp(ether(one, 1) / ack(one, 1, 2, 2))
    for p in write(one, clock, 3, [1024, 5], immediate=True):
        yield clock.stamp(ether(one, 0) / p)
    yield clock.stamp(ether(one, 1) / ack(one, 1, 4, 3, 0x05))
    imm = ImmDt(data=1) / clock.payload(8)
    yield clock.stamp(ether(two, 0) / data(two, 0, SEND_ONLY_IMM, 13, imm, ack=True))
    yield clock.stamp(ether(two, 0) / data(two, 0, SEND_ONLY, 14, ack=True))  # no byte at all
    reth = RETH(va=0x10, rkey=7, dmalen=2100)
    yield clock.stamp(ether(two, 0) / data(two, 0, READ_REQUEST, 15, reth))
    for i, (opcode, size) in enumerate(((READ_FIRST, 1024), (READ_MIDDLE, 1024), (READ_LAST, 52))):
        head = AETH(syndrome=0x1F, msn=4) if opcode != READ_MIDDLE else None
        rest = head / clock.payload(size) if head else clock.payload(size)
        yield clock.stamp(ether(two, 1) / data(two, 1, opcode, 15 + i, rest), gap_ns=900)
    reth = RETH(va=0x20, rkey=7, dmalen=16)
    yield clock.stamp(ether(two, 0) / data(two, 0, READ_REQUEST, 18, reth))
    rest = AETH(syndrome=0x1F, msn=5) / clock.payload(16)
    yield clock.stamp(ether(two, 1) / data(two, 1, READ_ONLY, 18, rest))
    atomic = AtomicETH(va=0x30, rkey=7, swap=1, compare=2)
    yield clock.stamp(ether(two, 0) / data(two, 0, COMPARE_SWAP, 19, atomic))
    rest = AETH(syndrome=0x1F, msn=6) / AtomicAckETH(before=2)
    yield clock.stamp(ether(two, 1) / data(two, 1, ATOMIC_ACK, 19, rest))


def _vlan() -> Iterator[Stamped]:
    clock = Clock(2)
    for number, priority in ((3, 3), (4, 0), (5, 5)):
        ends = Ends(number)
        tag = Dot1Q(vlan=100 + number, prio=priority)
        for p in write(ends, clock, 100, [PAYLOAD_BYTES] * 3):
            yield clock.stamp(ether(ends, 0) / tag / p)
        yield clock.stamp(ether(ends, 1) / Dot1Q(vlan=100 + number, prio=6) / ack(ends, 1, 102, 1))
    ends = Ends(6)
    for p in write(ends, clock, 7, [128]):
        yield clock.stamp(ether(ends, 0) / Dot1AD(vlan=7, prio=2) / Dot1Q(vlan=8, prio=3) / p)
    yield clock.stamp(ether(ends, 0) / Dot1Q(vlan=0, prio=3) / write(ends, clock, 8, [64])[0])


def encapsulated(inner: Packet, vni: int, ecn: int, dscp: int = 26) -> Packet:
    """The same frame between two VTEPs."""
    outer = IP(src="192.0.2.1", dst="192.0.2.2", tos=dscp << 2 | ecn, ttl=63, id=0)
    frame = Ether(src="02:00:00:00:aa:01", dst="02:00:00:00:aa:02") / outer
    udp = UDP(sport=49152 + len(bytes(inner)) % 1000, dport=4789, chksum=0)
    return frame / udp / VXLAN(flags=0x08, vni=vni) / inner


def _vxlan() -> Iterator[Stamped]:
    clock = Clock(3)
    for number, version, vni in ((7, 4, 100), (8, 6, 0xABCDEF)):
        ends = Ends(number, version)
        for p in write(ends, clock, 50, [PAYLOAD_BYTES] * 4):
            yield clock.stamp(encapsulated(ether(ends, 0) / p, vni, 2))
        yield clock.stamp(encapsulated(ether(ends, 1) / ack(ends, 1, 53, 1), vni, 2))
    ends = Ends(7)
    marked = ether(ends, 0) / data(ends, 0, WRITE_ONLY, 54, RETH(dmalen=4) / clock.payload(4))
    yield clock.stamp(encapsulated(marked, 100, 3))  # marked on the outer header only
    yield clock.stamp(encapsulated(ether(ends, 1) / cnp(ends, 1), 100, 0, 48))
    tagged = ether(ends, 0) / Dot1Q(vlan=5, prio=3) / write(ends, clock, 55, [12])[0]
    yield clock.stamp(encapsulated(tagged, 101, 2))
    arp = ARP(psrc="10.0.7.1", pdst="10.0.7.2", hwsrc=ends.mac(0))
    yield clock.stamp(encapsulated(Ether(dst="ff:ff:ff:ff:ff:ff", src=ends.mac(0)) / arp, 100, 0))
    outer = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=63) / UDP(sport=50001, dport=4789)
    inner = ether(ends, 0) / write(ends, clock, 56, [20])[0]
    frame = Ether(src="02:00:00:00:aa:01", dst="02:00:00:00:aa:02")
    yield clock.stamp(frame / outer / VXLAN(flags=0x08, vni=102) / inner)


def _ipv6() -> Iterator[Stamped]:
    clock = Clock(4)
    for number in (9, 10):
        ends = Ends(number, 6)
        for p in write(ends, clock, 1000, [PAYLOAD_BYTES] * 3 + [3]):
            yield clock.stamp(ether(ends, 0) / p)
        yield clock.stamp(ether(ends, 1) / ack(ends, 1, 1003, 1))
        yield clock.stamp(ether(ends, 1) / cnp(ends, 1))


def _pfc() -> Iterator[Stamped]:
    clock, ends = Clock(5), Ends(11)
    for p in write(ends, clock, 0, [PAYLOAD_BYTES] * 4):
        yield clock.stamp(ether(ends, 0) / p)
    yield clock.stamp(pfc({3: 0xFFFF}))
    yield clock.stamp(pfc({3: 0xFFFF}), gap_ns=200_000)  # refreshed before it runs out
    yield clock.stamp(pfc({3: 0}), gap_ns=150_000)
    for p in write(ends, clock, 4, [PAYLOAD_BYTES] * 2):
        yield clock.stamp(ether(ends, 0) / p)
    yield clock.stamp(pfc({3: 1000, 4: 500}), gap_ns=10_000)  # runs out by itself
    yield clock.stamp(pfc({0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8}), gap_ns=50_000)
    yield clock.stamp(pfc({}), gap_ns=50_000)  # an empty vector pauses nobody
    pause = Ether(src="02:00:00:00:00:98", dst="01:80:c2:00:00:01", type=0x8808)
    yield clock.stamp(pause / MACControlPause(pause_time=77))
    yield clock.stamp(pfc({3: 0xFFFF}, "02:00:00:00:00:97"), gap_ns=1_000_000)


def _cnp() -> Iterator[Stamped]:
    clock, ends, other = Clock(6), Ends(12), Ends(13)
    for i in range(40):
        # Marked ever more often, and after each CNP the sender takes longer.
        ecn = 3 if i % max(2, 12 - i // 4) == 0 else 2
        rest = clock.payload(PAYLOAD_BYTES)
        opcode = WRITE_FIRST if i == 0 else WRITE_LAST if i == 39 else WRITE_MIDDLE
        if i == 0:
            rest = RETH(va=0, rkey=1, dmalen=40 * PAYLOAD_BYTES) / rest
        p = data(ends, 0, opcode, i, rest, ecn=ecn, ack=i % 8 == 7)
        yield clock.stamp(ether(ends, 0) / p, gap_ns=i * 40)
        if ecn == 3:
            yield clock.stamp(ether(ends, 1) / cnp(ends, 1), gap_ns=500)
        if i % 8 == 7:
            yield clock.stamp(ether(ends, 1) / ack(ends, 1, i, 1 if i == 39 else 0))
    rest = RETH(dmalen=8) / clock.payload(8)
    yield clock.stamp(ether(other, 0) / data(other, 0, WRITE_ONLY, 0, rest, ecn=0))
    # A CNP for a queue pair whose packets were never marked.
    yield clock.stamp(ether(other, 1) / cnp(other, 1))


def _nak() -> Iterator[Stamped]:
    clock, ends = Clock(7), Ends(14)
    sent = write(ends, clock, 500, [PAYLOAD_BYTES] * 8)
    for i in (0, 1, 2, 4, 5):  # 503 is lost
        yield clock.stamp(ether(ends, 0) / sent[i])
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 503, 0, NAK_SEQUENCE), gap_ns=2000)
    for i in range(3, 8):
        yield clock.stamp(ether(ends, 0) / sent[i])
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 507, 1), gap_ns=2000)
    send = data(ends, 0, SEND_ONLY, 508, clock.payload(64), ack=True)
    yield clock.stamp(ether(ends, 0) / send)
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 508, 1, RNR))
    yield clock.stamp(ether(ends, 0) / send, gap_ns=640_000)
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 508, 2))
    bad = RETH(va=1, rkey=0xBAD, dmalen=4) / clock.payload(4)
    yield clock.stamp(ether(ends, 0) / data(ends, 0, WRITE_ONLY, 509, bad, ack=True))
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 509, 2, NAK_ACCESS))


def _reordered() -> Iterator[Stamped]:
    clock, ends = Clock(8), Ends(15)
    sent = write(ends, clock, 0, [PAYLOAD_BYTES] * 12)
    for i in (0, 2, 1, 3, 5, 6, 4, 7, 7, 9, 8, 10, 11):  # 7 comes twice
        yield clock.stamp(ether(ends, 0) / sent[i])
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 11, 1))


def _truncated() -> Iterator[Stamped]:
    # Every length from nothing to the whole headers, then some of the payload.
    for number, packet in enumerate([*_vxlan(), *_plain(), *_ipv6(), *_pfc()]):
        keep = min(len(packet.frame), 14 + number * 5)
        yield Stamped(packet.time_ns, packet.frame[:keep], 0, len(packet.frame))


def _mixed() -> Iterator[Stamped]:
    clock, ends = Clock(9), Ends(16)
    roce = [ether(ends, 0) / p for p in write(ends, clock, 0, [PAYLOAD_BYTES] * 3)]
    mac = {"src": ends.mac(0), "dst": ends.mac(1)}
    v4 = {"src": "10.0.16.1", "dst": "10.0.16.2"}
    bridge = {"src": ends.mac(0), "dst": "01:80:c2:00:00:00"}
    others: list[Packet] = [
        Ether(**mac) / IP(**v4) / TCP(sport=40000, dport=179, flags="S", seq=1),
        Ether(**mac) / IP(**v4) / TCP(sport=40000, dport=179, flags="PA", seq=2) / Raw(b"x" * 600),
        Ether(src=ends.mac(0), dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.16.1", pdst="10.0.16.2"),
        Ether(src=ends.mac(0), dst="01:80:c2:00:00:0e", type=0x88CC)
        / LLDPDUChassisID(subtype=4, id=bytes.fromhex("020000001001"))
        / LLDPDUPortID(subtype=5, id=b"swp1")
        / LLDPDUTimeToLive(ttl=120)
        / LLDPDUEndOfLLDPDU(),
        Ether(**mac) / IP(**v4) / UDP(sport=5353, dport=53) / DNS(qd=DNSQR(qname="emu.example")),
        Ether(**mac) / IP(**v4, options=[IPOption_NOP()] * 4) / ICMP() / Raw(b"ping" * 8),
        Ether(**mac) / IPv6(src="fe80::1", dst="ff02::1:ff00:2") / ICMPv6ND_NS(tgt="fe80::2"),
        Dot3(**bridge) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(),
        Dot3(**bridge) / LLC() / SNAP(OUI=0x00000C, code=0x2000) / Raw(b"cdp"),
        Ether(**mac, type=0x88B5) / Raw(b"an experiment" * 4),
        Ether(**mac)
        / IP(**v4, flags="MF", frag=0)
        / UDP(sport=1, dport=4791, len=3000)
        / Raw(b"f"),
        Ether(**mac) / IP(**v4, frag=185, proto=17) / Raw(b"rest of a fragment"),
        # The port of RoCEv2, and nothing that could be it.
        Ether(**mac) / IP(**v4) / UDP(sport=1, dport=4791) / Raw(b"short"),
        # A CNP is shorter than the shortest Ethernet frame only without its addresses; an
        # acknowledgement over IPv4 is not, but a bare datagram is padded.
        Ether(**mac) / IP(**v4) / UDP(sport=9, dport=9) / Raw(b"1"),
    ]
    for i, other in enumerate(others):
        frame = bytes(other)
        frame += b"\0" * max(0, 60 - len(frame))
        yield clock.stamp(frame)
        if i < len(roce):
            yield clock.stamp(roce[i])
    yield clock.stamp(ether(ends, 1) / ack(ends, 1, 2, 1))


def _cooked(version: int) -> Iterator[Stamped]:
    clock, ends = Clock(10 + version), Ends(17)
    frames = [(0, p) for p in write(ends, clock, 0, [PAYLOAD_BYTES] * 3)]
    frames += [(1, ack(ends, 1, 2, 1)), (1, cnp(ends, 1))]
    for sender, packet in frames:
        mac = bytes.fromhex(ends.mac(sender).replace(":", "")) + b"\0\0"
        if version == 1:
            head = struct.pack("!HHH8sH", 4 if sender == 0 else 0, 1, 6, mac, 0x0800)
        else:
            head = struct.pack("!HHIHBB8s", 0x0800, 0, 3, 1, 4 if sender == 0 else 0, 6, mac)
        yield clock.stamp(head + bytes(packet))


def _wrong_icrc() -> Iterator[Stamped]:
    clock, ends = Clock(13), Ends(18)
    for i, p in enumerate(write(ends, clock, 0, [PAYLOAD_BYTES] * 6)):
        frame = bytearray(bytes(ether(ends, 0) / p))
        if i == 2:
            frame[-1] ^= 1
        if i == 4:
            frame[80] ^= 0x10
        yield clock.stamp(bytes(frame))


def _two_ports() -> tuple[list[Stamped], list[Interface]]:
    plain, marked = list(_plain()), list(_cnp())
    cooked = list(_cooked(1))
    packets = [
        *(Stamped(p.time_ns, p.frame, 0) for p in plain),
        *(Stamped(p.time_ns + 17, p.frame, 1) for p in marked),
        *(Stamped(p.time_ns + 31, p.frame, 2) for p in cooked),
        *(Stamped(p.time_ns + 57, p.frame, 3) for p in plain[:5]),
    ]
    interfaces = [
        Interface("swp1", tsresol=9, speed_bps=400_000_000_000),
        Interface("swp2", tsresol=None, speed_bps=100_000_000_000),
        Interface("any", box.COOKED_V1, tsresol=0x80 | 20),
        Interface("swp3", tsresol=12, tsoffset_s=1_690_000_000),
    ]
    return sorted(packets, key=lambda p: (p.time_ns, p.interface)), interfaces


KINDS: dict[str, Callable[[], Iterator[Stamped]]] = {
    "plain": _plain,
    "vlan": _vlan,
    "vxlan": _vxlan,
    "ipv6": _ipv6,
    "pfc": _pfc,
    "cnp": _cnp,
    "nak": _nak,
    "reordered": _reordered,
    "truncated": _truncated,
    "mixed": _mixed,
    "wrong-icrc": _wrong_icrc,
}


def _ng(packets: Callable[[], Iterator[Stamped]], **options: object) -> Callable[[], bytes]:
    return lambda: box.pcapng(list(packets()), **options)  # type: ignore[arg-type]


def _old(packets: Callable[[], Iterator[Stamped]], **options: object) -> Callable[[], bytes]:
    return lambda: box.pcap(packets(), **options)  # type: ignore[arg-type]


def _big_sections() -> bytes:
    """Two sections of different byte order in one file."""
    return box.pcapng(list(_plain()), order="<") + box.pcapng(list(_nak()), order=">")


FILES: dict[str, Callable[[], bytes]] = {
    "plain.pcapng": _ng(_plain),
    "vlan.pcapng": _ng(_vlan, extras=True),
    "vxlan.pcapng": _ng(_vxlan),
    "ipv6.pcapng": _ng(_ipv6),
    "pfc.pcapng": _ng(_pfc, interfaces=(Interface("swp9", speed_bps=100_000_000_000),)),
    "cnp.pcapng": _ng(_cnp),
    "nak.pcapng": _ng(_nak),
    "reordered.pcapng": _ng(_reordered),
    "truncated.pcapng": _ng(_truncated),
    "mixed.pcapng": _ng(_mixed, extras=True),
    "wrong-icrc.pcapng": _ng(_wrong_icrc),
    "cooked1.pcap": _old(lambda: _cooked(1), link_type=box.COOKED_V1),
    "cooked2.pcap": _old(lambda: _cooked(2), link_type=box.COOKED_V2, nanoseconds=True),
    "little-us.pcap": _old(_nak),
    "big-us.pcap": _old(_plain, order=">"),
    "little-ns.pcap": _old(_cnp, nanoseconds=True),
    "big-ns.pcap": _old(_vxlan, order=">", nanoseconds=True),
    "big.pcapng": _ng(_mixed, order=">", extras=True),
    "ports.pcapng": lambda: box.pcapng(_two_ports()[0], _two_ports()[1], extras=True),
    "sections.pcapng": _big_sections,
    "gzipped.pcapng.gz": lambda: gzip.compress(box.pcapng(list(_plain())), mtime=0),
}


def write_all(folder: Path) -> list[Path]:
    """Make every file of the corpus in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, make in FILES.items():
        path = folder / name
        path.write_bytes(make())
        paths.append(path)
    return paths


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
