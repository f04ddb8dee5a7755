# SPDX-License-Identifier: Apache-2.0
"""Checks of losslessness."""

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
from emu.wire.columns import plain
from emu.wire.inspection import Inspection

__all__ = ["naks", "psn_loss", "retransmission"]


def psn_loss(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Lost PSNs that were never repaired."""
    name = "psn-loss"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    native = {k: plain(v) for k, v in inspection.inspector.missing().items()}
    rows = [dict(zip(native, values, strict=True)) for values in zip(*native.values(), strict=True)]
    last_ps = inspection.totals["last_ps"]
    unseen = sum(r["psns"] for r in rows if r["acked"])
    lost = [r for r in rows if not r["acked"] and r["since_ps"] <= last_ps - settings.repair_ps]
    young = sum(r["psns"] for r in rows if not r["acked"]) - sum(r["psns"] for r in lost)
    dropped = sum(i["dropped_packets"] for i in inspection.capture["interfaces"])
    notes = []
    if unseen:
        notes.append(f"{unseen:,} PSNs are not in the capture but acknowledged")
    if young:
        notes.append(f"{young:,} went missing too close to the end to be repaired in it")
    if not lost:
        return passed(
            name, "; ".join(["every PSN that was missing came or was acknowledged", *notes])
        )
    count = sum(r["psns"] for r in lost)
    if dropped:
        return unjudged(
            name,
            f"{count:,} PSNs are missing, but the capturing side says it missed "
            f"{dropped:,} packets itself",
        )
    detail = f"{count:,} PSNs went missing and never came"
    return failed(name, "; ".join([detail, *notes]), count, [r["packet"] for r in lost])


def retransmission(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Packets that were sent again: something was lost or late."""
    name = "retransmission"
    if roce_packets(inspection) == 0:
        return unjudged(name, NO_ROCE)
    count, packets = inspection.findings["retransmitted"]
    if count == 0:
        return passed(name, "no PSN came twice")
    return failed(name, f"{count:,} packets were sent again", count, packets)


def naks(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Negative acknowledgements, by code."""
    name = "nak"
    rows = flow_rows(inspection)
    responses = sum(r["acks"] for r in rows)
    codes = {
        "PSN sequence error": "nak_sequence",
        "invalid request": "nak_invalid_request",
        "remote access error": "nak_remote_access",
        "remote operational error": "nak_remote_operation",
        "invalid RD request": "nak_invalid_rd",
        "undefined code": "nak_other",
    }
    counts = {text: sum(r[column] for r in rows) for text, column in codes.items()}
    total = sum(counts.values())
    if total == 0:
        if responses == 0:
            return unjudged(name, "there is no acknowledgement in the capture")
        return passed(name, f"{responses:,} acknowledgements, none negative")
    detail = ", ".join(f"{n:,} {text}" for text, n in counts.items() if n)
    return failed(name, detail, total, [r["nak_packet"] for r in rows if r["nak_packet"]])
