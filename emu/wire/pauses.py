# SPDX-License-Identifier: Apache-2.0
"""Pauses: by port and priority, single ones, and those a PFC watchdog would have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emu.wire.columns import Columns, plain
from emu.wire.inspection import Inspection

__all__ = ["WHOLE_LINK", "Episodes", "Watchdog", "pause_rows"]

WHOLE_LINK = 8
"""Number that stands for all priorities: a PAUSE of IEEE 802.3 stops the link."""


@dataclass(frozen=True)
class Watchdog:
    """A PFC watchdog that looks every `poll_ps` and fires after `detect_ps` of pause.

    Where its polls fall is not known, so a pause of at least detection + one poll is caught for
    certain and one between the two perhaps. Source of the mechanism and the default of 200 ms:
    SONiC, sonic-utilities pfcwd/main.py and sonic-swss pfc_detect_broadcom.lua.
    """

    detect_ps: int = 200_000_000_000
    poll_ps: int = 200_000_000_000
    restore_ps: int = 200_000_000_000

    def verdict(self, length_ps: int) -> str:
        """ "storm", "perhaps" or "" for a pause of this length."""
        if length_ps >= self.detect_ps + self.poll_ps:
            return "storm"
        return "perhaps" if length_ps >= self.detect_ps else ""


class Episodes:
    """Single pauses, kept or handed on, and the storms among them."""

    def __init__(self, file: str, watchdog: Watchdog) -> None:
        self._file = file
        self._watchdog = watchdog
        self.storms: list[dict[str, Any]] = []

    def table(self, batch: dict[str, Any], ports: list[dict[str, Any]]) -> Columns:
        """A native batch as columns, with the verdict of the watchdog."""
        columns = {name: plain(values) for name, values in batch.items()}
        n = len(columns["port"])
        lengths = [e - s for s, e in zip(columns["start_ps"], columns["end_ps"], strict=True)]
        out: Columns = {"file": [self._file] * n}
        out["interface"] = [ports[p]["interface_name"] for p in columns["port"]]
        out["src_mac"] = [ports[p]["src_mac"] for p in columns["port"]]
        out["priority"] = [_priority(p) for p in columns["priority"]]
        for name in ("start_ps", "end_ps"):
            out[name] = columns[name]
        out["length_ps"] = lengths
        for name in ("xoff_frames", "quanta_max", "end", "first_packet", "last_packet"):
            out[name] = columns[name]
        out["watchdog"] = [self._watchdog.verdict(length) for length in lengths]
        for row in _rows(out):
            if row["watchdog"]:
                self.storms.append(row)
        return out


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _priority(number: int) -> str:
    return "link" if number == WHOLE_LINK else str(number)


def ports_of(pauses: dict[str, Any], interfaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pausing ports by their number: interface name and MAC."""
    out: list[dict[str, Any]] = []
    for port, interface, mac in zip(
        plain(pauses["port"]), plain(pauses["interface"]), pauses["src_mac"], strict=True
    ):
        while len(out) <= port:
            out.append({"interface_name": "", "src_mac": ""})
        name = interfaces[interface]["name"] or str(interface)
        out[port] = {"interface_name": name, "src_mac": mac}
    return out


def pause_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """One row per pausing port and priority.

    Keys: interface, src_mac (of the port that asks for silence), priority, speed_bps (None: not
    known), xoff_frames, xon_frames, pauses, total_ps, share of the capture's time, longest_ps,
    longest_packet (its first XOFF).
    """
    native = {name: plain(values) for name, values in inspection.pauses.items()}
    interfaces = inspection.capture["interfaces"]
    span_ps = inspection.span_ps
    out = []
    for row in _rows(native):
        out.append(
            {
                "interface": interfaces[row["interface"]]["name"] or str(row["interface"]),
                "src_mac": row["src_mac"],
                "priority": _priority(row["priority"]),
                "speed_bps": row["speed_bps"] or None,
                "xoff_frames": row["xoff_frames"],
                "xon_frames": row["xon_frames"],
                "pauses": row["episodes"],
                "total_ps": row["total_ps"],
                "paused_share": row["total_ps"] / span_ps if span_ps > 0 else None,
                "longest_ps": row["longest_ps"],
                "longest_packet": row["longest_packet"],
            }
        )
    return out
