# SPDX-License-Identifier: Apache-2.0
"""Files that are cut off or damaged: what could be read, then the place and the reason."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from emu.errors import InputError
from emu.wire.inspection import Inspection, inspect
from tests.oracle.containers import Interface, Stamped, interface_block, packet_block, section
from tests.wire.scenarios import SCENARIOS, old_pcap, pcapng

Look = Callable[..., Inspection]
PACKETS = SCENARIOS["lossless"]()
PORT = Interface("a")
HEAD = section() + interface_block(PORT)
OLD = old_pcap(PACKETS[:2])
NEW = HEAD + packet_block(PACKETS[0], PORT)
ONE = len(packet_block(PACKETS[0], PORT))
FIRST = 24 + 16 + len(PACKETS[0].frame)
"""Offset of the second packet in the old format."""


def patched(data: bytes, at: int, fmt: str, value: int) -> bytes:
    raw = struct.pack(fmt, value)
    return data[:at] + raw + data[at + len(raw) :]


def block(kind: int, body: bytes, *, length: int | None = None, end: int | None = None) -> bytes:
    length = len(body) + 12 if length is None else length
    return (
        struct.pack("<II", kind, length) + body + struct.pack("<I", length if end is None else end)
    )


def idb(options: bytes) -> bytes:
    return block(1, struct.pack("<HHI", 1, 0, 0) + options)


def epb(interface: int, captured: int, original: int, data: bytes) -> bytes:
    return block(6, struct.pack("<IIIII", interface, 0, 0, captured, original) + data)


NO_CAPTURE = [
    ("empty", b"", "the file is empty"),
    ("one-byte", b"\xd4", "not a capture: shorter than the first four bytes"),
    ("three-bytes", b"\xd4\xc3\xb2", "not a capture: shorter than the first four bytes"),
    ("text", b"no capture at all", "neither pcap nor pcapng: it begins with 6e6f2063"),
    ("zeros", bytes(100), "neither pcap nor pcapng: it begins with 00000000"),
    ("elf", b"\x7fELF" + bytes(60), "neither pcap nor pcapng: it begins with 7f454c46"),
    ("snoop", b"snoop\0\0\0" + bytes(60), "neither pcap nor pcapng: it begins with 736e6f6f"),
    (
        "kuznetzov",
        b"\x34\xcd\xb2\xa1" + bytes(60),
        "neither pcap nor pcapng: it begins with 34cdb2a1 "
        "(a pcap variant with longer packet headers)",
    ),
    (
        "gzip-of-text",
        gzip.compress(b"hello, world"),
        "neither pcap nor pcapng: it begins with 68656c6c",
    ),
    ("gzip-of-nothing", gzip.compress(b""), "the file is empty"),
]


@pytest.mark.parametrize(("name", "data", "message"), NO_CAPTURE, ids=[n for n, _, _ in NO_CAPTURE])
def test_what_is_no_capture_is_bad_input(look: Look, name: str, data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        look(data)
    assert caught.value.message == message
    assert caught.value.exit_code == 2


TOO_SHORT = "a block claims a length of {}; it is at least 12 and a multiple of 4"
CUT = "cut off inside a {}: at least {} bytes are missing"

DAMAGED: list[tuple[str, bytes, int, int, str]] = [
    # name, file, packets read, offset, reason
    ("pcap-header-cut", OLD[:20], 0, 0, CUT.format("file header", 4)),
    ("pcap-magic-only", OLD[:4], 0, 0, CUT.format("file header", 20)),
    ("pcap-record-header-cut", OLD[:30], 0, 24, CUT.format("packet", 10)),
    ("pcap-packet-cut", OLD[:-1], 1, FIRST, CUT.format("packet", 1)),
    ("pcap-packet-without-data", OLD[: FIRST + 16], 1, FIRST,
     CUT.format("packet", len(PACKETS[1].frame))),
    ("pcap-huge-packet", patched(OLD, FIRST + 8, "<I", 0xFFFFFFFF), 1, FIRST,
     "packet 2 claims 4294967295 captured bytes; at most 262144 are possible"),
    ("pcap-just-too-large", patched(OLD, FIRST + 8, "<I", 262145), 1, FIRST,
     "packet 2 claims 262145 captured bytes; at most 262144 are possible"),
    ("pcap-largest-cut", patched(OLD, FIRST + 8, "<I", 262144), 1, FIRST,
     CUT.format("packet", 262144 - len(PACKETS[1].frame))),
    ("pcap-one-byte-behind", OLD + b"\0", 2, len(OLD), CUT.format("packet", 15)),
    ("pcap-big-endian-cut", old_pcap(PACKETS[:2], ">")[:-1], 1, FIRST, CUT.format("packet", 1)),
    ("ng-magic-only", NEW[:4], 0, 0, CUT.format("section header", 8)),
    ("ng-header-cut", NEW[:20], 0, 0, CUT.format("section header", len(section()) - 20)),
    ("ng-no-order-mark", patched(NEW, 8, "<I", 0x01020304), 0, 0,
     "the section header has no byte-order mark"),
    ("ng-version-two", patched(NEW, 12, "<H", 2), 0, 0, "pcapng version 2.0; 1.0 is known"),
    ("ng-short-header", block(0x0A0D0D0A, struct.pack("<III", 0x1A2B3C4D, 1, 0)), 0, 0,
     "the section header is too short"),
    ("ng-header-length-zero", patched(NEW, 4, "<I", 0), 0, 0, TOO_SHORT.format(0)),
    ("ng-block-length-zero", NEW + struct.pack("<III", 6, 0, 0), 1, len(NEW), TOO_SHORT.format(0)),
    ("ng-block-length-eight", NEW + struct.pack("<III", 6, 8, 8), 1, len(NEW), TOO_SHORT.format(8)),
    ("ng-block-length-odd", NEW + struct.pack("<III", 6, 33, 8), 1, len(NEW), TOO_SHORT.format(33)),
    ("ng-block-length-max", NEW + struct.pack("<III", 6, 0xFFFFFFFC, 0), 1, len(NEW),
     "a block of type 6 claims 4294967292 bytes; at most 16777216 are possible"),
    ("ng-block-too-large", NEW + struct.pack("<III", 1, 16777220, 0), 1, len(NEW),
     "a block of type 1 claims 16777220 bytes; at most 16777216 are possible"),
    ("ng-unknown-block-beyond-the-end", NEW + struct.pack("<III", 99, 0xFFFFFFFC, 0), 1, len(NEW),
     "cut off inside a block: 4294967280 bytes are missing"),
    ("ng-unknown-block-cut", NEW + block(99, bytes(100))[:-5], 1, len(NEW),
     "cut off inside a block: 5 bytes are missing"),
    ("ng-lengths-differ", NEW[:-4] + struct.pack("<I", ONE + 4), 0, len(HEAD),
     f"a block begins with length {ONE} and ends with length {ONE + 4}"),
    ("ng-packet-cut", NEW[:-1], 0, len(HEAD), CUT.format("block", 1)),
    ("ng-head-of-block-cut", NEW + b"\6\0\0\0", 1, len(NEW), CUT.format("block", 8)),
    ("ng-packet-before-interface", section() + packet_block(PACKETS[0], PORT), 0, len(section()),
     "a packet names interface 0; the section has 0 (counted from 0)"),
    ("ng-no-such-interface", HEAD + epb(7, 0, 0, b""), 0, len(HEAD),
     "a packet names interface 7; the section has 1 (counted from 0)"),
    ("ng-interface-of-an-older-section", NEW + section() + packet_block(PACKETS[0], PORT), 1,
     len(NEW) + len(section()), "a packet names interface 0; the section has 0 (counted from 0)"),
    ("ng-statistics-of-no-interface", NEW + block(5, struct.pack("<III", 3, 0, 0)), 1, len(NEW),
     "a statistics block names interface 3; the section has 1 (counted from 0)"),
    ("ng-short-statistics", NEW + block(5, bytes(8)), 1, len(NEW),
     "the statistics block is too short"),
    ("ng-captured-beyond-block", HEAD + epb(0, 100, 100, bytes(40)), 0, len(HEAD),
     "packet 1 claims 100 captured bytes; its block has room for 40"),
    ("ng-captured-huge", HEAD + epb(0, 0xFFFFFFFF, 100, bytes(40)), 0, len(HEAD),
     "packet 1 claims 4294967295 captured bytes; its block has room for 40"),
    ("ng-captured-wraps-when-padded", HEAD + epb(0, 0xFFFFFFFD, 0, b""), 0, len(HEAD),
     "packet 1 claims 4294967293 captured bytes; its block has room for 0"),
    ("ng-short-packet-block", HEAD + block(6, bytes(16)), 0, len(HEAD),
     "packet block 1 is too short"),
    ("ng-short-simple-packet", HEAD + block(3, b""), 0, len(HEAD), "packet block 1 is too short"),
    ("ng-obsolete-packet-cut", HEAD + block(2, struct.pack("<HHIIII", 0, 0, 0, 0, 8, 8)), 0,
     len(HEAD), "packet 1 claims 8 captured bytes; its block has room for 0"),
    ("ng-short-interface", section() + block(1, bytes(4)), 0, len(section()),
     "the interface block is too short"),
    ("ng-option-beyond-block", section() + idb(struct.pack("<HH", 2, 500)), 0, len(section()),
     "an option of the interface block is longer than the block"),
    ("ng-option-head-cut", section() + block(1, struct.pack("<HHIHH", 1, 0, 0, 2, 4)), 0,
     len(section()), "an option of the interface block is longer than the block"),
    ("ng-resolution-too-fine", section() + idb(struct.pack("<HHB3x", 9, 1, 20)), 0, len(section()),
     "time resolution 20 of an interface: too fine"),
    ("ng-binary-resolution-too-fine", section() + idb(struct.pack("<HHB3x", 9, 1, 0xC0)), 0,
     len(section()), "time resolution 192 of an interface: too fine"),
    ("ng-order-changes-without-section", NEW + packet_block(PACKETS[1], PORT, ">"), 1, len(NEW),
     "cut off inside a block: "),
    ("ng-second-section-damaged", NEW + section()[:8] + bytes(4) + section()[12:], 1, len(NEW),
     "the section header has no byte-order mark"),
    ("gzip-cut", gzip.compress(OLD)[:-40], -1, -1, "the gzip stream is cut off"),
    ("gzip-checksum-wrong", gzip.compress(OLD)[:-8] + bytes(8), 2, len(OLD),
     "the gzip stream is damaged (Error -3 while decompressing data: incorrect data check)"),
    ("gzip-then-rubbish", gzip.compress(OLD) + b"rubbish", 2, len(OLD),
     "the gzip stream is damaged (Error -3 while decompressing data: incorrect header check)"),
    ("gzip-of-cut-pcap", gzip.compress(OLD[:-1]), 1, FIRST, CUT.format("packet", 1)),
    ("zstd-cut", pa.Codec("zstd").compress(OLD, asbytes=True)[:-20], -1, -1,
     "the zstd stream is cut off or damaged ("),
    ("zstd-magic-only", b"\x28\xb5\x2f\xfd", -1, -1, "the zstd stream is cut off or damaged ("),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "packets", "offset", "reason"), DAMAGED, ids=[d[0] for d in DAMAGED]
)
def test_damage_is_told_with_its_place(
    look: Look, name: str, data: bytes, packets: int, offset: int, reason: str
) -> None:
    found = look(data)
    error = found.error()
    assert error is not None
    assert error.exit_code == 3
    assert (
        error.reason.startswith(reason) if reason.endswith((" ", "(")) else error.reason == reason
    )
    if packets >= 0:
        assert (error.packets, error.offset) == (packets, offset)
    assert str(error).startswith(f"{found.name}: byte {error.offset:,}: {error.reason}; ")


def test_the_list_is_long_enough() -> None:
    assert len(DAMAGED) >= 40


def test_a_missing_file_and_a_folder_are_bad_input(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.pcap", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=reason):
            inspect(str(path))


def test_every_length_of_a_file_ends_well(look: Look) -> None:
    for data in (old_pcap(PACKETS[:3]), pcapng(PACKETS[:2])):
        packets = 0
        for n in range(4, len(data)):
            found = look(data[:n])
            assert found.capture["ending"] in ("whole", "cut off")
            assert found.capture["packets"] >= packets
            packets = found.capture["packets"]
    assert packets == 1


def test_a_bomb_is_unpacked_in_pieces(tmp_path: Path) -> None:
    """64 MB of zeros behind a pcap header are four million empty packets."""

    def pieces() -> Iterator[bytes]:
        yield old_pcap([])
        for _ in range(64):
            yield bytes(1 << 20)

    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for piece in pieces():
            file.write(piece)
    found = inspect(str(path))
    assert found.capture["packets"] == (64 << 20) // 16
    assert found.error() is None


def test_times_out_of_any_range_do_no_harm(look: Look) -> None:
    far = [Stamped(0, PACKETS[0].frame), Stamped((1 << 32) * 10**9 - 1, PACKETS[1].frame)]
    found = look(old_pcap(far))
    assert found.error() is None
    assert found.span_ps > 0
