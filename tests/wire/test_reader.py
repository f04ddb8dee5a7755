# SPDX-License-Identifier: Apache-2.0
"""The same packets in any container, byte order, resolution and compression are the same."""

from __future__ import annotations

import gzip
import itertools
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core import _wire
from emu.wire.inspection import Inspection, inspect
from tests.oracle.containers import (
    Interface,
    Stamped,
    interface_block,
    packet_block,
    pcap,
    section,
    statistics_block,
    unknown_block,
)
from tests.oracle.containers import pcapng as whole_pcapng
from tests.wire.frames import CE
from tests.wire.scenarios import SCENARIOS, A, pcapng, write

Look = Callable[..., Inspection]
PACKETS = SCENARIOS["go-back"]()


def told(inspection: Inspection) -> tuple[object, ...]:
    """What must not depend on the container."""
    assert inspection.error() is None
    flows = {k: list(v) for k, v in inspection.flows.items()}
    return inspection.totals["first_ps"], inspection.totals["last_ps"], inspection.span_ps, flows


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_in_both_orders_and_resolutions(look: Look, order: str, nanoseconds: bool) -> None:
    wanted = told(look(pcapng(PACKETS)))
    assert told(look(pcap(PACKETS, order=order, nanoseconds=nanoseconds))) == wanted


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tsresol", [None, 6, 9, 12, 15, 0x80 | 30, 0x80 | 40])
def test_pcapng_in_both_orders_and_any_resolution(
    look: Look, order: str, tsresol: int | None
) -> None:
    found = look(whole_pcapng(PACKETS, [Interface("a", tsresol=tsresol)], order=order, extras=True))
    first, last, span, flows = told(found)
    exact = tsresol is None or tsresol < 0x80
    wanted = told(look(pcapng(PACKETS)))
    if exact:
        assert (first, last, span, flows) == wanted
    else:  # a power of two cannot say a microsecond
        assert abs(span - 7_000_000) < 2_000
        assert flows["retransmitted_packets"] == wanted[3]["retransmitted_packets"]


def test_an_offset_moves_the_base_and_nothing_else(look: Look) -> None:
    moved = [Stamped(p.time_ns + 1_700_000_000 * 10**9, p.frame) for p in PACKETS]
    found = look(whole_pcapng(moved, [Interface("a", tsoffset_s=1_699_999_000)]))
    assert found.capture["base_s"] == 1_700_000_000
    assert told(found)[:3] == told(look(pcapng(PACKETS)))[:3]


def test_sections_of_both_orders_and_their_own_interfaces(look: Look) -> None:
    big, little = Interface("big", speed_bps=100), Interface("little", tsresol=6)
    half = len(PACKETS) // 2
    data = section(">") + interface_block(big, ">") + unknown_block(">")
    data += b"".join(packet_block(p, big, ">") for p in PACKETS[:half])
    data += section("<") + interface_block(little, "<")
    data += b"".join(packet_block(p, little, "<") for p in PACKETS[half:])
    found = look(data + statistics_block(0))
    assert told(found) == told(look(pcapng(PACKETS)))
    assert found.capture["sections"] == 2
    assert [i["name"] for i in found.capture["interfaces"]] == ["big", "little"]
    assert [i["packets"] for i in found.capture["interfaces"]] == [half, len(PACKETS) - half]


def test_simple_and_obsolete_packet_blocks(look: Look) -> None:
    port = Interface("a")

    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    data = section() + interface_block(port)
    for i, packet in enumerate(PACKETS):
        size = len(packet.frame)
        if i % 2:
            data += block(3, struct.pack("<I", size) + packet.frame)
        else:
            stamp = struct.pack("<II", packet.time_ns >> 32, packet.time_ns & 0xFFFFFFFF)
            data += block(
                2, struct.pack("<HH", 0, 0) + stamp + struct.pack("<II", size, size) + packet.frame
            )
    found = look(data)
    assert found.capture["packets"] == len(PACKETS)
    assert found.capture["untimed_packets"] == len(PACKETS) // 2
    assert found.flows["retransmitted_packets"][0] == 3


def test_what_the_capturing_side_missed_is_told(look: Look) -> None:
    option = struct.pack("<HHQ", 5, 8, 7) + struct.pack("<HHQ", 7, 8, 2) + struct.pack("<HH", 0, 0)
    body = struct.pack("<III", 0, 0, 0) + option
    length = len(body) + 12
    block = struct.pack("<II", 5, length) + body + struct.pack("<I", length)
    assert look(pcapng(PACKETS) + block).capture["interfaces"][0]["dropped_packets"] == 9


def test_exact_times_of_a_simulation_come_from_its_comments(look: Look) -> None:
    port = Interface("a")
    data = section() + interface_block(port)
    for i, p in enumerate(PACKETS):
        data += packet_block(p, port, comment=f"t_ps={p.time_ns * 1000 + i}")
    assert look(data).span_ps == 7_000_000 + len(PACKETS) - 1
    far = section() + interface_block(port) + packet_block(PACKETS[0], port, comment="t_ps=99999")
    assert look(far).totals["first_ps"] == 0


@pytest.mark.parametrize(
    ("link_type", "head"),
    [
        (113, struct.pack("!HHH8sH", 4, 1, 6, b"", 0x0800)),
        (276, struct.pack("!HHIHBB8s", 0x0800, 0, 3, 1, 4, 6, b"")),
        (101, b""),
        (228, b""),
    ],
)
def test_link_types_without_ethernet(look: Look, link_type: int, head: bytes) -> None:
    packets = [Stamped(p.time_ns, head + p.frame[14:]) for p in PACKETS]
    found = look(pcap(packets, link_type=link_type))
    assert [n for name, n, _ in found.totals["protocols"] if name == "RoCEv2"] == [len(PACKETS)]
    assert found.flows["retransmitted_packets"][0] == 3
    assert found.findings["icrc_wrong"][0] == 0


def test_a_tag_behind_a_cooked_header_and_an_unknown_link_type(look: Look) -> None:
    head = struct.pack("!HHH8sH", 4, 1, 6, b"", 0x8100) + struct.pack("!HH", 5, 0x0800)
    found = look(pcap([Stamped(0, head + PACKETS[0].frame[14:])], link_type=113))
    assert found.totals["vlans"][0][0] == 5
    other = look(pcap([Stamped(0, b"anything")], link_type=147))
    assert other.totals["protocols"] == [("other link", 1, 8)]


def test_snapped_packets_keep_their_true_size(look: Look) -> None:
    snapped = [Stamped(p.time_ns, p.frame[:70], 0, len(p.frame)) for p in PACKETS]
    found, whole = look(pcapng(snapped)), look(pcapng(PACKETS))
    assert list(found.flows["payload_bytes"]) == list(whole.flows["payload_bytes"])
    assert found.totals["cut_packets"] == sum(len(p.frame) > 70 for p in PACKETS)


def test_gzip_zstd_and_several_members(look: Look, tmp_path: Path) -> None:
    data = pcapng(PACKETS)
    wanted = told(look(data))
    assert told(look(gzip.compress(data))) == wanted
    assert told(look(gzip.compress(data[:500]) + gzip.compress(data[500:]) + bytes(512))) == wanted
    assert told(look(pa.Codec("zstd").compress(data, asbytes=True))) == wanted


def test_a_pipe_that_hands_over_byte_by_byte(tmp_path: Path, look: Look) -> None:
    data = gzip.compress(pcapng(PACKETS))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed() -> None:
        with pipe.open("wb", buffering=0) as file:
            for byte in data:
                file.write(bytes([byte]))

    thread = threading.Thread(target=feed)
    thread.start()
    found = inspect(str(pipe))
    thread.join()
    assert told(found) == told(look(pcapng(PACKETS)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_cut_into_pieces_gives_the_same(data: st.DataObject) -> None:
    one = pcapng(SCENARIOS[data.draw(st.sampled_from(sorted(SCENARIOS)[:8]))]())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(one)), max_size=12)))

    def run(pieces: list[bytes]) -> dict[str, list[object]]:
        inspector = _wire.Inspector()
        for piece in pieces:
            if piece:
                inspector.feed(piece, len(piece))
        inspector.finish()
        assert inspector.capture()["ending"] == "whole"
        return {k: list(v) for k, v in inspector.flows().items()}

    edges = [0, *cuts, len(one)]
    assert run([one[a:b] for a, b in itertools.pairwise(edges)]) == run([one])


@settings(max_examples=60, deadline=None)
@given(
    psn=st.integers(0, 2**24 - 1),
    qp=st.integers(0, 2**24 - 1),
    port=st.integers(0, 65535),
    dscp=st.integers(0, 63),
    ecn=st.integers(0, 3),
    vni=st.none() | st.integers(0, 2**24 - 1),
    vlan=st.none() | st.integers(0, 4095),
    v6=st.booleans(),
    count=st.integers(2, 9),
)
def test_what_is_encoded_is_what_is_read(
    psn: int, qp: int, port: int, dscp: int, ecn: int, vni: int | None, vlan: int | None,
    v6: bool, count: int,
) -> None:  # fmt: skip
    way = A.with_(qp=qp, port=port, dscp=dscp, ecn=ecn, vni=vni, vlan=vlan)
    if v6:
        way = way.with_(src="2001:db8::1", dst="2001:db8::ffff")
    data = pcapng([Stamped(i, f) for i, f in enumerate(write(way, psn, count))])
    inspector = _wire.Inspector(keep_messages=True)
    inspector.feed(data, len(data))
    inspector.finish()
    flows = inspector.flows()
    assert (flows["src"], flows["dst"]) == ([way.src], [way.dst])
    got = [int(flows[k][0]) for k in ("dst_qp", "src_port", "dscp", "data_packets", "psn_gaps")]
    assert got == [qp, port, dscp, count, 0]
    assert int(flows["vni"][0]) == (-1 if vni is None else vni)
    assert int(flows["data_ce_packets"][0]) == (count if ecn == CE else 0)
    assert [v for v, _, _ in inspector.totals()["vlans"]] == ([] if vlan is None else [vlan])
    findings = inspector.findings()
    assert findings["icrc_wrong"][0] == findings["ip_checksum_wrong"][0] == 0
    messages = inspector.take_messages()
    assert int(messages["first_psn"][0]) == psn
    assert int(messages["last_psn"][0]) == (psn + count - 1) % 2**24
