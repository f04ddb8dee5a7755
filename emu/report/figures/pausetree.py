# SPDX-License-Identifier: Apache-2.0
"""Who paused whom, drawn on the topology: the tree of pauses that cost the most time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import pandas as pd

from emu.report.dataset import Case
from emu.report.figures.base import Figure
from emu.report.numerals import TIME, spoken
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, Panel
from emu.telemetry import Run

__all__ = ["draw", "tree_of"]

_TIERS = ("super-spine", "spine", "leaf", "endpoint")
_ROW = 74
_BOX_HEIGHT = 18
_WIDTH_MAX = 6.0
_NODES_MAX = 16
"""Of one tier; of more, those that pauses hold up longest are drawn."""


def draw(results: Results) -> list[Figure]:
    """The case whose pauses held up most, one panel per design, and all others as data."""
    trees = {
        (case.slug, r.design.label): tree
        for case in results.data.cases
        for r in results.row(case)
        if (tree := tree_of(r.cell.runs[0])) is not None
    }
    if not trees:
        return []
    worst = max(results.data.cases, key=lambda case: _held(trees, case))
    rows = [r for r in results.row(worst) if (worst.slug, r.design.label) in trees]
    panels = [_panel(r, trees[worst.slug, r.design.label]) for r in rows]
    data = pd.concat(
        [
            tree.assign(case=case.title, design=r.design.label)
            for case in results.data.cases
            for r in results.row(case)
            if (tree := trees.get((case.slug, r.design.label))) is not None
        ],
        ignore_index=True,
    )
    cut = sorted({note for r in rows for note in _cut(r.cell.runs[0])})
    return [
        Figure(
            "pause-tree",
            f"Whose congestion paused whom? ({worst.title})",
            "Of the first seed the tree of pauses that held up most: the filled box is where it "
            "began, with the queue that was too slow; an arrow goes from the port that asked for "
            "a pause to the node that had to wait, thicker for longer, red where it came from the "
            "cause itself, dashed where a paused queue passed it on. Nodes without a part in it "
            f"are left out. {' '.join(cut)}".strip(),
            panels,
            data,
        )
    ]


def _held(trees: dict[tuple[str, str], pd.DataFrame], case: Case) -> float:
    return sum(float(t["held_ps"].sum()) for (slug, _), t in trees.items() if slug == case.slug)


def _cut(run: Run) -> list[str]:
    if not any(note.startswith("pauses stops after") for note in run.meta["notes"]):
        return []
    most = run.meta["spec"]["record"]["pauses_max"]
    return [f"Of some runs only the first {most:,} pauses are recorded (record.pauses_max)."]


def tree_of(run: Run) -> pd.DataFrame | None:
    """Edges of the costliest tree of a run, or None where nothing was paused.

    Episodes are one tree when they have their root at one port's queue, whenever they were.
    Columns: cause (name of that port, or the host), reason, node, tier, port, victim,
    victim_tier, victim_port, priority, depth (of the first episode), episodes, held_ps.
    """
    pauses = run.table("pauses")
    if pauses.empty:
        return None
    end = pauses["released_ps"].where(pauses["released_ps"] >= 0, int(run.meta["fabric_ps"]))
    held = (end - pauses["obeyed_ps"]).where(pauses["obeyed_ps"] >= 0, 0).clip(lower=0)
    by_id = pauses.set_index("pause_id")
    root = by_id.loc[pauses["root"]]
    cause = root["cause_name"].where(root["cause_name"] != "", root["node"]).to_numpy()
    frame = pauses.assign(held_ps=held, cause=cause, why=root["reason"].to_numpy())
    costly = frame.groupby("cause", sort=True)["held_ps"].sum().idxmax()
    own = frame[frame["cause"] == costly]
    if float(own["held_ps"].sum()) <= 0:
        return None
    keys = ["node", "name", "victim", "victim_name", "priority"]
    grouped = own.groupby(keys, sort=True)
    tiers = _tiers(run)
    out = grouped.agg(
        depth=("depth", "min"), episodes=("held_ps", "size"), held_ps=("held_ps", "sum")
    ).reset_index()
    return pd.DataFrame(
        {
            "cause": costly,
            "reason": str(own["why"].iloc[0]),
            "node": out["node"],
            "tier": out["node"].map(tiers),
            "port": out["name"],
            "victim": out["victim"],
            "victim_tier": out["victim"].map(tiers),
            "victim_port": out["victim_name"],
            "priority": out["priority"],
            "depth": out["depth"],
            "episodes": out["episodes"],
            "held_ps": out["held_ps"],
        }
    ).sort_values(["depth", "node", "victim", "port"], ignore_index=True)


def _tiers(run: Run) -> dict[str, str]:
    links = run.links
    return {
        **dict(zip(links["a_node"], links["a_tier"], strict=True)),
        **dict(zip(links["b_node"], links["b_tier"], strict=True)),
    }


def _natural(name: str) -> tuple[object, ...]:
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    return (name.rstrip("0123456789."), *(int(d) for d in digits))


def _places(tree: pd.DataFrame, width: int) -> dict[str, tuple[float, float]]:
    """Where each node stands: tiers as rows, in order of their numbers."""
    weight: dict[str, float] = {}
    tier_of: dict[str, str] = {}
    for edge in tree.to_dict("records"):
        for node, tier in ((edge["node"], edge["tier"]), (edge["victim"], edge["victim_tier"])):
            weight[node] = weight.get(node, 0.0) + float(edge["held_ps"])
            tier_of[node] = tier
    places = {}
    y = 46.0
    for tier in _TIERS:
        names = [n for n in tier_of if tier_of[n] == tier]
        if not names:
            continue
        if len(names) > _NODES_MAX:
            names = sorted(names, key=lambda n: (-weight[n], n))[:_NODES_MAX]
        names.sort(key=_natural)
        # Names that do not fit beside each other stand in several lines.
        half = max(_half(name) for name in names)
        lines = min(3, math.ceil((2 * half + 3) * len(names) / (width - 16)))
        margin = 8 + half
        room = (width - 2 * margin) / max(1, len(names) - 1)
        for i, name in enumerate(names):
            places[name] = (
                margin + i * room if len(names) > 1 else width / 2,
                y + i % lines * (_BOX_HEIGHT + 5),
            )
        y += _ROW + (lines - 1) * (_BOX_HEIGHT + 5)
    return places


def _panel(result: CellResult, tree: pd.DataFrame) -> Panel:
    width = 360
    places = _places(tree, width)
    height = int(max(y for _, y in places.values())) + 44
    cause = str(tree["cause"].iloc[0])
    held = float(tree["held_ps"].sum())
    panel = Panel(
        result.design.label,
        Axis(0, 1, ticks=()),
        Axis(0, 1, ticks=()),
        f"Cause: {cause}. "
        + "; ".join(
            f"{e['node']} paused {e['victim']} for {spoken(float(e['held_ps']), TIME)}"
            for e in tree.head(20).to_dict("records")
        ),
        left=8,
        right=8,
        top=30,
        bottom=-2,  # no axis
        width=width,
        height=height,
        grid_x=False,
        grid_y=False,
    )
    panel.text(width - 8, 13, f"cause {cause}, {spoken(held, TIME)} in all", "note", "end")
    for x0, y0, x1, y1, css, thick, tip in _edges(tree, places):
        panel.body.append(_arrow(x0, y0, x1, y1, css, thick, tip))
    began = {str(e["node"]) for e in tree.to_dict("records") if e["depth"] == 0}
    for name, (x, y) in places.items():
        panel.body.append(_box(name, x, y, name in began))
    left_out = len({*tree["node"], *tree["victim"]}) - len(places)
    if left_out:
        panel.text(8, height - 8, f"and {left_out} more nodes that waited less", "note")
    return panel


def _edges(
    tree: pd.DataFrame, places: dict[str, tuple[float, float]]
) -> Sequence[tuple[float, float, float, float, str, float, str]]:
    most = float(tree["held_ps"].max())
    grouped = tree.groupby(["node", "victim"], sort=True)
    found = []
    for (node, victim), edge in grouped:
        if node not in places or victim not in places:
            continue
        held = float(edge["held_ps"].sum())
        thick = max(1.0, _WIDTH_MAX * math.sqrt(max(held, 0.0) / most)) if most > 0 else 1.0
        css = "cause" if int(edge["depth"].min()) == 0 else "passed"
        ports = ", ".join(
            f"{e['port']} paused {e['victim_port']}" for e in edge.head(6).to_dict("records")
        )
        tip = (
            f"{node} paused {victim}: {int(edge['episodes'].sum())} times, "
            f"{spoken(held, TIME)} in all ({ports})"
        )
        found.append((*places[str(node)], *places[str(victim)], css, min(thick, _WIDTH_MAX), tip))
    return found


def _arrow(x0: float, y0: float, x1: float, y1: float, css: str, thick: float, tip: str) -> str:
    """From a box to another; two nodes that pause each other get an arrow each."""
    half = _BOX_HEIGHT / 2
    down = y1 > y0
    side = 3.0 if down else -3.0
    top, end = (y0 + half, y1 - half - 2) if down else (y0 - half, y1 + half + 2)
    if y0 == y1:
        top, end = y0 - half, y1 - half - 2
    x0, x1 = x0 + side, x1 + side
    length = math.hypot(x1 - x0, end - top) or 1.0
    ux, uy = (x1 - x0) / length, (end - top) / length
    head = 4.0 + thick
    bx, by = x1 - ux * head, end - uy * head
    wing = head * 0.55
    return (
        f'<g><title>{escape(tip)}</title><path class="pause-{css}" stroke-width="{thick:.1f}" '
        f'd="M{x0:.1f} {top:.1f}L{bx:.1f} {by:.1f}"/>'
        f'<path class="pause-head-{css}" d="M{x1:.1f} {end:.1f}'
        f"L{bx - uy * wing:.1f} {by + ux * wing:.1f}L{bx + uy * wing:.1f} {by - ux * wing:.1f}Z"
        '"/></g>'
    )


def _half(name: str) -> float:
    """Half the width of a node's box."""
    return min(30.0, 3.2 * len(name) + 4)


def _box(name: str, x: float, y: float, began: bool) -> str:
    half = _half(name)
    css = "pause-began" if began else "pause-node"
    name_css = "pause-began-name" if began else "tick"
    return (
        f'<rect class="{css}" x="{x - half:.1f}" y="{y - _BOX_HEIGHT / 2:.1f}" rx="2" '
        f'width="{2 * half:.1f}" height="{_BOX_HEIGHT}"/>'
        f'<text class="{name_css}" x="{x:.1f}" y="{y + 4:.1f}" '
        f'text-anchor="middle">{escape(name)}</text>'
    )
