# SPDX-License-Identifier: Apache-2.0
"""tshark and emu agree on every field that both know, packet by packet.

tshark 4.0 has no field for FECN and BECN (`infiniband.reserved` holds their byte), takes a CNP for
an unknown opcode, and shows the ICRC without verifying it: for those scapy is the oracle.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emu.core import _wire
from tests.oracle import corpus, tshark

Fields = dict[str, Any]
Layers = list[tuple[str, Fields]]


def _number(text: str) -> int:
    return int(text, 0)


def _text(text: str) -> str:
    return text


# tshark's field: our layers, our field, how tshark writes it. An atomic operation's address
# and key have the names of a RETH's there.
SAME: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "eth.dst": ("Ethernet", "dst", _text),
    "eth.src": ("Ethernet", "src", _text),
    "arp.opcode": ("ARP", "operation", _number),
    "arp.src.hw_mac": ("ARP", "sender_mac", _text),
    "arp.src.proto_ipv4": ("ARP", "sender_ip", _text),
    "arp.dst.hw_mac": ("ARP", "target_mac", _text),
    "arp.dst.proto_ipv4": ("ARP", "target_ip", _text),
    "ip.src": ("IPv4", "src", _text),
    "ip.dst": ("IPv4", "dst", _text),
    "ip.hdr_len": ("IPv4", "header_bytes", _number),
    "ip.len": ("IPv4", "total_bytes", _number),
    "ip.id": ("IPv4", "id", _number),
    "ip.ttl": ("IPv4", "ttl", _number),
    "ip.proto": ("IPv4", "protocol", _number),
    "ip.dsfield.dscp": ("IPv4", "dscp", _number),
    "ip.dsfield.ecn": ("IPv4", "ecn", _number),
    "ip.checksum": ("IPv4", "checksum", _number),
    "ipv6.src": ("IPv6", "src", _text),
    "ipv6.dst": ("IPv6", "dst", _text),
    "ipv6.plen": ("IPv6", "payload_bytes", _number),
    "ipv6.nxt": ("IPv6", "next_header", _number),
    "ipv6.hlim": ("IPv6", "hop_limit", _number),
    "ipv6.flow": ("IPv6", "flow_label", _number),
    "ipv6.tclass.dscp": ("IPv6", "dscp", _number),
    "ipv6.tclass.ecn": ("IPv6", "ecn", _number),
    "udp.srcport": ("UDP", "src", _number),
    "udp.dstport": ("UDP", "dst", _number),
    "udp.length": ("UDP", "bytes", _number),
    "udp.checksum": ("UDP", "checksum", _number),
    "vxlan.vni": ("VXLAN", "vni", _number),
    "infiniband.bth.opcode": ("BTH", "opcode", _number),
    "infiniband.bth.se": ("BTH", "solicited", _number),
    "infiniband.bth.m": ("BTH", "migration", _number),
    "infiniband.bth.padcnt": ("BTH", "pad", _number),
    "infiniband.bth.tver": ("BTH", "version", _number),
    "infiniband.bth.p_key": ("BTH", "pkey", _number),
    "infiniband.bth.destqp": ("BTH", "dest_qp", _number),
    "infiniband.bth.a": ("BTH", "ack_request", _number),
    "infiniband.bth.psn": ("BTH", "psn", _number),
    "infiniband.reth.va": ("RETH AtomicETH", "va", _number),
    "infiniband.reth.r_key": ("RETH AtomicETH", "rkey", _number),
    "infiniband.reth.dmalen": ("RETH", "length_bytes", _number),
    "infiniband.aeth.syndrome": ("AETH", "syndrome", _number),
    "infiniband.aeth.msn": ("AETH", "msn", _number),
    "infiniband.atomiceth.swapdt": ("AtomicETH", "swap", _number),
    "infiniband.atomiceth.cmpdt": ("AtomicETH", "compare", _number),
    "infiniband.atomicacketh.origremdt": ("AtomicAckETH", "before", _number),
    "macc.cbfc.enbv": ("PFC", "enabled", _number),
}
OTHER = [
    "frame.len",
    "frame.cap_len",
    "frame.time_epoch",
    "frame.interface_id",
    "frame.interface_name",
    "_ws.malformed",
    "vlan.id",
    "vlan.priority",
    "ieee8021ad.id",
    "ieee8021ad.priority",
    "sll.pkttype",
    "sll.etype",
    "ip.checksum.status",
    "udp.checksum.status",
    "infiniband.reserved",
    "infiniband.immdt",
    "infiniband.invariant.crc",
    "macc.opcode",
    "macc.pause_time",
    *(f"macc.cbfc.pause_time.c{n}" for n in range(8)),
    "lldp.chassis.id.mac",
    "lldp.time_to_live",
]


def _packets(path: Path) -> tuple[list[Fields], list[Layers]]:
    whole = path.read_bytes()
    if path.suffix == ".gz":
        whole = gzip.decompress(whole)
    packets = _wire.packets(np.frombuffer(whole, dtype=np.uint8))
    layers = [
        _wire.layers(np.frombuffer(p["frame"], dtype=np.uint8), p["link_type"])[0]
        if p["frame"]
        else []
        for p in packets
    ]
    return packets, layers


def _of(layers: Layers, name: str) -> list[Fields]:
    return [fields for layer, fields in layers if layer in name.split()]


@pytest.mark.parametrize("name", sorted(corpus.FILES))
def test_every_field_that_both_know_is_equal(name: str, captures: dict[str, Path]) -> None:
    theirs = tshark.fields(captures[name], [*SAME, *OTHER])
    packets, every = _packets(captures[name])
    assert len(theirs) == len(packets)
    compared = 0
    for number, (wanted, packet, layers) in enumerate(
        zip(theirs, packets, every, strict=True), start=1
    ):
        whole = packet["captured_bytes"] == packet["original_bytes"]
        fragment = any(f["fragment"] & 0x3FFF for f in _of(layers, "IPv4"))
        for field, (layer, ours, read) in SAME.items():
            if fragment and field.startswith(("udp.", "infiniband.")):
                continue  # tshark takes the first fragment for the whole datagram
            got = [f[ours] for f in _of(layers, layer)]
            want = [read(text) for text in wanted[field]]
            if field == "ipv6.flow" and not whole:
                want = want[: len(got)]
            if whole:
                assert got == want, f"{name} packet {number}: {field}"
            else:
                # A header that was cut off we do not take apart, tshark does as far as it goes.
                assert got == want[: len(got)], f"{name} packet {number}: {field}"
                assert len(want) - len(got) <= 1, f"{name} packet {number}: {field}"
            compared += len(got)
        _same_frame(wanted, packet, f"{name} packet {number}")
        _same_rest(wanted, layers, whole and not fragment, f"{name} packet {number}")
    assert compared > 10 * len(packets) * (name != "truncated.pcapng")


def _same_frame(wanted: dict[str, list[str]], packet: Fields, where: str) -> None:
    assert packet["captured_bytes"] == _number(wanted["frame.cap_len"][0]), where
    assert packet["original_bytes"] == _number(wanted["frame.len"][0]), where
    seconds, fraction = wanted["frame.time_epoch"][0].split(".")
    time_ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
    assert (corpus.START_NS + packet["time_ps"] // 1000) == time_ns, where


def _same_rest(wanted: dict[str, list[str]], layers: Layers, whole: bool, where: str) -> None:
    tags = _of(layers, "Vlan")
    ids = wanted["ieee8021ad.id"] + wanted["vlan.id"]
    if whole:
        assert [t["vid"] for t in tags] == [_number(i) for i in ids], where
        priorities = wanted["ieee8021ad.priority"] + wanted["vlan.priority"]
        assert [t["pcp"] for t in tags] == [_number(p) for p in priorities], where
    for cooked in _of(layers, "Cooked"):
        assert cooked["packet_type"] == _number(wanted["sll.pkttype"][0]), where
        assert cooked["type"] == _number(wanted["sll.etype"][0]), where
    good = {"0": False, "1": True}
    status = [good[s] for s in wanted["ip.checksum.status"] if s in good]
    assert [f["checksum_ok"] for f in _of(layers, "IPv4")][: len(status)] == status, where
    if whole:
        status = [good[s] for s in wanted["udp.checksum.status"] if s in good]
        ours = [f["checksum_ok"] for f in _of(layers, "UDP") if "checksum_ok" in f]
        assert ours == status, where
    for bth in _of(layers, "BTH"):
        if wanted["infiniband.reserved"]:
            flags = bytes.fromhex(wanted["infiniband.reserved"][0])[0]
            assert bth["fecn"] == bool(flags & 0x80), where
            assert bth["becn"] == bool(flags & 0x40), where
        if whole and wanted["infiniband.invariant.crc"]:
            assert bth["icrc"] == _number(wanted["infiniband.invariant.crc"][0]), where
    for immediate in _of(layers, "ImmDt"):
        if wanted["infiniband.immdt"]:
            assert immediate["data"] == int(wanted["infiniband.immdt"][0], 16), where
    for pfc in _of(layers, "PFC"):
        assert wanted["macc.opcode"] == ["0x0101"], where
        times = [_number(wanted[f"macc.cbfc.pause_time.c{n}"][0]) for n in range(8)]
        assert pfc["quanta"] == times, where
    for pause in _of(layers, "PAUSE"):
        assert pause["quanta"] == _number(wanted["macc.pause_time"][0]), where
    for lldp in _of(layers, "LLDP"):
        assert lldp["chassis"].hex(":") == wanted["lldp.chassis.id.mac"][0], where
        assert lldp["ttl_s"] == _number(wanted["lldp.time_to_live"][0]), where


def test_interfaces_are_those_that_tshark_names(captures: dict[str, Path]) -> None:
    theirs = tshark.fields(captures["ports.pcapng"], ["frame.interface_id"])
    packets, _ = _packets(captures["ports.pcapng"])
    assert [p["interface"] for p in packets] == [
        _number(t["frame.interface_id"][0]) for t in theirs
    ]
    assert {p["interface"] for p in packets} == {0, 1, 2, 3}


@pytest.mark.parametrize("name", sorted(set(corpus.FILES) - {"truncated.pcapng"}))
def test_headers_written_by_the_codecs_are_the_bytes_that_were_read(
    name: str, captures: dict[str, Path]
) -> None:
    packets, _ = _packets(captures[name])
    for packet in packets:
        frame = np.frombuffer(packet["frame"], dtype=np.uint8)
        _, again = _wire.layers(frame, packet["link_type"])
        assert again == packet["frame"], f"{name} packet {packet['number']}"


@pytest.mark.parametrize("name", sorted(corpus.FILES))
def test_what_one_pass_dissects_is_what_the_layers_say(
    name: str, captures: dict[str, Path]
) -> None:
    """The fast path of the inspection and the codecs one by one give the same fields."""
    packets, every = _packets(captures[name])
    for packet, layers in zip(packets, every, strict=True):
        where = f"{name} packet {packet['number']}"
        ips = [f for layer, f in layers if layer in ("IPv4", "IPv6")]
        if "ip" in packet:
            assert packet["ip"]["src"] == ips[-1]["src"], where
            assert packet["ip"]["ecn"] == ips[-1]["ecn"], where
            assert packet["ip"]["dscp"] == ips[-1]["dscp"], where
        if "outer" in packet:
            assert packet["outer"]["src"] == ips[0]["src"], where
            assert packet["outer"]["ecn"] == ips[0]["ecn"], where
            assert packet["vni"] == _of(layers, "VXLAN")[0]["vni"], where
        bths = _of(layers, "BTH")
        assert ("opcode" in packet) == bool(bths), where
        for bth in bths:
            assert (packet["opcode"], packet["dest_qp"], packet["psn"]) == (
                bth["opcode"],
                bth["dest_qp"],
                bth["psn"],
            ), where
            assert packet.get("icrc_ok") == bth.get("icrc_ok"), where
        for reth in _of(layers, "RETH"):
            assert packet["dma_bytes"] == reth["length_bytes"], where
        for aeth in _of(layers, "AETH"):
            assert packet["syndrome"] == aeth["syndrome"], where
        for pfc in _of(layers, "PFC"):
            assert packet["pfc_quanta"] == pfc["quanta"], where
