# SPDX-License-Identifier: Apache-2.0
"""Captures rewritten: accepted by others' tools, nothing changed but what was asked for."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emu.core import _wire
from emu.errors import InputError
from emu.wire.convert import Cut, convert
from tests.cli.test_cases import run_emu
from tests.oracle import containers, corpus, tshark

NAMES = sorted(corpus.FILES)
ONE_LINK = [n for n in NAMES if n != "ports.pcapng"]


def packets(path: Path) -> list[dict[str, Any]]:
    whole = path.read_bytes()
    if path.suffix == ".gz":
        whole = gzip.decompress(whole)
    return _wire.packets(np.frombuffer(whole, dtype=np.uint8))


def layers(packet: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    frame = np.frombuffer(packet["frame"], dtype=np.uint8)
    return _wire.layers(frame, packet["link_type"])[0]


def seen(packet: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("interface", "link_type", "original_bytes", "frame")
    return (packet["time_ps"] // 1000, *(packet[k] for k in keys))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_holds_the_same_packets_and_every_tool_accepts_it(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    done = convert(str(captures[name]), str(out))
    assert done.error is None
    before, after = packets(captures[name]), packets(out)
    assert done.written_packets == len(before)
    assert [seen(p) for p in after] == [seen(p) for p in before]
    tshark.accepted(out, tmp_path)


@pytest.mark.parametrize("name", ["plain.pcapng", "ports.pcapng", "big-us.pcap"])
def test_tshark_sees_the_same_times_and_interfaces_in_a_copy(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    convert(str(captures[name]), str(out))
    wanted = ["frame.time_epoch", "frame.len", "frame.cap_len", "ip.src"]
    if name != "big-us.pcap":  # a pcap names no interface
        wanted.append("frame.interface_name")
    theirs = tshark.fields(captures[name], wanted)
    for row in (again := tshark.fields(out, wanted)):
        row["frame.time_epoch"] = [row["frame.time_epoch"][0][:20]]
    for row in theirs:
        row["frame.time_epoch"] = [row["frame.time_epoch"][0][:20]]
    assert again == theirs


@pytest.mark.parametrize("name", ONE_LINK)
def test_pcap_and_back_keeps_every_packet(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    first, second = tmp_path / "out.pcap.gz", tmp_path / "back.pcapng.zst"
    convert(str(captures[name]), str(first))
    convert(str(first), str(second))
    convert(str(second), str(tmp_path / "plain.pcapng"))
    back = [seen(p)[3:] for p in packets(tmp_path / "plain.pcapng")]
    assert back == [seen(p)[3:] for p in packets(captures[name])]
    assert packets(first)[0]["time_ps"] // 1000 == packets(captures[name])[0]["time_ps"] // 1000


def test_two_link_types_do_not_fit_into_a_pcap(captures: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another link type"):
        convert(str(captures["ports.pcapng"]), str(tmp_path / "out.pcap"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_anonymised_packets_differ_in_nothing_but_addresses_and_payload(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    convert(str(captures[name]), str(out), key="a key")
    addresses = {"src", "dst", "sender_ip", "target_ip", "sender_mac", "target_mac"}
    computed = {"checksum", "icrc"}
    opaque = {"LLDP"}
    before, after = packets(captures[name]), packets(out)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert len(new["frame"]) == len(old["frame"])
        was = [(layer, f) for layer, f in layers(old) if layer not in opaque]
        now = layers(new)
        assert [layer for layer, _ in was] == [layer for layer, _ in now]
        for (_, had), (layer, has) in zip(was, now, strict=True):
            for field, value in had.items():
                if field in addresses or field in computed:
                    continue
                assert has[field] == value, f"{name} packet {old['number']} {layer}.{field}"
    tshark.accepted(out, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_no_address_of_the_capture_survives(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    convert(str(captures[name]), str(out), key="a key")
    written = out.read_bytes()
    for packet in packets(captures[name]):
        for layer, fields in layers(packet):
            if layer == "Ethernet":
                for mac in (fields["src"], fields["dst"]):
                    if not int(mac[:2], 16) & 1 and mac != "00:00:00:00:00:00":
                        assert bytes.fromhex(mac.replace(":", "")) not in written
    for _, fields in (pair for p in packets(out) for pair in layers(p)):
        for field in ("src", "dst"):
            assert not str(fields.get(field, "")).startswith(("10.0.", "2001:db8", "192.0.2"))


def test_one_key_gives_one_pseudonym_in_every_file_and_another_key_another(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    found: dict[str, list[str]] = {}
    for out, name, key in (("a", "nak", "k"), ("b", "nak", "k"), ("c", "nak", "other")):
        path = tmp_path / f"{out}.pcapng"
        convert(str(captures[f"{name}.pcapng"]), str(path), key=key)
        found[out] = [p["ip"]["src"] for p in packets(path)]
    assert found["a"] == found["b"] != found["c"]
    assert (tmp_path / "a.pcapng").read_bytes() == (tmp_path / "b.pcapng").read_bytes()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"truncated.pcapng"}))
def test_stripped_packets_keep_their_headers_and_lengths(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    done = convert(str(captures[name]), str(out), strip_payload=True)
    before, after = packets(captures[name]), packets(out)
    wrong = [p["number"] for p in before if p.get("icrc_ok") is False]
    assert done.icrc_wrong == len(wrong)
    assert done.icrc_right == sum(p.get("icrc_ok") is True for p in before)
    for old, new in zip(before, after, strict=True):
        assert new["original_bytes"] == old["original_bytes"]
        assert old["frame"].startswith(new["frame"])
        for (_, had), (_, has) in zip(layers(old), layers(new), strict=True):
            gone = {"icrc", "icrc_ok", "checksum_ok"}
            assert {k: v for k, v in has.items() if k not in gone} == {
                k: v for k, v in had.items() if k not in gone
            }
        if "opcode" in old and old["payload_bytes"]:
            assert len(new["frame"]) < len(old["frame"])
    tshark.accepted(out, tmp_path)
    comments = tshark.fields(out, ["frame.comment"])
    said = [n for n, c in enumerate(comments, 1) if "ICRC was wrong" in "".join(c["frame.comment"])]
    assert said == wrong


def test_a_cut_keeps_what_was_asked_for(captures: dict[str, Path], tmp_path: Path) -> None:
    source, out = captures["plain.pcapng"], tmp_path / "out.pcapng"

    def kept(cut: Cut) -> list[int]:
        convert(str(source), str(out), cut=cut)
        frames = [p["frame"] for p in packets(out)]
        return [p["number"] for p in packets(source) if p["frame"] in frames]

    every = packets(source)
    first = every[0]["time_ps"]
    late = [p["number"] for p in every if p["time_ps"] - first >= 4_000_000]
    assert kept(Cut(from_ps=4_000_000)) == late
    assert kept(Cut(to_ps=0)) == [1]
    assert kept(Cut(hosts=("10.0.1.2",))) == [
        p["number"] for p in every if "10.0.1.2" in (p["ip"]["src"], p["ip"]["dst"])
    ]
    assert kept(Cut(between=("10.0.2.2", "10.0.2.1"), qp=0x104)) == [
        p["number"] for p in every if p["ip"]["src"] == "10.0.2.2" and p["dest_qp"] == 0x104
    ]
    assert kept(Cut(hosts=("10.9.9.9",))) == []


def test_a_host_is_found_inside_vxlan_and_outside(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.pcapng"
    for host, count in (("10.0.7.1", 9), ("192.0.2.1", 14), ("2001:db8:8::1", 5)):
        done = convert(str(captures["vxlan.pcapng"]), str(out), cut=Cut(hosts=(host,)))
        assert done.written_packets == count, host


def test_pauses_stay_when_asked_for(captures: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    cut = Cut(hosts=("10.0.11.1",), keep_pause=True)
    assert convert(str(captures["pfc.pcapng"]), str(out), cut=cut).written_packets == 14
    cut = Cut(hosts=("10.0.11.1",))
    assert convert(str(captures["pfc.pcapng"]), str(out), cut=cut).written_packets == 6


def test_of_a_damaged_capture_the_good_part_is_written(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    cut_off = tmp_path / "cut.pcapng"
    cut_off.write_bytes(captures["plain.pcapng"].read_bytes()[:-7])
    done = run_emu(["pcap", "convert", str(cut_off), str(tmp_path / "out.pcap")], tmp_path)
    assert done.returncode == 3
    assert "cut off" in done.stderr
    assert len(packets(tmp_path / "out.pcap")) == 23


def test_a_pipe_in_and_out(captures: dict[str, Path], tmp_path: Path) -> None:
    import subprocess
    import sys

    emu = str(Path(sys.executable).parent / "emu")
    with captures["cnp.pcapng"].open("rb") as file:
        done = subprocess.run(
            [emu, "pcap", "convert", "-", "-", "--format", "pcap"],
            stdin=file,
            capture_output=True,
            check=True,
        )
    assert done.stdout[:4] == bytes.fromhex("4d3cb2a1")
    out = tmp_path / "out.pcap"
    out.write_bytes(done.stdout)
    assert len(packets(out)) == len(packets(captures["cnp.pcapng"]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.pcap", "in.pcap"], "would overwrite"),
        (["in.pcap", "out.pcap", "--anonymise"], "needs --key"),
        (["in.pcap", "out.pcap", "--host", "10.0.0.300"], "not an IPv4 or IPv6 address"),
        (["in.pcap", "out.pcap", "--qp", "0x1000000"], "not a queue pair"),
        (["in.pcap", "out.pcap", "--from", "soon"], "soon"),
        (["in.pcap", "out.pcap", "--format", "erf"], "not pcapng or pcap"),
        (["missing.pcap", "out.pcap"], "No such file"),
        (["no-capture.txt", "out.pcap"], "neither pcap nor pcapng"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "in.pcap").write_bytes(containers.pcap([]))
    (tmp_path / "no-capture.txt").write_text("no capture\n")
    done = run_emu(["pcap", "convert", *arguments], tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.pcap", "no-capture.txt"]
