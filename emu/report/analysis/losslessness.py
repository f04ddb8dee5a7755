# SPDX-License-Identifier: Apache-2.0
"""What was lost, sent again and paused, and how far pauses spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Interval, span_interval
from emu.telemetry import Run

__all__ = ["Losslessness", "drops_by_reason", "pause_spread", "port_groups", "summarise"]

_GROUP_ORDER = (
    ("leaf", "endpoint"),
    ("spine", "leaf"),
    ("super-spine", "spine"),
    ("spine", "super-spine"),
    ("leaf", "spine"),
    ("leaf", "leaf"),
    ("spine", "spine"),
    ("endpoint", "leaf"),
)


@dataclass(frozen=True)
class Losslessness:
    """Mean over seeds with the smallest and largest seed."""

    lost_packets: Interval
    retransmitted_bytes: Interval
    pause_ps: Interval
    """Summed over ports and priorities."""
    paused_ports: Interval
    ports: int
    """Egress ports of the fabric, host NICs included."""
    tiers: tuple[str, ...]
    """Kinds of ports that were paused, from the receiver back to the senders."""

    @property
    def lossless(self) -> bool:
        return self.lost_packets.high == 0


def summarise(runs: Sequence[Run]) -> Losslessness:
    """Losses and pauses of some seeds of one variant."""
    spread = pause_spread(runs)
    paused = [int((_pause_by_port(run) > 0).sum()) for run in runs]
    return Losslessness(
        lost_packets=_over(runs, lambda r: r.counters["dropped_packets"]),
        retransmitted_bytes=_over(runs, lambda r: r.counters["retransmitted_bytes"]),
        pause_ps=_over(runs, lambda r: int(r.ports["pfc_rx_pause_ps"].sum())),
        paused_ports=span_interval(np.asarray(paused, float)),
        ports=2 * len(runs[0].links),
        tiers=tuple(spread.loc[spread["paused_ports"] > 0, "group"]),
    )


def drops_by_reason(runs: Sequence[Run]) -> dict[str, float]:
    """Packets lost per reason, mean over seeds, largest first."""
    total: dict[str, float] = {}
    for run in runs:
        for reason, packets in run.counters["dropped_by_reason"].items():
            total[reason] = total.get(reason, 0.0) + float(packets) / len(runs)
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return {reason: packets for reason, packets in ordered if packets}


def port_groups(run: Run) -> pd.DataFrame:
    """Egress ports per direction: from tier, to tier, number of ports."""
    links = run.links
    both = pd.concat(
        [
            links[["a_tier", "b_tier"]].set_axis(["tier", "peer_tier"], axis=1),
            links[["b_tier", "a_tier"]].set_axis(["tier", "peer_tier"], axis=1),
        ]
    )
    frame = both.groupby(["tier", "peer_tier"]).size().rename("ports").reset_index()
    rank = {pair: i for i, pair in enumerate(_GROUP_ORDER)}
    frame["order"] = [
        rank.get((a, b), 99) for a, b in zip(frame["tier"], frame["peer_tier"], strict=True)
    ]
    frame["group"] = [
        group_name(a, b) for a, b in zip(frame["tier"], frame["peer_tier"], strict=True)
    ]
    return frame.sort_values(["order", "group"], ignore_index=True).drop(columns="order")


def group_name(tier: str, peer_tier: str) -> str:
    """Name of a direction: leaf to host, host to leaf, ..."""
    names = {"endpoint": "host"}
    return f"{names.get(tier, tier)} → {names.get(peer_tier, peer_tier)}"


def pause_spread(runs: Sequence[Run]) -> pd.DataFrame:
    """Per direction: how many ports were ever paused (mean over seeds) and for how long.

    Ordered from the last hop before the receiver back to the senders, so that the rows that
    are not zero show how far the pauses travelled.
    """
    frame = port_groups(runs[0])
    counts = np.zeros(len(frame))
    time = np.zeros(len(frame))
    for run in runs:
        busy = run.ports[run.ports["pfc_rx_pause_ps"] > 0]
        for i, row in enumerate(frame.itertuples()):
            mine = busy[(busy["tier"] == row.tier) & (busy["peer_tier"] == row.peer_tier)]
            counts[i] += mine["port"].nunique() / len(runs)
            time[i] += float(mine["pfc_rx_pause_ps"].sum()) / len(runs)
    return frame.assign(paused_ports=counts, pause_ps=time)


def _pause_by_port(run: Run) -> pd.Series:
    return run.ports.groupby("port")["pfc_rx_pause_ps"].sum()


def _over(runs: Sequence[Run], value: object) -> Interval:
    assert callable(value)
    return span_interval(np.asarray([float(value(run)) for run in runs]))
