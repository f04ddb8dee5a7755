# SPDX-License-Identifier: Apache-2.0
"""What a check says, and what can be set about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emu.wire.columns import plain
from emu.wire.inspection import Inspection

__all__ = ["PACKETS_SHOWN", "CheckSettings", "Verdict", "failed", "flow_rows", "passed", "unjudged"]

PACKETS_SHOWN = 10
Status = Literal["pass", "fail", "not judged"]

DSCP_PRIORITIES: Mapping[int, int] = {24: 3, 26: 3, 48: 6}
"""Priority of a DSCP by default: RoCE 24 and 26 in 3, CNP 48 in 6 (Hedgehog fabric, devices.md)."""
LOSSLESS = (3, 4)
"""Priorities that may be paused by default (SONiC, qos_config.j2: pfc_enable "3,4")."""


@dataclass(frozen=True)
class CheckSettings:
    """What the network is meant to do.

    Parameters
    ----------
    lossless : sequence of int
        Priorities on which PFC is allowed.
    dscp_priorities : mapping
        DSCP to the priority that its packets should have in their VLAN tag.
    repair_ps : int
        A gap this close to the end of the capture may still have been repaired after it.
    cnp_ps : int
        A mark this close to the end of the capture may still have been answered after it.
    """

    lossless: Sequence[int] = LOSSLESS
    dscp_priorities: Mapping[int, int] = field(default_factory=lambda: dict(DSCP_PRIORITIES))
    repair_ps: int = 10_000_000_000
    cnp_ps: int = 100_000_000


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Parameters
    ----------
    check : str
        Its name, the heading in docs/pcap-checks.md.
    status : str
        "pass", "fail" or "not judged".
    detail : str
        Why, in a sentence without an end.
    count : int
        How often, when it failed.
    packets : list of int
        The first packets that show it, numbered from 1 as in Wireshark.
    """

    check: str
    status: Status
    detail: str
    count: int = 0
    packets: list[int] = field(default_factory=list)


def passed(check: str, detail: str) -> Verdict:
    """The check was made and found nothing."""
    return Verdict(check, "pass", detail)


def unjudged(check: str, why: str) -> Verdict:
    """This capture cannot tell."""
    return Verdict(check, "not judged", why)


def failed(check: str, detail: str, count: int, packets: Sequence[int]) -> Verdict:
    """The check found something."""
    return Verdict(check, "fail", detail, count, sorted(packets)[:PACKETS_SHOWN])


def flow_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """The native flow table row by row, with its number."""
    columns = {name: plain(values) for name, values in inspection.flows.items()}
    names = list(columns)
    return [
        {"flow": i, **dict(zip(names, values, strict=True))}
        for i, values in enumerate(zip(*columns.values(), strict=True))
    ]


def roce_packets(inspection: Inspection) -> int:
    """RoCEv2 packets and CNPs in the capture."""
    return int(sum(inspection.totals["roce_ecn"]))


NO_ROCE = "there is no RoCEv2 packet in the capture"
