# SPDX-License-Identifier: Apache-2.0
"""tshark reads every field of our captures as the engine meant it, and finds nothing amiss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.captures.captured import Captured, capture
from tests.captures.decode import read_file
from tests.captures.test_frames import DESIGNS, INCAST, SMALL, name_of
from tests.golden.lab import Flow, experiment
from tests.oracle import tshark


def number(text: str) -> int:
    return int(text, 0)


def flag(text: str) -> bool:
    return text in ("1", "True")


# tshark's field: ours, that of the outer headers, how tshark writes it.
SAME: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "eth.src": ("src_mac", "o_src_mac", str),
    "eth.dst": ("dst_mac", "o_dst_mac", str),
    "ip.src": ("src_ip", "o_src_ip", str),
    "ip.dst": ("dst_ip", "o_dst_ip", str),
    "ip.ttl": ("ttl", "o_ttl", number),
    "ip.len": ("ip_total", "o_ip_total", number),
    "ip.dsfield.dscp": ("dscp", "o_dscp", number),
    "ip.dsfield.ecn": ("ecn", "o_ecn", number),
    "udp.srcport": ("sport", "o_sport", number),
    "udp.dstport": ("dport", "o_dport", number),
    "vlan.id": ("vlan", "o_vlan", number),
    "vlan.priority": ("pcp", "o_pcp", number),
    "vxlan.vni": ("vni", "", number),
    "infiniband.bth.opcode": ("opcode", "", number),
    "infiniband.bth.destqp": ("dest_qp", "", number),
    "infiniband.bth.psn": ("psn", "", number),
    "infiniband.bth.a": ("ack_request", "", flag),
    "infiniband.bth.padcnt": ("pad", "", number),
    "infiniband.reth.dmalen": ("dma_length", "", number),
    "infiniband.reth.r_key": ("rkey", "", number),
    "infiniband.immdt": ("immediate", "", lambda text: int(text, 16)),
    "infiniband.aeth.syndrome": ("syndrome", "", number),
    "infiniband.aeth.msn": ("msn", "", number),
    "macc.cbfc.enbv": ("enable", "", number),
    "macc.cbfc.pause_time.c3": ("quanta", "", number),
    "arp.opcode": ("operation", "", number),
    "arp.src.proto_ipv4": ("sender_ip", "", str),
    "arp.dst.proto_ipv4": ("target_ip", "", str),
}
META = ["frame.len", "frame.cap_len", "frame.comment", "frame.interface_name",
        "frame.time_epoch", "frame.p2p_dir", "ip.checksum.status", "_ws.malformed",
        "_ws.expert.severity"]  # fmt: skip
WARNING = 0x600000
"""Below are notes, chats and the comments that we put there ourselves."""


def check(run: Captured, workdir: Path) -> None:
    """All files of a run in one, section after section, as pcapng allows: tshark starts slowly."""
    files = sorted(run.folder.glob("*.pcapng"))
    path = workdir / "all.pcapng"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    ours = [packet for file in files for packet in read_file(file).packets]
    theirs = tshark.fields(path, [*META, *SAME])
    assert len(theirs) == len(ours) > 100
    for mine, row in zip(ours, theirs, strict=True):
        check_packet(mine, row)
    tshark.accepted(files[-1], workdir)


def check_packet(mine: dict[str, Any], row: dict[str, list[str]]) -> None:
    assert row["_ws.malformed"] == []
    assert all(int(text) < WARNING for text in row["_ws.expert.severity"])
    assert set(row["ip.checksum.status"]) <= {"1"}, "good"
    assert row["frame.len"] == [str(mine["length"])]
    assert row["frame.cap_len"] == [str(mine["captured"])]
    assert row["frame.comment"] == [f"t_ps={mine['t_ps']}"]
    assert row["frame.p2p_dir"] == ["0" if mine["tx"] else "1"]
    seconds, nanoseconds = row["frame.time_epoch"][0].split(".")
    assert int(seconds) * 10**9 + int(nanoseconds) == mine["t_ps"] // 1000
    for field, (inner, outer, read) in SAME.items():
        value = mine.get(inner)
        if field.startswith("macc.cbfc.pause_time") and value is not None:
            value = value[3]
        if field == "infiniband.immdt":
            row[field] = row[field][:1]  # tshark 4.0 lists that of a WRITE only twice
        wanted = [v for v in (mine.get(outer), value) if v is not None]
        assert [read(text) for text in row[field]] == wanted, (field, mine)


@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_every_design(design: dict[str, Any], tmp_path: Path) -> None:
    tshark.needs("tshark")
    spec = experiment({"spines": 2, "peer_links": 1}, design=design, timers={"arp_refresh": "50us"})
    flows = [
        Flow(0, 2, 100_001),
        Flow(2, 1, 100_000, verb="read", lane=1),
        Flow(1, 0, 10, priority=0),
    ]
    ports = ("h0", "leaf0:spine0", "leaf0:spine1", "h2")
    run = capture(spec, flows, tmp_path / "c", *ports, payload="pattern")
    check(run, tmp_path)


@pytest.mark.parametrize("design", ["l3", "evpn/l2vni"])
def test_marks_notifications_pauses_and_naks(design: str, tmp_path: Path) -> None:
    tshark.needs("tshark")
    faults = [{"kind": "link-degraded", "link": "leaf1-spine0[0]", "loss": 0.03, "at": "0us"}]
    spec = experiment(
        {"leaves": 4, "hosts_per_leaf": 1}, design=design, switch=SMALL, cc="dcqcn",
        faults=faults, nic={"retransmit_timeout": "200us"},
    )  # fmt: skip
    run = capture(spec, INCAST, tmp_path / "c", "h0", "h1", "spine0:leaf1", "leaf0:spine0")
    seen = [p for path in run.folder.glob("*.pcapng") for p in read_file(path).packets]
    assert any(p.get("opcode") == 0x81 for p in seen)
    assert any(p["what"] == "pfc" for p in seen)
    assert any(p.get("syndrome") == 0x60 for p in seen)
    assert any(p.get("ecn") == 3 for p in seen)
    check(run, tmp_path)
