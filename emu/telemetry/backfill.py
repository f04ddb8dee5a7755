# SPDX-License-Identifier: Apache-2.0
"""A finished run as an OpenMetrics file that `promtool tsdb create-blocks-from openmetrics` takes.

Prometheus keeps milliseconds and looks back in seconds, and a run is milliseconds long. So fabric
time is stretched: one sample interval becomes `step_s` seconds. `emu_fabric_seconds_total` is
written along, and a rate by fabric time is `rate(x[1m]) / rate(emu_fabric_seconds_total[1m])`,
which holds for live runs as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emu.errors import InputError, RunError
from emu.telemetry.metrics import sai_labels
from emu.telemetry.openmetrics import Family, metric_name, render, sai_family
from emu.telemetry.run import Run

__all__ = ["START_S", "STEP_S", "backfill_families", "export_prometheus"]

START_S = 1_735_689_600
"""2025-01-01T00:00:00Z: fabric time 0. Fixed, so that a run always gives the same file."""
STEP_S = 10.0
GAP_BYTES = 20
"""Preamble and inter-frame gap, which an octet counter leaves out."""


class _Clock:
    """From fabric time to the time of a sample."""

    def __init__(self, interval_ps: int, step_s: float, start_s: float) -> None:
        self.interval_ps = interval_ps
        self.per_ps = step_s / interval_ps
        self.start_s = start_s

    def at(self, t_ps: int) -> float:
        return self.start_s + t_ps * self.per_ps


def export_prometheus(
    path: Path, out: Path, *, step_s: float = STEP_S, start_s: float = START_S
) -> tuple[int, float, float]:
    """Write the file; returns its samples and the seconds since 1970 between which they lie."""
    run = Run(path)
    families = backfill_families(run, step_s=step_s, start_s=start_s)
    try:
        with out.open("w", encoding="utf-8") as file:
            file.writelines(render(families, "openmetrics"))
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error.strerror or error}") from None
    count = sum(len(family.samples) for family in families)
    last = max(at for family in families for _, _, at in family.samples if at is not None)
    return count, start_s, last


def backfill_families(run: Run, *, step_s: float, start_s: float) -> list[Family]:
    """Every metric of a run with its samples.

    Raises
    ------
    InputError
        If the run has no series of ports.
    """
    if run.port_series.empty:
        raise InputError(
            "the run has no series of ports",
            file=str(run.path),
            hint="run it again with `record: {level: series}` or `everything`",
        )
    clock = _Clock(_interval_ps(run), step_s, start_s)
    own = {
        "experiment": str(run.meta["experiment"]),
        "variant": str(run.meta["variant"]),
        "seed": str(run.seed),
    }
    names = _port_names(run)
    return [
        family
        for part in (
            _whole(run, clock, own),
            _queues(run, clock, own, names),
            _wires(run, clock, own, names),
            _pairs(run, clock, own),
            _pauses(run, clock, own),
            _bursts(run, clock, own),
        )
        for family in part
        if family.samples
    ]


def _interval_ps(run: Run) -> int:
    steps = np.diff(run.series["t_ps"].to_numpy())
    return int(steps.max()) if len(steps) else max(1, int(run.meta["fabric_ps"]))


def _port_names(run: Run) -> dict[int, str]:
    """Names of ports by number, also of those that carried nothing."""
    return dict(zip(run.ports["port"].tolist(), run.ports["name"].tolist(), strict=True))


def _whole(run: Run, clock: _Clock, own: dict[str, str]) -> Iterator[Family]:
    series = run.series
    time = Family("emu_fabric_seconds", "counter", "fabric time that has passed")
    time.add(own, 0, clock.at(0))
    for t_ps in series["t_ps"].tolist():
        time.add(own, t_ps / 1e12, clock.at(t_ps))
    yield time
    for column, name, doc in (
        ("delivered_payload_bytes", "emu_delivered_payload_bytes", "payload that arrived"),
        ("drops_packets", "emu_run_dropped_packets", "packets dropped, all reasons"),
        ("ecn_marked_packets", "emu_ecn_marked_packets", "packets marked CE"),
        ("pfc_frames", "emu_pfc_frames", "pause frames sent (XOFF)"),
        ("cnp_packets", "emu_cnp_packets", "congestion notifications sent"),
    ):
        family = Family(name, "counter", doc)
        family.add(own, 0, clock.at(0))
        for t_ps, value in zip(series["t_ps"], series[column].cumsum(), strict=True):
            family.add(own, int(value), clock.at(int(t_ps)))
        yield family
    ends = np.sort(run.transfers.loc[run.transfers["end_ps"] >= 0, "end_ps"].to_numpy())
    done = Family("emu_transfers_done", "counter", "transfers that have ended")
    for t_ps in [0, *series["t_ps"].tolist()]:
        done.add(own, int(np.searchsorted(ends, t_ps, side="right")), clock.at(t_ps))
    yield done


def _cumulated(
    frame: pd.DataFrame, keys: list[str], columns: list[str], interval_ps: int
) -> Iterator[tuple[tuple[Any, ...], npt.NDArray[np.int64], pd.DataFrame]]:
    """Running totals of each key, with a sample of the old value before each jump out of rest,
    so that a rate has two ends."""
    key: Any
    for key, rows in frame.groupby(keys, sort=True):
        t_ps = rows["t_ps"].to_numpy()
        totals = rows[columns].cumsum()
        before = np.maximum(0, t_ps - interval_ps)
        quiet = np.append(True, before[1:] > t_ps[:-1])
        earlier = totals.shift(fill_value=0)[quiet]
        times = np.concatenate([before[quiet], t_ps])
        order = np.argsort(times, kind="stable")
        both = pd.concat([earlier, totals], ignore_index=True).iloc[order]
        yield key if isinstance(key, tuple) else (key,), times[order], both


def _queues(
    run: Run, clock: _Clock, own: dict[str, str], names: dict[int, str]
) -> Iterator[Family]:
    series = run.port_series
    octets = series["tx_bytes"] - GAP_BYTES * series["tx_packets"]
    series = series.assign(tx_octets=octets)
    counted = {
        "tx_packets": "SAI_QUEUE_STAT_PACKETS",
        "tx_octets": "SAI_QUEUE_STAT_BYTES",
        "ecn_marked_packets": "SAI_QUEUE_STAT_WRED_ECN_MARKED_PACKETS",
        "pfc_tx_frames": "SAI_PORT_STAT_PFC_{}_TX_PKTS",
        "pfc_rx_frames": "SAI_PORT_STAT_PFC_{}_RX_PKTS",
        "paused_ps": "SAI_PORT_STAT_PFC_{}_RX_PAUSE_DURATION_US",
    }
    families = {column: sai_family(name) for column, name in counted.items()}
    keys = ["port", "priority"]
    for (port, priority), times, totals in _cumulated(
        series, keys, list(counted), clock.interval_ps
    ):
        for column, name in counted.items():
            values = totals[column].to_numpy()
            if not values.any():
                continue
            kind = "queue" if "QUEUE" in name else "port"
            labels = {**own, **sai_labels(kind, names[port], priority, name.format(priority))}
            # The unit of paused_ps is a picosecond, and that of the counter a second.
            scale = 1e-12 if column == "paused_ps" else metric_name(name)[1]
            for t_ps, value in zip(times.tolist(), values.tolist(), strict=True):
                families[column].add(labels, value * scale, clock.at(t_ps))
    yield from families.values()
    yield from _port_totals(series, clock, own, names)
    yield from _levels(series, clock, own, names)


def _port_totals(
    series: pd.DataFrame, clock: _Clock, own: dict[str, str], names: dict[int, str]
) -> Iterator[Family]:
    counted = {
        "tx_packets": "SAI_PORT_STAT_IF_OUT_UCAST_PKTS",
        "tx_octets": "SAI_PORT_STAT_IF_OUT_OCTETS",
    }
    families = {column: sai_family(name) for column, name in counted.items()}
    whole = series.groupby(["port", "t_ps"], as_index=False)[list(counted)].sum()
    for (port,), times, totals in _cumulated(whole, ["port"], list(counted), clock.interval_ps):
        for column, name in counted.items():
            labels = {**own, **sai_labels("port", names[port], -1, name)}
            for t_ps, value in zip(times.tolist(), totals[column].tolist(), strict=True):
                families[column].add(labels, value, clock.at(t_ps))
    yield from families.values()


def _levels(
    series: pd.DataFrame, clock: _Clock, own: dict[str, str], names: dict[int, str]
) -> Iterator[Family]:
    for column, name, kind in (
        ("egress_bytes", "SAI_QUEUE_STAT_CURR_OCCUPANCY_BYTES", "queue"),
        ("egress_watermark_bytes", "SAI_QUEUE_STAT_WATERMARK_BYTES", "queue"),
        ("pg_bytes", "SAI_INGRESS_PRIORITY_GROUP_STAT_CURR_OCCUPANCY_BYTES", "priority-group"),
    ):
        family = sai_family(name)
        if column == "egress_watermark_bytes":
            family.doc = "most bytes in the queue since the sample before"
        key: Any
        for key, rows in series.groupby(["port", "priority"], sort=True):
            if not rows[column].any():
                continue
            port, priority = key
            labels = {**own, **sai_labels(kind, names[port], priority, name)}
            for t_ps, value in zip(rows["t_ps"], rows[column], strict=True):
                family.add(labels, int(value), clock.at(int(t_ps)))
        yield family


def _wires(run: Run, clock: _Clock, own: dict[str, str], names: dict[int, str]) -> Iterator[Family]:
    series = run.wire_series
    series = series.assign(rx_octets=series["rx_bytes"] - GAP_BYTES * series["rx_packets"])
    counted = {
        "rx_packets": "SAI_PORT_STAT_IF_IN_UCAST_PKTS",
        "rx_octets": "SAI_PORT_STAT_IF_IN_OCTETS",
        "rx_errors": "SAI_PORT_STAT_IF_IN_ERRORS",
    }
    families = {column: sai_family(name) for column, name in counted.items()}
    for (port,), times, totals in _cumulated(series, ["port"], list(counted), clock.interval_ps):
        for column, name in counted.items():
            values = totals[column].to_numpy()
            if port not in names or not values.any():
                continue
            labels = {**own, **sai_labels("port", names[port], -1, name)}
            for t_ps, value in zip(times.tolist(), values.tolist(), strict=True):
                families[column].add(labels, value, clock.at(t_ps))
    yield from families.values()
    speed = Family("emu_port_speed_bits_per_second", "gauge", "rate of the port's link")
    rates = run.ports.drop_duplicates("port").set_index("port")["rate_bps"]
    speeds: Any = rates.to_dict()
    for t_ps in [0, *run.series["t_ps"].tolist()]:
        for port, rate in speeds.items():
            labels = {**own, **sai_labels("port", names[port], -1, "")}
            speed.add(labels, rate, clock.at(t_ps))
    speed.samples.sort(key=lambda s: (s[0]["port"], s[2]))
    yield speed


def _pairs(run: Run, clock: _Clock, own: dict[str, str]) -> Iterator[Family]:
    series = run.qp_series
    ends = run.flows.drop_duplicates("qp_id").set_index("qp_id")
    src, dst = ends["src_endpoint"].to_dict(), ends["dst_endpoint"].to_dict()
    sent = Family("emu_qp_sent_bytes", "counter", "payload a queue pair sent for the first time")
    arrived = Family("emu_qp_delivered_bytes", "counter", "payload of a queue pair that arrived")
    rate = Family("emu_qp_allowed_bits_per_second", "gauge", "rate that congestion control allows")
    columns = ["sent_bytes", "delivered_bytes"]
    for (qp,), times, totals in _cumulated(series, ["qp_id"], columns, clock.interval_ps):
        labels = {
            **own,
            "qp": str(qp),
            "src": str(src[qp]),
            "dst": str(dst[qp]),
        }
        for family, column in ((sent, "sent_bytes"), (arrived, "delivered_bytes")):
            for t_ps, value in zip(times.tolist(), totals[column].tolist(), strict=True):
                family.add(labels, value, clock.at(t_ps))
        rows = series[series["qp_id"] == qp]
        for t_ps, value in zip(rows["t_ps"], rows["rate_bps"], strict=True):
            rate.add(labels, int(value), clock.at(int(t_ps)))
    yield from (sent, arrived, rate)


def _pauses(run: Run, clock: _Clock, own: dict[str, str]) -> Iterator[Family]:
    pauses = run.pauses
    if pauses.empty:
        return
    grid = [0, *run.series["t_ps"].tolist()]
    count = Family("emu_pause_episodes", "counter", "pauses that have begun: who holds up whom")
    held = Family("emu_pause_seconds", "counter", "fabric time held up by pauses that have ended")
    victims = Family(
        "emu_pause_innocent_flows", "counter", "flows held up without a part in the congestion"
    )
    by_id = pauses.set_index("pause_id")
    pauses = pauses.assign(
        cause=by_id.loc[pauses["root"], "cause_name"].to_numpy(),
        held_ps=(pauses["released_ps"] - pauses["obeyed_ps"]).where(pauses["released_ps"] >= 0, 0),
        over_ps=pauses["released_ps"].where(pauses["released_ps"] >= 0, run.meta["fabric_ps"]),
    )
    keys = ["node", "victim", "reason", "depth", "cause"]
    for key, rows in pauses.groupby(keys, sort=True):
        labels = {**own, **{k: str(v) for k, v in zip(keys, key, strict=True)}}
        start = np.sort(rows["start_ps"].to_numpy())
        by_end = rows.sort_values("over_ps")
        over = by_end["over_ps"].to_numpy()
        passed = np.append(0, by_end["held_ps"].cumsum().to_numpy())
        innocent = np.append(0, by_end["n_innocent"].cumsum().to_numpy())
        for t_ps in grid:
            ended = int(np.searchsorted(over, t_ps, side="right"))
            at_s = clock.at(t_ps)
            count.add(labels, int(np.searchsorted(start, t_ps, side="right")), at_s)
            held.add(labels, int(passed[ended]) / 1e12, at_s)
            victims.add(labels, int(innocent[ended]), at_s)
    yield from (count, held, victims)


def _bursts(run: Run, clock: _Clock, own: dict[str, str]) -> Iterator[Family]:
    grid = [0, *run.series["t_ps"].tolist()]
    count = Family("emu_microbursts", "counter", "microbursts of a queue that have begun")
    peak = Family("emu_microburst_peak_bytes", "gauge", "peak of the largest one so far")
    flows = Family("emu_microburst_flows", "gauge", "flows in the largest one so far")
    key: Any
    for key, rows in run.microbursts.groupby(["name", "priority"], sort=True):
        labels = {**own, **sai_labels("queue", key[0], key[1], "")}
        rows = rows.sort_values("start_ps")
        start = rows["start_ps"].to_numpy()
        largest = rows["peak_bytes"].cummax().to_numpy()
        widest = rows["n_flows"].cummax().to_numpy()
        for t_ps in grid:
            begun = int(np.searchsorted(start, t_ps, side="right"))
            count.add(labels, begun, clock.at(t_ps))
            if begun:
                peak.add(labels, int(largest[begun - 1]), clock.at(t_ps))
                flows.add(labels, int(widest[begun - 1]), clock.at(t_ps))
    yield from (count, peak, flows)
