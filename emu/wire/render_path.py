# SPDX-License-Identifier: Apache-2.0
"""What several captures tell together, for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from emu.wire.path import PathView
from emu.wire.render import duration, table

__all__ = ["render"]

_WHOLE_LINK = 8
_NUMBERS_SHOWN = 5


def render(view: PathView, top: int) -> RenderableType:
    """Points, hops, losses and pauses as tables."""
    parts: list[RenderableType] = [_points(view), _heading("Hops"), _hops(view)]
    lossy = [flow for flow in view.flows if flow["lost"]]
    parts.append(_heading("Lost on the way"))
    parts.append(_losses(lossy, top) if lossy else Text("no packet"))
    parts.append(_heading("Pauses, and how they spread"))
    parts.append(_pauses(view, top) if view.spreads else Text("none"))
    parts += [Text(f"note: {note}") for note in view.notes]
    return Group(*parts)


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _points(view: PathView) -> RenderableType:
    first_ps = min(point["first_ps"] for point in view.points)
    return table(
        ["point", "packets", "followed", "CNPs", "from", "to"],
        [
            (
                point["name"],
                f"{point['packets']:,}",
                f"{point['roce_packets']:,}",
                f"{point['cnps']:,}",
                duration(point["first_ps"] - first_ps),
                duration(point["last_ps"] - first_ps),
            )
            for point in view.points
        ],
        ["packets", "followed", "CNPs", "from", "to"],
    )


def _hops(view: PathView) -> RenderableType:
    rows = [
        (
            hop["from"],
            hop["to"],
            f"{hop['packets']:,}",
            duration(hop["min_ps"]),
            duration(hop["p50_ps"]),
            duration(hop["p99_ps"]),
            duration(hop["max_ps"]),
            f"{hop['marked']:,}",
            f"{hop['lost']:,}",
        )
        for hop in view.hops
    ]
    if not rows:
        return Text("no packet was seen at two points")
    heads = ["from", "to", "packets", "min", "p50", "p99", "max", "marked", "lost"]
    return table(heads, rows, heads[2:])


def _losses(lossy: list[dict[str, Any]], top: int) -> RenderableType:
    losses = [(flow, loss) for flow in lossy for loss in flow["lost"]]
    losses.sort(key=lambda pair: -pair[1]["packets"])
    rows = [
        (
            f"{flow['src']} → {flow['dst']}",
            f"{flow['dst_qp']:#x}",
            loss["after"],
            " or ".join(loss["before"]),
            f"{loss['packets']:,}",
            _numbers(loss),
        )
        for flow, loss in losses[:top]
    ]
    heads = ["flow", "QP", "seen at", "not at", "packets", "their numbers where last seen"]
    shown = table(heads, rows, ["packets"])
    if len(losses) <= top:
        return shown
    return Group(shown, Text(f"… {len(losses) - top:,} more rows: --top {len(losses)}"))


def _numbers(loss: dict[str, Any]) -> str:
    shown = ", ".join(str(n) for n in loss["numbers"][:_NUMBERS_SHOWN])
    return shown + (", …" if loss["packets"] > _NUMBERS_SHOWN else "")


def _pauses(view: PathView, top: int) -> RenderableType:
    first_ps = min(point["first_ps"] for point in view.points)
    rows = []
    for spread in view.spreads[:top]:
        priority = "link" if spread["priority"] == _WHOLE_LINK else str(spread["priority"])
        for i, port in enumerate(spread["points"]):
            rows.append(
                (
                    duration(spread["start_ps"] - first_ps) if i == 0 else "",
                    priority if i == 0 else "",
                    port["point"],
                    port["src_mac"],
                    "+" + duration(port["after_ps"]),
                    f"{port['pauses']:,}",
                    duration(port["total_ps"]),
                )
            )
    heads = ["at", "priority", "point", "paused by", "after", "pauses", "in all"]
    shown = table(heads, rows, ["at", "after", "pauses", "in all"])
    if len(view.spreads) <= top:
        return shown
    return Group(shown, Text(f"… {len(view.spreads) - top:,} more: --top {len(view.spreads)}"))
