# SPDX-License-Identifier: Apache-2.0
"""Checks of single packets: checksums, lengths, sizes, entropy."""

from __future__ import annotations

from collections import defaultdict

from emu.wire.checks.base import (
    NO_ROCE,
    CheckSettings,
    Verdict,
    failed,
    flow_rows,
    passed,
    roce_packets,
    unjudged,
)
from emu.wire.inspection import Inspection

__all__ = ["checksums", "icrc", "lengths", "mtu", "opcodes", "udp_entropy"]


def icrc(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """The invariant CRC of packets that are there as a whole."""
    name = "icrc"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    verified = inspection.totals["icrc_verified"]
    if verified == 0:
        return unjudged(name, "no RoCEv2 packet is captured whole")
    count, packets = inspection.findings["icrc_wrong"]
    if count:
        return failed(name, f"{count:,} of {verified:,} ICRCs are wrong", count, packets)
    return passed(name, f"{verified:,} ICRCs are right")


def checksums(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """IPv4 header checksums, and UDP checksums of RoCEv2 packets that carry one."""
    name = "checksum"
    if inspection.totals["ip_packets"] == 0:
        return unjudged(name, "there is no IP packet in the capture")
    ip, ip_packets = inspection.findings["ip_checksum_wrong"]
    udp, udp_packets = inspection.findings["udp_checksum_wrong"]
    if ip or udp:
        detail = f"{ip:,} IPv4 header checksums and {udp:,} UDP checksums are wrong"
        return failed(name, detail, ip + udp, ip_packets + udp_packets)
    return passed(name, f"{inspection.totals['ip_packets']:,} IP packets are right")


def lengths(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Lengths that contradict each other: in IP, UDP and BTH, or RETH and payload."""
    name = "length"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    headers, first = inspection.findings["length_wrong"]
    messages, last = inspection.findings["message_length"]
    if headers or messages:
        detail = (
            f"{headers:,} packets whose IP, UDP and BTH lengths do not fit, "
            f"{messages:,} messages that are not as long as their RETH says"
        )
        return failed(name, detail, headers + messages, first + last)
    return passed(name, "headers agree with each other and messages with their RETH")


def opcodes(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """BTH opcodes that no standard defines."""
    name = "opcode"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    count, packets = inspection.findings["reserved_opcode"]
    if count:
        return failed(name, f"{count:,} packets have an undefined opcode", count, packets)
    return passed(name, "every opcode is defined")


def mtu(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Payloads above the path MTU, and IP packets above the network's."""
    name = "mtu"
    limit = inspection.settings.mtu_bytes
    data = sum(int(n) for n in inspection.flows["data_packets"])
    if data == 0 and not limit:
        return unjudged(name, "there is no RDMA payload in the capture")
    payload, first = inspection.findings["mtu_exceeded"]
    long, last = inspection.findings["ip_too_long"]
    if payload or long:
        parts = []
        if payload:
            parts.append(f"{payload:,} payloads are larger than, or not of, the path MTU")
        if long:
            parts.append(f"{long:,} IP packets are longer than {limit:,} bytes")
        return failed(name, "; ".join(parts), payload + long, first + last)
    return passed(name, f"{data:,} packets with payload keep to their path MTU")


def udp_entropy(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Queue pairs between the same hosts that all use one UDP source port."""
    name = "udp-entropy"
    groups = defaultdict(list)
    for r in flow_rows(inspection):
        if r["data_packets"]:
            groups[r["src"], r["dst"], r["vni"]].append(r)
    several = [rows for rows in groups.values() if len(rows) > 1]
    if not several:
        return unjudged(name, "no two hosts have more than one queue pair with data")
    flat = [
        rows
        for rows in several
        if len({r["src_port"] for r in rows}) == 1 and not any(r["port_varies"] for r in rows)
    ]
    if flat:
        rows = flat[0]
        detail = (
            f"{len(flat):,} pairs of hosts use one source port for all their queue pairs, such as "
            f"{rows[0]['src']} to {rows[0]['dst']}: {len(rows):,} queue pairs, "
            f"port {rows[0]['src_port']}"
        )
        packets = [r["first_packet"] for rows in flat for r in rows[1:]]
        return failed(name, detail, len(flat), packets)
    return passed(name, f"{len(several):,} pairs of hosts spread their queue pairs over ports")
