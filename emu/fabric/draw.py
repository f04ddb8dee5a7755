# SPDX-License-Identifier: Apache-2.0
"""Draws a fabric as SVG: tiers as rows, NICs as squares coloured by role.

Up to 16 switches per tier are drawn one by one, with one line per pair of switches.
Larger tiers become one box that says how many there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from html import escape

from emu.fabric.graph import Fabric, NodeKind
from emu.units import format_rate

DETAIL_MAX = 16
COLUMN = 118.0
BOX_WIDTH, BOX_HEIGHT = 88.0, 30.0
ROW = 128.0
SQUARE, GAP, PER_LINE = 9.0, 2.5, 8
MARGIN = 24.0
_NAMES = {
    NodeKind.LEAF: ("leaf", "leaves"),
    NodeKind.SPINE: ("spine", "spines"),
    NodeKind.SUPER_SPINE: ("super-spine", "super-spines"),
}
_STYLE = """
  .fabric { --ink: #1b1f24; --paper: #ffffff; --box: #eef1f4; --edge: #6b7785; --link: #9aa5b1;
    --prefill: #0072b2; --decode: #d55e00; --idle: #8a949e; }
  @media (prefers-color-scheme: dark) { .fabric { --ink: #e6e9ec; --paper: #14181d;
    --box: #252c34; --edge: #8b97a5; --link: #5c6874; --prefill: #56b4e9; --decode: #e69f00;
    --idle: #77818b; } }
  .fabric text { font: 12px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
  .fabric text.caption { text-anchor: start; }
  .fabric .paper { fill: var(--paper); }
  .fabric .box { fill: var(--box); stroke: var(--edge); }
  .fabric line { stroke: var(--link); }
  .fabric line.peer { stroke: var(--edge); stroke-dasharray: 4 3; }
  .fabric .prefill { fill: var(--prefill); } .fabric .decode { fill: var(--decode); }
  .fabric .idle { fill: var(--idle); }
"""


@dataclass(frozen=True)
class _Box:
    """A switch, or a whole tier of them."""

    x: float
    """Of its middle."""
    y: float
    label: str
    width: float = BOX_WIDTH


def fabric_svg(fabric: Fabric) -> str:
    """The drawing as text of one SVG file, with a title and a description for readers."""
    kinds = [k for k in (NodeKind.SUPER_SPINE, NodeKind.SPINE, NodeKind.LEAF) if fabric.of_kind(k)]
    drawn = (len(fabric.of_kind(kind)) for kind in kinds)
    # The words below the drawing need room, also where there are few switches.
    columns = max(6, *(number for number in drawn if number <= DETAIL_MAX), 0)
    width = columns * COLUMN + 2 * MARGIN
    boxes: dict[int, _Box] = {}
    parts: list[str] = []
    for row, kind in enumerate(kinds):
        y = 64.0 + row * ROW
        boxes.update(_row_of_boxes(fabric, kind, width, y))
    parts += _lines(fabric, boxes)
    parts += [_box_svg(box) for box in dict.fromkeys(boxes.values())]
    bottom = 64.0 + (len(kinds) - 1) * ROW + BOX_HEIGHT
    squares, height = _endpoints(fabric, boxes, bottom)
    parts += squares
    words = [line for kind in reversed(kinds) for line in _caption(fabric, kind)]
    parts += _legend(fabric, height + 26)
    parts += [
        f'<text class="caption" x="{MARGIN:g}" y="{height + 46 + 18 * i:g}">{escape(line)}</text>'
        for i, line in enumerate(words)
    ]
    height += 46 + 18 * len(words)
    title, description = escape(fabric.spec.name), escape(describe(fabric))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fabric" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'style="max-width:100%;height:auto" aria-labelledby="fabric-title fabric-desc">\n'
        f'<title id="fabric-title">{title}</title>\n<desc id="fabric-desc">{description}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>\n'
        f'<text class="caption" x="{MARGIN:g}" y="22" font-weight="bold">{title}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def describe(fabric: Fabric) -> str:
    """The fabric in one sentence, the text alternative of the drawing."""
    counts = []
    for kind in (NodeKind.SUPER_SPINE, NodeKind.SPINE, NodeKind.LEAF):
        number = len(fabric.of_kind(kind))
        if number:
            counts.append(f"{number} {_NAMES[kind][number != 1]}")
    ports = sum(len(fabric.ports_of(e)) for e in fabric.endpoints)
    roles = Counter(host.role or "idle" for host in fabric.hosts)
    hosts = ", ".join(f"{number} {role}" for role, number in roles.items())
    return (
        f"{', '.join(counts)}; {len(fabric.hosts)} hosts ({hosts}) with "
        f"{fabric.n_endpoints} NICs and {ports} NIC ports; {len(fabric.links)} links."
    )


def _row_of_boxes(fabric: Fabric, kind: NodeKind, width: float, y: float) -> dict[int, _Box]:
    nodes = fabric.of_kind(kind)
    inner = width - 2 * MARGIN
    if len(nodes) > DETAIL_MAX:
        whole = _Box(width / 2, y, f"{len(nodes)} {_NAMES[kind][1]}", inner)
        return dict.fromkeys(nodes, whole)
    step = inner / len(nodes)
    return {
        node: _Box(MARGIN + (i + 0.5) * step, y, fabric.nodes[node].name)
        for i, node in enumerate(nodes)
    }


def _box_svg(box: _Box) -> str:
    x = box.x - box.width / 2
    return (
        f'<rect class="box" x="{x:.1f}" y="{box.y:g}" width="{box.width:.1f}" '
        f'height="{BOX_HEIGHT:g}" rx="5"/>'
        f'<text x="{box.x:.1f}" y="{box.y + 19:g}">{escape(box.label)}</text>'
    )


def _lines(fabric: Fabric, boxes: dict[int, _Box]) -> list[str]:
    """One line per pair of boxes, thicker for more links."""
    between: Counter[tuple[_Box, _Box, str]] = Counter()
    for link in fabric.links:
        if link.kind == "access":
            continue
        below, above = (boxes[fabric.ports[p].node] for p in (link.a, link.b))
        if below != above:
            between[below, above, link.kind] += 1
    lines = []
    for (low, high, kind), count in between.items():
        thick = min(1.0 + 0.5 * (count - 1), 4.0)
        if kind == "peer":
            y = low.y + BOX_HEIGHT / 2
            ends = (low.x + low.width / 2, y, high.x - high.width / 2, y)
        else:
            ends = (low.x, low.y, high.x, high.y + BOX_HEIGHT)
        x1, y1, x2, y2 = (f"{v:.1f}" for v in ends)
        cls = ' class="peer"' if kind == "peer" else ""
        lines.append(
            f'<line{cls} x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke-width="{thick:g}"/>'
        )
    return lines


def _caption(fabric: Fabric, kind: NodeKind) -> list[str]:
    """How the switches of this tier are linked to the tier above, in words."""
    pairs: Counter[tuple[int, int]] = Counter()
    looks: set[tuple[int, float]] = set()
    for link in fabric.links:
        port = fabric.ports[link.a]
        if link.kind == "fabric" and fabric.nodes[port.node].kind is kind:
            pairs[port.node, fabric.peer_node(link.a)] += 1
            looks.add((port.rate_bps, round(port.cable_m, 2)))
    if not pairs:
        return []
    counts = sorted(set(pairs.values()))
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    what = ", ".join(f"{format_rate(rate)} over {metres:g} m" for rate, metres in sorted(looks))
    return [f"from each {_NAMES[kind][0]} to each switch above it: {number} x {what}"]


def _endpoints(fabric: Fabric, boxes: dict[int, _Box], bottom: float) -> tuple[list[str], float]:
    """Squares under the leaf, or between the two leaves, that they are linked to."""
    by_place: dict[tuple[_Box, ...], list[int]] = defaultdict(list)
    for endpoint in fabric.endpoints:
        leaves = sorted({fabric.peer_node(p) for p in fabric.ports_of(endpoint)})
        by_place[tuple(dict.fromkeys(boxes[leaf] for leaf in leaves))].append(endpoint)
    parts = []
    height = bottom
    top = bottom + 34
    for place, endpoints in by_place.items():
        middle = sum(box.x for box in place) / len(place)
        # A tier drawn as one box gets one counter instead of thousands of squares.
        whole = place[0].width > BOX_WIDTH
        per_line = 1 if whole else min(PER_LINE * len(place), len(endpoints))
        span = per_line * (SQUARE + GAP) - GAP
        for box in place:
            parts.append(
                f'<line x1="{box.x:.1f}" y1="{bottom:g}" x2="{middle:.1f}" y2="{top - 3:g}" '
                f'stroke-width="1.5"/>'
            )
        if whole:
            parts.append(
                f'<text x="{middle:.1f}" y="{top + 12:g}">{len(endpoints)} NICs of '
                f"{len({fabric.nodes[e].host for e in endpoints})} hosts</text>"
            )
            height = max(height, top + 20)
            continue
        for i, endpoint in enumerate(endpoints):
            x = middle - span / 2 + (i % per_line) * (SQUARE + GAP)
            y = top + (i // per_line) * (SQUARE + GAP)
            role = fabric.hosts[fabric.nodes[endpoint].host].role or "idle"
            parts.append(
                f'<rect class="{role}" x="{x:.1f}" y="{y:.1f}" width="{SQUARE:g}" '
                f'height="{SQUARE:g}"><title>{escape(fabric.nodes[endpoint].name)}, {role}</title>'
                "</rect>"
            )
            height = max(height, y + SQUARE)
    return parts, height


def _legend(fabric: Fabric, y: float) -> list[str]:
    roles = dict.fromkeys(host.role or "idle" for host in fabric.hosts)
    parts, x = [], MARGIN
    for role in roles:
        number = sum(len(host.nics) for host in fabric.hosts if (host.role or "idle") == role)
        parts.append(
            f'<rect class="{role}" x="{x:g}" y="{y - 9:g}" width="{SQUARE:g}" height="{SQUARE:g}"/>'
            f'<text class="caption" x="{x + 15:g}" y="{y:g}">{role}, {number} NICs</text>'
        )
        x += 150
    access = {
        (fabric.ports[link.a].rate_bps, round(fabric.ports[link.a].cable_m, 2))
        for link in fabric.links
        if link.kind == "access"
    }
    links = ", ".join(f"{format_rate(rate)} over {m:g} m" for rate, m in sorted(access))
    text = f"NIC links: {links}" + (
        "; dashed: peer links" if any(link.kind == "peer" for link in fabric.links) else ""
    )
    parts.append(f'<text class="caption" x="{x:g}" y="{y:g}">{escape(text)}</text>')
    return parts
