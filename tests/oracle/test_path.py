# SPDX-License-Identifier: GPL-2.0-only
"""Packets followed through captures that were made with known delays, losses and marks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from emu.errors import InputError
from emu.wire.path import PathView, follow
from tests.cli.test_cases import run_emu
from tests.oracle import containers as box
from tests.oracle import corpus
from tests.oracle.containers import Interface, Stamped
from tests.oracle.corpus import Clock, Ends

US = 1_000
ENDS = Ends(20)
LINKS = (Interface("swp1", speed_bps=100_000_000_000),)


def writes(psn: int, count: int, seed: int = 1) -> list[Stamped]:
    """A message of so many packets, 2 us apart."""
    clock = Clock(seed)
    sent = corpus.write(ENDS, clock, psn, [64] * count)
    start = corpus.START_NS
    return [
        Stamped(start + i * 2 * US, bytes(corpus.ether(ENDS, 0) / p)) for i, p in enumerate(sent)
    ]


def later(packets: Sequence[Stamped], by_ns: int) -> list[Stamped]:
    return [replace(p, time_ns=p.time_ns + by_ns) for p in packets]


def marked(packet: Stamped) -> Stamped:
    frame = Ether(packet.frame)
    frame[IP].tos |= 3
    frame[IP].chksum = None
    return replace(packet, frame=bytes(frame))


def tunnelled(packets: Sequence[Stamped], ecn: int = 2) -> list[Stamped]:
    return [replace(p, frame=bytes(corpus.encapsulated(Ether(p.frame), 100, ecn))) for p in packets]


def view(folder: Path, **points: Sequence[Stamped]) -> PathView:
    paths = []
    for name, packets in points.items():
        path = folder / f"{name}.pcapng"
        path.write_bytes(box.pcapng(sorted(packets, key=lambda p: p.time_ns), LINKS))
        paths.append(str(path))
    return follow(paths)


def hops(found: PathView) -> dict[tuple[str, str], dict[str, Any]]:
    return {(hop["from"], hop["to"]): hop for hop in found.hops}


def test_delays_are_those_between_the_points_in_any_order_of_the_files(tmp_path: Path) -> None:
    sent = writes(0, 20)
    points = {"c": later(sent, 9 * US), "a": sent, "b": later(sent, 5 * US)}
    found = hops(view(tmp_path, **points))
    assert set(found) == {("a", "b"), ("b", "c")}
    for hop, delay_us in ((("a", "b"), 5), (("b", "c"), 4)):
        assert found[hop]["packets"] == 20
        assert found[hop]["min_ps"] == found[hop]["max_ps"] == delay_us * 1_000_000
        assert found[hop]["lost"] == found[hop]["marked"] == 0


def test_a_packet_is_the_same_inside_vxlan(tmp_path: Path) -> None:
    sent = writes(0, 10)
    found = hops(view(tmp_path, leaf=sent, spine=tunnelled(later(sent, 3 * US))))
    assert found["leaf", "spine"]["packets"] == 10


def test_losses_are_placed_and_named(tmp_path: Path) -> None:
    sent = writes(0, 10)
    at_b = [p for i, p in enumerate(later(sent, 5 * US)) if i not in (3, 4)]
    at_c = [p for i, p in enumerate(later(sent, 9 * US)) if i not in (3, 4, 7)]
    found = view(tmp_path, a=sent, b=at_b, c=at_c)
    assert hops(found)["a", "b"]["lost"] == 2
    assert hops(found)["b", "c"]["lost"] == 1
    (flow,) = found.flows
    assert flow["packets"] == {"a": 10, "b": 8, "c": 7}
    lost = {(loss["after"], tuple(loss["before"])): loss for loss in flow["lost"]}
    assert lost["a", ("b",)]["numbers"] == [4, 5]
    assert lost["b", ("c",)]["numbers"] == [6]  # the eighth packet is the sixth at b


def test_a_packet_sent_again_is_not_the_one_that_was_lost(tmp_path: Path) -> None:
    sent = writes(0, 6)
    again = later(sent[2:], 500 * US)  # go-back-N from the third on
    at_b = later([*sent[:2], *sent[3:], *again], 5 * US)
    found = view(tmp_path, a=[*sent, *again], b=at_b)
    hop = hops(found)["a", "b"]
    assert (hop["packets"], hop["lost"]) == (9, 1)
    assert hop["max_ps"] == 5_000_000
    assert found.flows[0]["lost"][0]["numbers"] == [3]


def test_marks_are_placed_between_the_points(tmp_path: Path) -> None:
    sent = writes(0, 8)
    at_b = [marked(p) if i in (1, 5) else p for i, p in enumerate(later(sent, 5 * US))]
    at_c = later([marked(p) if i in (1, 5, 6) else p for i, p in enumerate(sent)], 9 * US)
    found = hops(view(tmp_path, a=sent, b=at_b, c=at_c))
    assert found["a", "b"]["marked_packets"] == [2, 6]
    assert found["b", "c"]["marked_packets"] == [7]


def test_a_mark_on_the_outer_header_counts(tmp_path: Path) -> None:
    sent = writes(0, 4)
    found = hops(view(tmp_path, a=sent, b=tunnelled(later(sent, US), ecn=3)))
    assert found["a", "b"]["marked"] == 4


def test_packets_before_and_after_a_capture_are_not_lost_in_it(tmp_path: Path) -> None:
    sent = writes(0, 20)
    at_b = [
        p
        for p in later(sent, 5 * US)
        if 4 <= sent.index(replace(p, time_ns=p.time_ns - 5 * US)) < 15
    ]
    found = view(tmp_path, a=sent, b=at_b)
    assert hops(found)["a", "b"]["packets"] == 11
    assert hops(found)["a", "b"]["lost"] == 0


def test_a_flow_that_never_passes_a_point_loses_nothing_before_it(tmp_path: Path) -> None:
    sent, other = writes(0, 5), Ends(21)
    elsewhere = [
        Stamped(corpus.START_NS + i * US, bytes(corpus.ether(other, 0) / p))
        for i, p in enumerate(corpus.write(other, Clock(2), 0, [64] * 5))
    ]
    found = view(tmp_path, a=[*sent, *elsewhere], b=later(sent, US))
    assert [flow["lost"] for flow in found.flows] == [[], []]


def test_parallel_paths_are_two_hops(tmp_path: Path) -> None:
    sent = writes(0, 10)
    found = hops(
        view(
            tmp_path,
            leaf=sent,
            spine0=later(sent[::2], 2 * US),
            spine1=later(sent[1::2], 3 * US),
            far=later(sent, 6 * US),
        )
    )
    assert {hop: told["packets"] for hop, told in found.items()} == {
        ("leaf", "spine0"): 5,
        ("leaf", "spine1"): 5,
        ("spine0", "far"): 5,
        ("spine1", "far"): 5,
    }


def test_pauses_spread_from_where_they_began(tmp_path: Path) -> None:
    def pause(at_us: int, quanta: int, source: str) -> Stamped:
        return Stamped(corpus.START_NS + at_us * US, bytes(corpus.pfc({3: quanta}, source)))

    sent = writes(0, 100)
    leaf, spine = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
    found = view(
        tmp_path,
        host=[*sent, pause(40, 0xFFFF, leaf), pause(90, 0, leaf)],
        uplink=[*later(sent, US), pause(20, 0xFFFF, spine), pause(80, 0, spine)],
    )
    (spread,) = found.spreads
    assert spread["began_at"] == "uplink"
    assert spread["priority"] == 3
    assert [(p["point"], p["src_mac"], p["after_ps"], p["total_ps"]) for p in spread["points"]] == [
        ("uplink", spine, 0, 60_000_000),
        ("host", leaf, 20_000_000, 50_000_000),
    ]


def test_clocks_that_cannot_be_right_are_told(tmp_path: Path) -> None:
    sent = writes(0, 5)
    reply = Stamped(
        sent[-1].time_ns + 4 * US, bytes(corpus.ether(ENDS, 1) / corpus.ack(ENDS, 1, 4, 1))
    )
    right = view(tmp_path, a=[*sent, later([reply], US)[0]], b=[*later(sent, US), reply])
    assert right.notes == []
    # The clock of b is 10 us ahead: the reply seems to pass a first as well.
    wrong = view(
        tmp_path, a=[*sent, later([reply], US)[0]], b=later([*later(sent, US), reply], 10 * US)
    )
    assert "clocks of a and b disagree" in wrong.notes[0]


def test_names_of_points_are_what_differs_between_the_files(tmp_path: Path) -> None:
    sent = writes(0, 2)
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "port.0.pcapng").write_bytes(box.pcapng(sent, LINKS))
    found = follow([str(tmp_path / f / "port.0.pcapng") for f in ("x", "y")])
    assert [p["name"] for p in found.points] == ["1:port.0", "2:port.0"]


def test_one_capture_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 captures; a path has 2 to 8"):
        follow(["a.pcap"])
    (tmp_path / "text.pcap").write_text("not a capture")
    (tmp_path / "a.pcap").write_bytes(box.pcap(writes(0, 2)))
    done = run_emu(["pcap", "path", "a.pcap", "text.pcap"], tmp_path)
    assert done.returncode == 2
    assert "text.pcap: neither pcap nor pcapng" in done.stderr


def test_a_damaged_capture_is_told_after_what_could_be_followed(tmp_path: Path) -> None:
    sent = writes(0, 10)
    (tmp_path / "a.pcap").write_bytes(box.pcap(sent, nanoseconds=True))
    (tmp_path / "b.pcap").write_bytes(box.pcap(later(sent, US), nanoseconds=True)[:-5])
    done = run_emu(["pcap", "path", "a.pcap", "b.pcap", "--json"], tmp_path)
    assert done.returncode == 3
    assert "b.pcap: byte" in done.stderr
    document = json.loads(done.stdout)
    assert document["hops"][0]["packets"] == 9
    assert document["hops"][0]["lost"] == 0
