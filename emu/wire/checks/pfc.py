# SPDX-License-Identifier: Apache-2.0
"""Checks of PFC and of the priorities that it acts on."""

from __future__ import annotations

from collections import defaultdict

from emu.wire.checks.base import CheckSettings, Verdict, failed, passed, unjudged
from emu.wire.inspection import Inspection
from emu.wire.pauses import WHOLE_LINK, pause_rows

__all__ = ["dscp_pcp", "pause_length", "pfc_format", "pfc_priority"]

ETHERNET = 1
NO_MAC = "its link type has no MAC headers, so pause frames could not be in it"


def _sees_mac(inspection: Inspection) -> bool:
    return any(i["link_type"] == ETHERNET for i in inspection.capture["interfaces"])


def pfc_priority(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """XOFF for a priority that is not lossless, and PAUSE of whole links."""
    name = "pfc-priority"
    if not _sees_mac(inspection):
        return unjudged(name, NO_MAC)
    count, packets, priorities = 0, [], []
    for priority, (n, first) in enumerate(inspection.findings["xoffs"]):
        if n and priority not in settings.lossless:
            count += n
            packets += first
            priorities.append("the whole link" if priority == WHOLE_LINK else str(priority))
    lossless = ", ".join(str(p) for p in settings.lossless)
    if count:
        detail = f"XOFF for {', '.join(priorities)}; lossless are {lossless}"
        return failed(name, detail, count, packets)
    total = sum(n for n, _ in inspection.findings["xoffs"])
    return passed(name, f"{total:,} XOFFs, all for lossless priorities ({lossless})")


def pfc_format(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """PFC frames that name no priority, or bits that are reserved."""
    name = "pfc-format"
    if not _sees_mac(inspection):
        return unjudged(name, NO_MAC)
    empty, first = inspection.findings["pfc_empty_vector"]
    reserved, last = inspection.findings["pfc_reserved_bits"]
    if empty or reserved:
        detail = f"{empty:,} PFC frames name no priority, {reserved:,} set reserved bits"
        return failed(name, detail, empty + reserved, first + last)
    return passed(name, "every PFC frame names priorities and nothing else")


def pause_length(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Pauses longer than the limit."""
    name = "pause-length"
    if not _sees_mac(inspection):
        return unjudged(name, NO_MAC)
    limit_ms = inspection.settings.pause_limit_ps / 1e9
    count, packets = inspection.findings["pause_too_long"]
    if count:
        return failed(name, f"{count:,} pauses lasted longer than {limit_ms:g} ms", count, packets)
    rows = pause_rows(inspection)
    if any(r["speed_bps"] is None and r["xoff_frames"] for r in rows):
        return unjudged(name, "the link's speed is not known: --speed tells it")
    return passed(name, f"no pause lasted longer than {limit_ms:g} ms")


def dscp_pcp(inspection: Inspection, settings: CheckSettings) -> Verdict:
    """Tagged packets whose priority is not the one of their DSCP."""
    name = "dscp-pcp"
    seen = inspection.findings["dscp_pcp"]
    if not seen:
        return unjudged(name, "no IP packet has a VLAN tag")
    by_dscp = defaultdict(list)
    for dscp, pcp, found in seen:
        by_dscp[dscp].append((pcp, found))
    count, packets, details = 0, [], []
    for dscp, priorities in by_dscp.items():
        wanted = settings.dscp_priorities.get(dscp)
        if wanted is None:
            # Nobody said what it should be: then what most of its packets have.
            wanted = max(priorities, key=lambda p: (p[1][0], -p[0]))[0]
        for pcp, (n, first) in priorities:
            if pcp != wanted:
                count += n
                packets += first
                details.append(f"{n:,} with DSCP {dscp} in PCP {pcp} instead of {wanted}")
    if count:
        return failed(name, "; ".join(details), count, packets)
    return passed(name, f"{sum(found[0] for _, _, found in seen):,} tagged packets agree")
