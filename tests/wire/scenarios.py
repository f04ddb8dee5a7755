# SPDX-License-Identifier: Apache-2.0
"""Small captures, each with one story that the verbs must tell.

Packets are 1 us apart unless a scenario says otherwise; the path MTU is 256.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

from tests.oracle.containers import Interface, Stamped, packet_block, pcap, section
from tests.oracle.containers import interface_block as interface
from tests.wire.frames import (
    ACCESS,
    CE,
    ECT0,
    ECT1,
    INVALID,
    NOT_ECT,
    READ_FIRST,
    READ_LAST,
    READ_MIDDLE,
    READ_REQUEST,
    RNR,
    SEND_ONLY_IMM,
    SEQUENCE,
    WRITE_FIRST,
    WRITE_LAST,
    WRITE_LAST_IMM,
    WRITE_MIDDLE,
    WRITE_ONLY,
    Direction,
    ack,
    aeth,
    cnp,
    ether,
    ip_protocol,
    pause,
    payload,
    pfc,
    reth,
    roce,
    udp,
)

MTU = 256
MS_NS = 10**6
A = Direction()
B = Direction(src="10.0.0.2", dst="10.0.0.1", qp=0x12)
Packets = list[Stamped]


def _every_us(frames: Iterable[bytes], start_ns: int = 0) -> Packets:
    return [Stamped(start_ns + i * 1000, frame) for i, frame in enumerate(frames)]


def write(d: Direction, psn: int, packets: int = 4, *, marked: int = -1) -> list[bytes]:
    """A WRITE with immediate; the last packet asks for an acknowledgement."""
    out = []
    for i in range(packets):
        first, last = i == 0, i == packets - 1
        opcode = WRITE_FIRST if first else WRITE_LAST_IMM if last else WRITE_MIDDLE
        behind = (reth(packets * MTU) if first else b"") + (b"\0\0\0\7" if last else b"")
        way = d.with_(ecn=CE) if i == marked else d
        out.append(roce(way, opcode, psn + i, behind + payload(MTU), ask=last))
    return out


def lossless() -> Packets:
    """Three WRITEs, each acknowledged."""
    return _every_us([f for m in range(3) for f in (*write(A, 100 + 4 * m), ack(B, 103 + 4 * m))])


def go_back() -> Packets:
    """The second packet is lost; the NAK brings it and what follows again."""
    one = write(A, 0)
    return _every_us([one[0], one[2], one[3], ack(B, 1, SEQUENCE), *one[1:], ack(B, 3)])


def never_repaired() -> Packets:
    """A packet is lost and nobody cares, 20 ms before the end."""
    one = write(A, 0)
    packets = _every_us([one[0], one[2], one[3]])
    return [*packets, Stamped(20 * MS_NS, ack(B, 0))]


def late() -> Packets:
    """Two packets change places."""
    one = write(A, 0)
    return _every_us([one[0], one[2], one[1], one[3], ack(B, 3)])


def wrap() -> Packets:
    """PSNs pass 2^24 in the middle of a message, with a loss on either side of it."""
    one = write(A, 0xFFFFFD, 8)
    start = [one[0], one[1], one[3], one[4]]
    return _every_us([*start, ack(B, 0xFFFFFF, SEQUENCE), *one[2:], ack(B, 4)])


def marked() -> Packets:
    """One marked packet and the CNP for it."""
    return _every_us([*write(A, 0, marked=1), cnp(B), ack(B, 3)])


def slowed() -> Packets:
    """After a CNP the sender halves its rate: 1 packet per us before, per 2 us after."""
    frames = [f for m in range(60) for f in write(A, 4 * m)]
    frames[100] = write(A, 100, marked=0)[0]
    out = []
    now_ns = 0
    for i, frame in enumerate(frames):
        out.append(Stamped(now_ns, frame))
        now_ns += 1000 if i < 120 else 2000
        if i == 119:
            out.append(Stamped(now_ns - 500, cnp(B)))
    return out


def cnp_from_nowhere() -> Packets:
    """Two CNPs, one mark."""
    return _every_us([*write(A, 0, marked=1), cnp(B), cnp(B), ack(B, 3)])


def unanswered() -> Packets:
    """A marked flow that acknowledges and never notifies, for a millisecond."""
    return [*_every_us([*write(A, 0, marked=1), ack(B, 3)]), Stamped(MS_NS, ack(B, 3))]


def not_capable() -> Packets:
    """CE on a flow that sends Not-ECT."""
    return _every_us([*write(A.with_(ecn=NOT_ECT), 0, marked=2), cnp(B), ack(B, 3)])


def read() -> Packets:
    """A READ of three packets: requested one way, answered the other."""
    answer = [
        roce(B, READ_FIRST, 50, aeth() + payload(MTU)),
        roce(B, READ_MIDDLE, 51, payload(MTU)),
        roce(B, READ_LAST, 52, aeth() + payload(MTU)),
    ]
    second = [
        roce(B, READ_FIRST, 53, aeth() + payload(MTU)),
        roce(B, READ_LAST, 54, aeth() + payload(8)),
    ]
    return _every_us(
        [
            roce(A, READ_REQUEST, 50, reth(3 * MTU), ask=True),
            *answer,
            roce(A, READ_REQUEST, 53, reth(MTU + 8), ask=True),
            *second,
        ]
    )


def sends() -> Packets:
    """A SEND with immediate, refused as not ready, then taken."""
    one = roce(A, SEND_ONLY_IMM, 7, b"\0\0\0\1" + payload(10) + b"\0\0", ask=True, pad=2)
    return _every_us([one, ack(B, 7, RNR), one, ack(B, 7)])


def refused() -> Packets:
    """NAKs that end a connection."""
    return _every_us([*write(A, 0), ack(B, 3, ACCESS), *write(A, 4), ack(B, 7, INVALID)])


def one_way() -> Packets:
    """Only the data is in the capture, marked."""
    return [*_every_us(write(A, 0, marked=1)), Stamped(MS_NS, write(A, 4)[0])]


def vxlan() -> Packets:
    """Encapsulated, marked on the way."""
    a, b = A.with_(vni=100), B.with_(vni=100)
    marked = [write(a.with_(outer_ecn=CE), 0)[0], *write(a, 0)[1:]]
    return _every_us([*marked, ack(b, 3)])


def vxlan_not_copied() -> Packets:
    """A tunnel that does not copy ECN outwards, and loses CE on the way in."""
    plain = write(A.with_(vni=100, outer_ecn=NOT_ECT), 0)
    lost = write(A.with_(vni=100, ecn=CE, outer_ecn=ECT0), 4)
    other = write(A.with_(vni=100, ecn=NOT_ECT, outer_ecn=CE), 8)
    return _every_us([*plain, *lost, *other, ack(B.with_(vni=100), 11)])


def tagged() -> Packets:
    """Tagged traffic; one packet has the wrong priority for its DSCP."""
    a = A.with_(vlan=42)
    frames = write(a, 0)
    frames[2] = write(a.with_(pcp=0), 0)[2]
    return _every_us([*frames, ack(B.with_(vlan=42), 3)])


def ipv6() -> Packets:
    a, b = A.with_(src="fd00::1", dst="fd00::2"), B.with_(src="fd00::2", dst="fd00::1")
    return _every_us([*write(a, 0), ack(b, 3)])


def paused() -> Packets:
    """A pause ended by XON, one that runs out, and one refreshed into a storm."""
    frames = [
        Stamped(0, pfc({3: 0xFFFF})),
        Stamped(10_000, pfc({3: 0})),
        Stamped(MS_NS, pfc({3: 1000})),
    ]
    start_ns = 2 * MS_NS
    frames += [Stamped(start_ns + i * 80_000, pfc({3: 0xFFFF})) for i in range(6000)]
    return [*frames, Stamped(start_ns + 500 * MS_NS, pfc({4: 0}))]


def wrong_pauses() -> Packets:
    """XOFF for a lossy priority, for none, with reserved bits, and a PAUSE of the link."""
    return _every_us([pfc({0: 100}), pfc({}, vector=0), pfc({3: 100}, vector=0x0108), pause(100)])


def malformed() -> Packets:
    """Wrong ICRC, checksum, length, opcode and size, each once."""
    one = write(A, 0)
    bad_ip = bytearray(one[1])
    bad_ip[14 + 10] ^= 0xFF
    bad_length = bytearray(one[2])
    bad_length[14 + 20 + 5] ^= 0x08
    return _every_us(
        [
            one[0],
            bytes(bad_ip),
            bytes(bad_length),
            one[3],
            roce(A, 0x15, 4),
            roce(A, WRITE_ONLY, 5, reth(5000) + payload(5000), good=False),
            roce(A, WRITE_ONLY, 6, reth(64) + payload(32)),
            ack(B, 6),
        ]
    )


def flat_ports() -> Packets:
    """Four queue pairs of two hosts on one source port."""
    return _every_us([f for i in range(4) for f in write(A.with_(qp=0x20 + i), 1000 * i)])


def spread_ports() -> Packets:
    """Four queue pairs whose acknowledgements are told apart by port and PSN."""
    out: list[bytes] = []
    for i in range(4):
        a = A.with_(qp=0x20 + i, port=0xC000 + i)
        out += [*write(a, 0), ack(B.with_(qp=0x30 + i, port=0xC000 + i), 3)]
    return _every_us(out)


def mixed() -> Packets:
    """Everything else that is on such a wire."""
    tcp = struct.pack("!HHIIHHHH", 5000, 179, 0, 0, 0x5002, 100, 0, 0)
    return _every_us(
        [
            *write(A, 0, 2),
            ether(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + bytes(20)),
            ether(0x88CC, bytes.fromhex("0207040200000000010403053100060200780000")),
            ether(0x8809, b"\1" + bytes(40)),
            ether(38, bytes.fromhex("424203") + bytes(35)),
            ip_protocol(6, tcp),
            ip_protocol(6, tcp.replace(b"\0\xb3", b"\0\x50")),
            ip_protocol(1, b"\x08\0" + bytes(6)),
            ip_protocol(89, bytes(20)),
            udp(49152, 3784),
            udp(68, 67),
            udp(5353, 53),
            ether(0x8915, bytes(46)),
            ether(0x88F7, bytes(46)),
            b"\0" * 5,
            ack(B, 1),
        ]
    )


def weak_mark() -> Packets:
    """ECT(1) outside is neither a copy nor a mark of a queue here."""
    return _every_us([*write(A.with_(vni=7, outer_ecn=ECT1), 0), ack(B.with_(vni=7), 3)])


def joined() -> Packets:
    """The capture begins in the middle of a message and ends in one."""
    one, two = write(A, 0), write(A, 4)
    return _every_us([one[2], one[3], ack(B, 3), *two[:2], roce(A, WRITE_LAST, 99, payload(4))])


SCENARIOS: dict[str, Callable[[], Packets]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        lossless, go_back, never_repaired, late, wrap, marked, slowed, cnp_from_nowhere, unanswered,
        not_capable, read, sends, refused, one_way, vxlan, vxlan_not_copied, tagged, ipv6, paused,
        wrong_pauses, malformed, flat_ports, spread_ports, mixed, weak_mark, joined,
    )
}  # fmt: skip


def pcapng(packets: Iterable[Stamped], *, speed_bps: int = 400 * 10**9, order: str = "<") -> bytes:
    """One section, one interface of a known speed, nanoseconds."""
    port = Interface("swp1", speed_bps=speed_bps)

    def parts() -> Iterator[bytes]:
        yield section(order)
        yield interface(port, order)
        for packet in packets:
            yield packet_block(packet, port, order)

    return b"".join(parts())


def old_pcap(packets: Iterable[Stamped], order: str = "<") -> bytes:
    return pcap(packets, nanoseconds=True, order=order)
