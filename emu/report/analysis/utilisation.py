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

__all__ = ["Evenness", "active_ps", "evenness", "jain", "uplinks"]

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
