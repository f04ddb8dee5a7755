# SPDX-License-Identifier: Apache-2.0
"""Inspections as JSON documents; times in picoseconds since `time_base_s`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from emu.core import _wire
from emu.wire.checks import Verdict
from emu.wire.inspection import Inspection

__all__ = ["checks", "head", "summary"]

_ECN = ("not_ect", "ect1", "ect0", "ce")


def head(inspection: Inspection) -> dict[str, Any]:
    """What the file is and whether it is whole."""
    c, t = inspection.capture, inspection.totals
    return {
        "file": inspection.name,
        "format": c["format"],
        "file_bytes": c["file_bytes"],
        "ending": c["ending"],
        "error": c["error"] or None,
        "error_offset": c["error_offset"] if c["error"] else None,
        "time_base_s": c["base_s"],
        "first_ps": t["first_ps"],
        "last_ps": t["last_ps"],
        "packets": c["packets"],
        "bytes": t["bytes"],
        "captured_bytes": t["captured_bytes"],
        "cut_packets": t["cut_packets"],
        "untimed_packets": c["untimed_packets"],
        "backward_packets": t["backward_packets"],
        "interfaces": c["interfaces"],
    }


def _counts(rows: Sequence[tuple[Any, int, int]], name: str) -> list[dict[str, Any]]:
    return [{name: key, "packets": packets, "bytes": size} for key, packets, size in rows]


def summary(inspection: Inspection, flows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything that `emu pcap summary` tells of one file."""
    t = inspection.totals
    rtt = inspection.inspector.rtt()
    return {
        **head(inspection),
        "protocols": _counts(t["protocols"], "protocol"),
        "tunnelled_protocols": _counts(t["tunnelled_protocols"], "protocol"),
        "vlans": _counts(t["vlans"], "vlan"),
        "vnis": _counts(t["vnis"], "vni"),
        "pcps": _counts([row for row in t["pcps"] if row[0] < 8], "pcp"),
        "dscps": _counts(t["dscps"], "dscp"),
        "roce_ecn": dict(zip(_ECN, t["roce_ecn"], strict=True)),
        "icrc_verified": t["icrc_verified"],
        "icrc_wrong": inspection.findings["icrc_wrong"][0],
        "rtt": rtt if rtt["count"] else None,
        "rtt_relative_error": _wire.RTT_RELATIVE_ERROR,
        "flows": list(flows),
    }


def checks(inspection: Inspection, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The verdicts on one file."""
    failed = any(v.status == "fail" for v in verdicts)
    return {
        "file": inspection.name,
        "ending": inspection.capture["ending"],
        "verdict": "fail" if failed else "pass",
        "checks": [asdict(v) for v in verdicts],
    }
