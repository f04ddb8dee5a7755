# SPDX-License-Identifier: Apache-2.0
"""Checks of ECN and congestion notification."""

from __future__ import annotations

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

__all__ = ["cnp_without_mark", "ecn_not_capable", "mark_without_cnp", "tunnel_ecn"]

ECN_NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
NOT_ECT, ECT1, ECT0, CE = range(4)


def ecn_not_capable(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Marks on packets whose flow is not ECN-capable."""
    name = "ecn-not-capable"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    count, packets, unclear = 0, [], 0
    for r in flow_rows(inspection):
        for kind in ("data", "other"):
            marked = r[f"{kind}_ce_packets"]
            capable = r[f"{kind}_ect0_packets"] + r[f"{kind}_ect1_packets"]
            if marked == 0 or capable > 0:
                continue
            if r[f"{kind}_not_ect_packets"] > 0:
                count += marked
                packets.append(r[f"{kind}_ce_packet"])
            else:
                unclear += marked
    if count:
        detail = f"{count:,} marked packets in flows whose other packets are Not-ECT"
        return failed(name, detail, count, packets)
    marked = inspection.totals["roce_ecn"][CE]
    if marked and unclear == marked:
        return unjudged(name, "every marked flow has marked packets only")
    return passed(name, f"{marked:,} marked packets, all in ECN-capable flows")


def cnp_without_mark(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """More CNPs than marked packets that could have caused them."""
    name = "cnp-without-mark"
    rows = flow_rows(inspection)
    cnps = sum(r["cnps"] for r in rows)
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    if cnps == 0:
        return passed(name, "there is no CNP")
    if sum(r["data_ce_packets"] for r in rows) == 0:
        return unjudged(
            name, "no data packet is marked here: the capture may be from before the marking switch"
        )
    paired = [r for r in rows if r["cnps"] and r["peer"] >= 0]
    if not paired:
        return unjudged(name, "no CNP could be matched with the flow that it is about")
    count, packets = inspection.findings["excess_cnp"]
    if count:
        return failed(name, f"{count:,} CNPs came before a mark for each", count, packets)
    return passed(name, f"{sum(r['cnps'] for r in paired):,} CNPs, each after a mark of its flow")


def mark_without_cnp(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Marked flows that no CNP ever answered."""
    name = "mark-without-cnp"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    rows = flow_rows(inspection)
    marked = [r for r in rows if r["data_ce_packets"]]
    if not marked:
        return passed(name, "no data packet is marked")
    last_ps = inspection.totals["last_ps"]
    told = [r for r in marked if r["peer"] >= 0 and r["data_ce_ps"] <= last_ps - settings.cnp_ps]
    if not told:
        return unjudged(
            name, "of the marked flows only one direction is in the capture, or too little of it"
        )
    silent = [r for r in told if rows[r["peer"]]["cnps"] == 0]
    if silent:
        count = len(silent)
        detail = f"{count:,} marked flows of {len(told):,} never got a CNP"
        return failed(name, detail, count, [r["data_ce_packet"] for r in silent])
    return passed(name, f"each of {len(told):,} marked flows got CNPs")


def _tunnel_fault(inner: int, outer: int) -> str:
    """What RFC 6040 does not allow between two headers on the wire; "" when it does."""
    if inner == outer or (inner in (ECT0, ECT1) and outer == CE):
        return ""
    if inner == NOT_ECT:
        return "ECN-capable outside, not inside: a mark becomes a drop at the end of the tunnel"
    if outer == NOT_ECT:
        return "not ECN-capable outside: congestion in the tunnel drops instead of marking"
    if inner == CE:
        return "CE was not copied to the outer header"
    return "another codepoint outside than inside"


def tunnel_ecn(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """ECN of outer and inner header that disagree."""
    name = "tunnel-ecn"
    pairs = inspection.findings["tunnel_ecn"]
    if not pairs:
        return unjudged(name, "there is no VXLAN packet with an IP packet inside")
    count, packets, details = 0, [], []
    for inner, outer, (n, first) in pairs:
        fault = _tunnel_fault(inner, outer)
        if fault:
            count += n
            packets += first
            details.append(f"{n:,} with {ECN_NAMES[inner]} in {ECN_NAMES[outer]} ({fault})")
    if count:
        return failed(name, "; ".join(details), count, packets)
    return passed(name, f"{sum(n for _, _, (n, _) in pairs):,} encapsulated packets agree")
