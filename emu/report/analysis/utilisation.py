# SPDX-License-Identifier: Apache-2.0
"""How much of each fabric link was used, and how evenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis import bystanders
from emu.report.analysis.bootstrap import Floats, Interval, span_interval
from emu.telemetry import Run

__all__ = ["Evenness", "active_ps", "evenness", "jain", "uplink_series", "uplinks"]

_RANK = {"endpoint": 0, "leaf": 1, "spine": 2, "super-spine": 3}


@dataclass(frozen=True)
class Evenness:
    """Over the uplinks that could have carried the load, blocked ones included."""

    jfi: Interval
    max_over_mean: Interval
    mean: Interval
    peak: Interval


def active_ps(run: Run) -> int:
    """Time from the first transfer's start to the last one's end, `bystanders` only."""
    transfers = bystanders.transfers(run)
    if transfers.empty:
        return int(run.meta["fabric_ps"])
    last = int(transfers["end_ps"].max())
    end = int(run.meta["fabric_ps"]) if (transfers["end_ps"] < 0).any() or last < 0 else last
    return max(1, end - int(transfers["start_ps"].min()))


def jain(values: Floats) -> float:
    """Jain's fairness index: 1 when all are equal, 1/n when one has everything."""
    square = float((values**2).sum())
    return float(values.sum()) ** 2 / (values.size * square) if square > 0 else float("nan")


def uplinks(run: Run) -> pd.DataFrame:
    """Each direction of each fabric link towards the upper tier, with its mean utilisation.

    Links between switches of one tier are left out: designs that do not use them would look
    uneven for not doing so.
    """
    links = run.links[run.links["kind"] == "fabric"]
    a_up = links["a_tier"].map(_RANK).to_numpy() < links["b_tier"].map(_RANK).to_numpy()
    sent = np.where(a_up, links["a_tx_bytes"], links["b_tx_bytes"]).astype(float)
    back = np.where(a_up, links["b_tx_bytes"], links["a_tx_bytes"]).astype(float)
    scale = links["rate_bps"].to_numpy(float) * active_ps(run) / 8e12
    return pd.DataFrame(
        {
            "link": links["name"].to_numpy(),
            "from": np.where(a_up, links["a_node"], links["b_node"]),
            "to": np.where(a_up, links["b_node"], links["a_node"]),
            "blocked": links["blocked"].to_numpy(),
            "up": sent / scale,
            "down": back / scale,
        }
    )


def uplink_series(run: Run) -> pd.DataFrame:
    """Per sample interval how evenly a run's uplinks carried what they did.

    Columns: t_ps (end of the interval), tx_bytes (by all uplinks), max_over_mean and jain, both
    taken per switch and weighted by its traffic. Empty where ports were not sampled.
    """
    columns = ["t_ps", "tx_bytes", "max_over_mean", "jain"]
    ports = run.table("port_series")
    links = run.links[run.links["kind"] == "fabric"]
    if ports.empty or links.empty:
        return pd.DataFrame(columns=columns)
    a_up = links["a_tier"].map(_RANK).to_numpy() < links["b_tier"].map(_RANK).to_numpy()
    same = links["a_tier"].to_numpy() == links["b_tier"].to_numpy()
    number = np.where(a_up, links["a_port"], links["b_port"])[~same]
    switch = np.where(a_up, links["a_node"], links["b_node"])[~same]
    _, row = np.unique(switch, return_inverse=True)
    times, step = np.unique(ports["t_ps"].to_numpy(), return_inverse=True)
    place = pd.Series(np.arange(len(number)), index=number)
    at = place.reindex(ports["port"]).to_numpy()
    up = ~np.isnan(at)
    sent = np.zeros((len(times), len(number)))
    np.add.at(sent, (step[up], at[up].astype(int)), ports["tx_bytes"].to_numpy(float)[up])
    total = np.zeros((len(times), row.max() + 1))
    square, most = total.copy(), total.copy()
    for i, own in enumerate(row):
        total[:, own] += sent[:, i]
        square[:, own] += sent[:, i] ** 2
        most[:, own] = np.maximum(most[:, own], sent[:, i])
    members = np.bincount(row)
    loaded = total > 0
    safe = np.where(loaded, total, 1.0)
    ratio = np.where(loaded, most * members / safe, 0.0)
    index = np.where(loaded, total**2 / (members * np.where(loaded, square, 1.0)), 0.0)
    whole = total.sum(axis=1)
    kept = whole > 0
    return pd.DataFrame(
        {
            "t_ps": times[kept],
            "tx_bytes": whole[kept],
            "max_over_mean": (ratio * total).sum(axis=1)[kept] / whole[kept],
            "jain": (index * total).sum(axis=1)[kept] / whole[kept],
        }
    )


def evenness(runs: Sequence[Run]) -> Evenness:
    """Jain's index and max/mean over loaded switches' uplinks.

    The index is computed per switch, over its own uplinks (traffic of an idle rack is not
    the hash's fault), and averaged with the switch's traffic as weight.
    """
    jfi, ratio, mean, peak = [], [], [], []
    for run in runs:
        frame = uplinks(run)
        if frame.empty or frame["up"].sum() <= 0:
            continue
        grouped = frame.groupby("from")["up"]
        weight = grouped.sum()
        index = grouped.apply(lambda v: jain(v.to_numpy(float)))
        spread = grouped.max() / grouped.mean()
        loaded = weight > 0
        jfi.append(float((index[loaded] * weight[loaded]).sum() / weight.sum()))
        ratio.append(float((spread[loaded] * weight[loaded]).sum() / weight.sum()))
        both = np.concatenate([frame["up"].to_numpy(), frame["down"].to_numpy()])
        mean.append(float(both.mean()))
        peak.append(float(both.max()))
    return Evenness(*(span_interval(np.asarray(v, float)) for v in (jfi, ratio, mean, peak)))
