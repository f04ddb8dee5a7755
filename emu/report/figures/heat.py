# SPDX-License-Identifier: Apache-2.0
"""Queues and pauses over time, one row per group of ports of a node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.losslessness import group_name
from emu.report.dataset import Case
from emu.report.figures.base import Figure
from emu.report.numerals import BYTES, TIME, number, spoken
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, Panel
from emu.telemetry import Run

__all__ = ["draw"]

_COLUMNS = 80
_ROWS_MAX = 40
_LEVELS = 5
_ORDER = {
    "leaf → host": 0,
    "spine → leaf": 1,
    "super-spine → spine": 2,
    "spine → super-spine": 3,
    "leaf → spine": 4,
    "leaf → leaf": 5,
    "spine → spine": 6,
    "host → leaf": 7,
}


@dataclass(frozen=True)
class _Heat:
    rows: list[tuple[str, str]]  # (group, node)
    depth: np.ndarray
    paused: np.ndarray


def draw(results: Results) -> list[Figure]:
    """The heaviest case without a fault and the first one with a fault."""
    cases = results.data.cases
    calm = [c for c in cases if not c.has_faults][-1:]
    faulty = [c for c in cases if c.has_faults][:1]
    return [f for f in (_figure(results, case) for case in calm + faulty) if f is not None]


def _figure(results: Results, case: Case) -> Figure | None:
    rows = [r for r in results.row(case) if len(r.cell.runs[0].queues)]
    if not rows:
        return None
    end_ps = max(int(r.cell.runs[0].meta["fabric_ps"]) for r in rows)
    edges = np.linspace(0, end_ps, _COLUMNS + 1)
    names = _row_names([r.cell.runs[0] for r in rows])
    heats = {r.design.label: _bin(r.cell.runs[0], edges, names) for r in rows}
    top = max(float(h.depth.max()) for h in heats.values())
    if top <= 0:
        return None
    bounds = top * np.geomspace(1 / 64, 1, _LEVELS + 1)[:-1]
    unit, factor = TIME.choose([end_ps])
    panels = [_panel(r, heats[r.design.label], edges / factor, unit, bounds) for r in rows]
    levels = ", ".join(f"{spoken(float(b), BYTES)}" for b in bounds)
    return Figure(
        f"heat-{case.slug}",
        f"Where do queues build and pauses spread? ({case.title})",
        f"Deepest sampled queue per {spoken(float(edges[1]), TIME)}, first seed, one row per node "
        f"and direction; shades begin at {levels}. Red foot: some port of the row was paused.",
        panels,
        _records(case, heats, edges),
    )


def _row_names(runs: list[Run]) -> list[tuple[str, str]]:
    """Rows that all designs share: those where any design queued."""
    found: set[tuple[str, str]] = set()
    for run in runs:
        ports = _groups(run)
        used = ports.loc[ports.index.isin(run.queues["port"].unique())]
        found.update(zip(used["group"], used["node"], strict=True))
    ordered = sorted(found, key=lambda g: (_ORDER.get(g[0], 9), len(g[1]), g[1]))
    if len(ordered) > _ROWS_MAX:  # too many nodes: one row per direction
        return sorted({(group, "") for group, _ in ordered}, key=lambda g: _ORDER.get(g[0], 9))
    return ordered


def _groups(run: Run) -> pd.DataFrame:
    ports = run.ports.drop_duplicates("port").set_index("port")
    group = [group_name(a, b) for a, b in zip(ports["tier"], ports["peer_tier"], strict=True)]
    return ports.assign(group=group)[["group", "node"]]


def _bin(run: Run, edges: np.ndarray, names: list[tuple[str, str]]) -> _Heat:
    depth = np.zeros((len(names), len(edges) - 1))
    paused = np.zeros(depth.shape, bool)
    ports = _groups(run)
    index = {name: i for i, name in enumerate(names)}
    by_port = {
        port: index.get((group, node), index.get((group, ""), -1))
        for port, group, node in zip(ports.index, ports["group"], ports["node"], strict=True)
    }
    queues = run.queues
    row = queues["port"].map(by_port).fillna(-1).to_numpy(int)
    column = np.clip(
        np.searchsorted(edges, queues["t_ps"].to_numpy(float), side="left") - 1, 0, len(edges) - 2
    )
    keep = row >= 0
    np.maximum.at(depth, (row[keep], column[keep]), queues["egress_bytes"].to_numpy(float)[keep])
    stopped = keep & queues["paused"].to_numpy(bool)
    paused[row[stopped], column[stopped]] = True
    return _Heat(names, depth, paused)


def _panel(
    result: CellResult, heat: _Heat, edges: np.ndarray, unit: str, bounds: np.ndarray
) -> Panel:
    n = len(heat.rows)
    step = 9 if n > 14 else 13
    panel = Panel(
        result.design.label,
        Axis(0, float(edges[-1]), label=f"time ({unit})"),
        Axis(0, 1, ticks=()),
        left=92,
        right=8,
        grid_x=False,
        grid_y=False,
        height=24 + 34 + step * n,
        description=f"Deepest queue {spoken(float(heat.depth.max()), BYTES)}; "
        f"{number(100 * float(heat.paused.mean()))} % of the cells saw a pause.",
    )
    panel.text(
        panel.width - panel.right,
        13,
        f"deepest {spoken(float(heat.depth.max()), BYTES)}",
        "note",
        "end",
    )
    panel.body.append(
        f'<rect class="frame" x="{panel.left}" y="{panel.top}" '
        f'width="{panel.width - panel.left - panel.right}" height="{step * n}"/>'
    )
    level = np.searchsorted(bounds, heat.depth, side="right")
    xs = np.asarray([panel.px(float(e)) for e in edges])
    paths: dict[int, list[str]] = {}
    for i in range(n):
        y = panel.top + i * step
        # A pause is a band at the foot of its row: the queue's depth stays visible above it.
        band = max(2, step // 3)
        for values, top, height in (
            (level[i], y, step - 1),
            (-heat.paused[i].astype(int), y + step - 1 - band, band),
        ):
            for start, stop, value in _spans(values):
                if value:
                    left, right = round(xs[start], 1), round(xs[stop], 1)
                    paths.setdefault(value, []).append(
                        f"M{left:g} {top}H{right:g}v{height}H{left:g}z"
                    )
    for value in sorted(paths, key=lambda v: (v < 0, v)):
        css = "paused" if value < 0 else f"h{value}"
        panel.body.append(f'<path class="{css}" d="{"".join(paths[value])}"/>')
    _name_groups(panel, heat.rows, step)
    return panel


def _spans(levels: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of equal levels: (start, stop, level)."""
    change = np.flatnonzero(np.diff(levels)) + 1
    starts = np.concatenate([[0], change])
    stops = np.concatenate([change, [len(levels)]])
    return [(int(a), int(b), int(levels[a])) for a, b in zip(starts, stops, strict=True)]


def _name_groups(panel: Panel, rows: list[tuple[str, str]], step: int) -> None:
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i][0] != rows[start][0]:
            middle = panel.top + (start + i) / 2 * step
            panel.text(panel.left - 6, middle + 3.5, rows[start][0], "tick", "end")
            if i < len(rows):
                y = panel.top + i * step - 0.5
                panel.body.append(
                    f'<path class="axis" d="M{panel.left - 4} {y}'
                    f'H{panel.width - panel.right}" opacity=".5"/>'
                )
            start = i


def _records(case: Case, heats: dict[str, _Heat], edges: np.ndarray) -> pd.DataFrame:
    frames = []
    for design, heat in heats.items():
        rows, columns = np.nonzero((heat.depth > 0) | heat.paused)
        frames.append(
            pd.DataFrame(
                {
                    "case": case.title,
                    "design": design,
                    "direction": [heat.rows[r][0] for r in rows],
                    "node": [heat.rows[r][1] for r in rows],
                    "t_ms": np.round(edges[columns] / 1e9, 4),
                    "queue_max_bytes": heat.depth[rows, columns].astype(np.int64),
                    "paused": heat.paused[rows, columns],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
