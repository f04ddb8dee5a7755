# SPDX-License-Identifier: Apache-2.0
"""Packets followed from one capture point to the next.

Times of all points are on one clock: picoseconds since `time_base_s`. Delays are as good as the
clocks of the capturing machines agree; `notes` says where they cannot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from emu.core import _wire
from emu.errors import CaptureError, InputError
from emu.wire.source import Source, SourceDamaged

__all__ = ["HORIZON_PS", "PathView", "follow"]

HORIZON_PS = 1_000_000_000_000
"""So long a packet is waited for at the other points."""
_ENDINGS = re.compile(r"(\.(pcapng|pcap|cap|ntar))?(\.(gz|zst))?$", re.IGNORECASE)
SPREAD_GAP_PS = 100_000_000
"""A pause that begins within this time after another one of its priority belongs to it: the
buffer behind the first pause fills meanwhile."""


@dataclass
class PathView:
    """What several captures of one network tell together.

    Attributes
    ----------
    points : list of dict
        name, file, packets, roce_packets (those that are followed), cnps (all alike, so that none
        can be followed), first_ps, last_ps.
    hops : list of dict
        from, to (names), packets, min/p50/p99/max_ps of the delay, marked (packets with CE at
        `to` and not yet at `from`), marked_packets (numbers of the first ones at `to`), lost
        (seen at `from`, not at the points that come after it).
    flows : list of dict
        src, dst, dst_qp, src_port, path, packets (at each point), delay from first to last point,
        lost (list of: after, before, packets, numbers at `after`).
    spreads : list of dict
        priority, start_ps, end_ps, began_at, and for each point that paused: point, interface,
        src_mac, after_ps (since the spread began), pauses, total_ps.
    """

    points: list[dict[str, Any]]
    hops: list[dict[str, Any]]
    flows: list[dict[str, Any]]
    spreads: list[dict[str, Any]]
    forced: int
    notes: list[str] = field(default_factory=list)
    errors: list[CaptureError] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "points": self.points,
            "hops": self.hops,
            "flows": self.flows,
            "pause_spreads": self.spreads,
            "notes": self.notes,
        }


def follow(paths: Sequence[str], *, horizon_ps: int = HORIZON_PS, speed_bps: int = 0) -> PathView:
    """Match the RoCEv2 packets of several captures.

    Parameters
    ----------
    paths : sequence of str
        Two to eight captures, in any order.
    horizon_ps : int
        So long a packet is waited for; what comes later counts as another packet.
    speed_bps : int
        Link speed for interfaces that do not tell theirs; pauses need it.

    Raises
    ------
    InputError
        Too few or too many captures, or one that cannot be read or is none.
    """
    most = _wire.PATH_POINTS_MAX
    if not 2 <= len(paths) <= most:
        raise InputError(f"{len(paths)} captures; a path has 2 to {most} capture points")
    matcher = _wire.PathMatcher(len(paths), horizon_ps=horizon_ps, speed_bps=speed_bps)
    with ExitStack() as stack:
        sources = [stack.enter_context(Source(path)) for path in paths]
        pieces = [source.pieces() for source in sources]
        while (at := matcher.wanted) < len(paths):
            try:
                piece = next(pieces[at], None)
            except SourceDamaged as damage:
                matcher.fail(at, str(damage))
                piece = None
            if piece is not None:
                matcher.feed(at, piece[0], piece[1])
            if piece is None or matcher.point(at)["ending"] != "reading":
                matcher.finish(at)
    return _view(matcher, [source.name for source in sources])


def _view(matcher: _wire.PathMatcher, files: list[str]) -> PathView:
    names = _names(files)
    points, errors = [], []
    for i, file in enumerate(files):
        told = matcher.point(i)
        if told["ending"] == "damaged" and not told["format"]:
            raise InputError(told["error"], file=file)
        if told["ending"] != "whole":
            errors.append(
                CaptureError(
                    told["error"],
                    file=file,
                    offset=told["error_offset"],
                    packets=told["packets"],
                )
            )
        points.append(
            {
                "name": names[i],
                "file": file,
                "packets": told["packets"],
                "roce_packets": told["roce_packets"],
                "cnps": told["cnps"],
                "first_ps": told["first_ps"],
                "last_ps": told["last_ps"],
            }
        )
    native = matcher.flows()
    flows = [_flow(row, names) for row in native]
    hops = []
    for hop in matcher.hops():
        pair = {"from": names[hop.pop("from")], "to": names[hop.pop("to")]}
        lost = sum(
            loss["packets"]
            for flow in flows
            for loss in flow["lost"]
            if loss["after"] == pair["from"] and loss["before"] == [pair["to"]]
        )
        hops.append({**pair, "packets": hop.pop("count"), **hop, "lost": lost})
    return PathView(
        points=points,
        hops=hops,
        flows=flows,
        spreads=_spreads([(names[i], e) for i in range(len(files)) for e in matcher.pauses(i)]),
        forced=matcher.forced,
        notes=_notes(native, names, matcher.forced),
        errors=errors,
    )


def _names(files: list[str]) -> list[str]:
    """Short names of the points: what differs between their files."""
    stems = [_ENDINGS.sub("", PurePath(file).name) or file for file in files]
    if len(set(stems)) == len(stems):
        return stems
    return [f"{i + 1}:{stem}" for i, stem in enumerate(stems)]


def _flow(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {
        "src": row["src"],
        "dst": row["dst"],
        "dst_qp": row["dst_qp"],
        "src_port": row["src_port"],
        "path": [[names[p], names[q], count] for p, q, count in row["steps"]],
        "packets": dict(zip(names, row["packets"], strict=True)),
        "matched": row["count"],
        "delay_p50_ps": row["p50_ps"] if row["count"] else None,
        "delay_p99_ps": row["p99_ps"] if row["count"] else None,
        "delay_max_ps": row["max_ps"] if row["count"] else None,
        "lost": [
            {
                "after": names[last],
                "before": [name for i, name in enumerate(names) if following >> i & 1],
                "packets": packets,
                "numbers": numbers,
            }
            for last, following, packets, numbers in row["lost"]
        ],
    }


def _notes(flows: list[dict[str, Any]], names: list[str], forced: int) -> list[str]:
    """Where clocks cannot be right: both directions of two hosts pass the points in one order."""
    orders: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for flow in flows:
        steps = {(p, q) for p, q, _ in flow["steps"]}
        orders.setdefault((flow["src"], flow["dst"]), set()).update(steps)
    wrong = set()
    for (src, dst), steps in orders.items():
        back = orders.get((dst, src), set())
        wrong |= {(p, q) for p, q in steps & back if (q, p) not in steps | back}
        wrong |= {(min(p, q), max(p, q)) for p, q in steps if (q, p) in steps}
    notes = [
        f"the clocks of {names[p]} and {names[q]} disagree by more than the delay between them: "
        "requests and answers seem to pass them in the same order"
        for p, q in sorted(wrong)
    ]
    if forced:
        notes.append(
            f"{forced:,} packets were not waited for to the end: too many at once; "
            "a shorter --horizon waits for fewer"
        )
    return notes


def _spreads(episodes: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Pauses of one priority that overlap or follow each other, from the first one on."""
    out: list[dict[str, Any]] = []
    current: dict[int, dict[str, Any]] = {}
    for point, episode in sorted(episodes, key=lambda e: (e[1]["start_ps"], e[0])):
        priority = episode["priority"]
        spread = current.get(priority)
        if spread is None or episode["start_ps"] > spread["end_ps"] + SPREAD_GAP_PS:
            spread = {
                "priority": priority,
                "start_ps": episode["start_ps"],
                "end_ps": episode["end_ps"],
                "began_at": point,
                "points": {},
            }
            current[priority] = spread
            out.append(spread)
        spread["end_ps"] = max(spread["end_ps"], episode["end_ps"])
        port = (point, episode["interface"], episode["src_mac"])
        seen = spread["points"].setdefault(
            port,
            {
                "point": point,
                "interface": episode["interface"],
                "src_mac": episode["src_mac"],
                "after_ps": episode["start_ps"] - spread["start_ps"],
                "first_packet": episode["first_packet"],
                "pauses": 0,
                "total_ps": 0,
            },
        )
        seen["pauses"] += 1
        seen["total_ps"] += episode["end_ps"] - episode["start_ps"]
    for spread in out:
        spread["points"] = list(spread["points"].values())
    return out
