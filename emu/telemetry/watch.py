# SPDX-License-Identifier: Apache-2.0
"""What `emu watch` shows: the runs of a folder, and one of them closely, under way or finished."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from emu.errors import EmuError, InputError
from emu.telemetry.live import (
    SNAPSHOTS,
    LiveView,
    QueueView,
    TransferView,
    find_live,
    read_live,
)
from emu.telemetry.run import EXPERIMENT_FILE, Run, find_runs

__all__ = ["RunRow", "Watched", "look", "sparkline", "view_of_run"]

ROWS = 10
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class RunRow:
    """One run of the folder."""

    run: str
    state: str
    """waiting | running | done"""
    fraction: float
    t_ps: int
    drops: int
    pfc_frames: int
    transfers_done: int
    transfers: int


@dataclass(frozen=True)
class Watched:
    """One look."""

    runs: list[RunRow]
    view: LiveView | None
    """Of the first run under way, or of the last that is done."""

    @property
    def under_way(self) -> bool:
        """Whether another look may show something else."""
        return any(run.state != "done" for run in self.runs)


def look(path: Path) -> Watched:
    """Look at a run directory or a folder of runs.

    Raises
    ------
    InputError
        If there is neither a run nor one under way.
    """
    live = [found[0] for file in find_live(path) if (found := read_live(file)) is not None]
    complete = find_runs([path])[0] if path.exists() else []
    if not live and not complete and not (path / EXPERIMENT_FILE).is_file():
        raise InputError("there is no run here, under way or finished", file=str(path))
    rows = {view.run: _row(view, "running") for view in live}
    done = []
    for directory in complete:
        try:
            run = Run(directory)
        except EmuError:
            continue
        done.append(run)
        row = _row_of_run(run)
        rows.setdefault(row.run, row)
    for name in _announced(path):
        rows.setdefault(name, RunRow(name, "waiting", 0.0, 0, 0, 0, 0, 0))
    view = live[0] if live else view_of_run(done[-1]) if done else None
    return Watched([rows[name] for name in sorted(rows)], view)


def _announced(folder: Path) -> list[str]:
    """Runs that the experiment of a folder will have."""
    try:
        found = json.loads((folder / EXPERIMENT_FILE).read_text(encoding="utf-8"))
        return [str(name) for name in found["runs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _row(view: LiveView, state: str) -> RunRow:
    return RunRow(
        view.run, state, view.fraction, view.t_ps, view.drops, view.pfc_frames,
        view.transfers_done, view.transfers,
    )  # fmt: skip


def _row_of_run(run: Run) -> RunRow:
    counters = run.counters
    transfers = run.transfers
    return RunRow(
        run=f"{run.meta['variant']}/seed-{run.seed}",
        state="done",
        fraction=1.0,
        t_ps=int(run.meta["fabric_ps"]),
        drops=int(counters["dropped_packets"]),
        pfc_frames=int(counters["pfc_frames"]),
        transfers_done=int((transfers["end_ps"] >= 0).sum()),
        transfers=len(transfers),
    )


def view_of_run(run: Run) -> LiveView:
    """The view of a finished run: over its whole time instead of up to now."""
    row, counters = _row_of_run(run), run.counters
    return LiveView(
        experiment=str(run.meta["experiment"]),
        variant=str(run.meta["variant"]),
        design=run.design,
        seed=run.seed,
        t_ps=row.t_ps,
        fraction=1.0,
        packets=int(run.meta["packets"]),
        drops=row.drops,
        ecn_marked=int(counters["ecn_marked_packets"]),
        pfc_frames=row.pfc_frames,
        transfers_done=row.transfers_done,
        transfers=row.transfers,
        uplinks=_uplinks(run),
        queues=_queues(run),
        slowest=_slowest(run.transfers, row.t_ps),
    )


def _uplinks(run: Run) -> dict[str, list[float]]:
    ports, end = run.ports, max(1, int(run.meta["fabric_ps"]))
    up = ports[(ports["kind"] == "fabric") & (ports["tier"] == "leaf")].drop_duplicates("port")
    series = run.port_series
    # Whole sample intervals, as many as it takes, make one bar.
    grid = run.series["t_ps"].to_numpy()
    each = max(1, -(-len(grid) // SNAPSHOTS))
    edges = np.unique(np.append(grid[each - 1 :: each], grid[-1:]))
    widths = np.diff(edges, prepend=0)
    out = {}
    for port, name, rate in zip(up["port"], up["name"], up["rate_bps"], strict=True):
        if series.empty:  # the level kept no series: one mean for all of it
            sent = ports.loc[ports["port"] == port, "tx_bytes"].sum()
            out[str(name)] = [round(float(sent) * 8e12 / end / float(rate), 4)]
            continue
        rows = series[series["port"] == port]
        bars = np.searchsorted(edges, rows["t_ps"], side="left")
        sent = np.bincount(bars, weights=rows["tx_bytes"], minlength=len(edges))
        load = sent * 8e12 / widths / float(rate)
        out[str(name)] = [round(float(value), 4) for value in load]
    return out


def _queues(run: Run) -> list[QueueView]:
    ports, end = run.ports, max(1, int(run.meta["fabric_ps"]))
    deepest = ports.sort_values(
        ["egress_watermark_bytes", "pfc_rx_pause_ps", "port"], ascending=[False, False, True]
    ).head(ROWS)
    return [
        QueueView(
            port=str(row["name"]),
            priority=int(row["priority"]),
            queue_bytes=0,
            watermark_bytes=int(row["egress_watermark_bytes"]),
            paused=round(min(1.0, float(row["pfc_rx_pause_ps"]) / end), 4),
        )
        for row in deepest.to_dict("records")
    ]


def _slowest(transfers: pd.DataFrame, end_ps: int) -> list[TransferView]:
    ended = transfers["end_ps"] >= 0
    age = transfers["end_ps"].where(ended, end_ps) - transfers["start_ps"]
    slowdown = (age / transfers["ideal_ps"].clip(lower=1)).where(age > 0, 0.0)
    rows = transfers.assign(age=age.clip(lower=0), so_far=slowdown, ended=ended)
    rows = rows.sort_values(["so_far", "transfer_id"], ascending=[False, True]).head(ROWS)
    return [
        TransferView(
            transfer_id=int(row["transfer_id"]),
            age_ps=int(row["age"]),
            done=float(row["ended"]),
            slowdown=round(float(row["so_far"]), 3),
        )
        for row in rows.to_dict("records")
    ]


def sparkline(values: list[float], width: int) -> str:
    """Bars of 0 to 1, the newest at the right; anything above 0 is seen.

    >>> sparkline([0.0, 0.01, 0.5, 1.0], 4)
    ' ▁▄█'
    """
    bars = ""
    for value in values[-width:]:
        height = round(min(max(value, 0.0), 1.0) * (len(_BARS) - 1))
        bars += _BARS[max(height, 1) if value > 0 else 0]
    return bars
