# SPDX-License-Identifier: Apache-2.0
"""What a fault did to the goodput and when the fabric had made up for it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Floats, Interval, span_interval
from emu.telemetry import FAULT_KINDS, Run

__all__ = ["Fault", "Recovery", "backlog", "faults", "recover", "summarise"]

_NUMBERED = re.compile(r" \((?:[a-z]+-)+\d+\)$")
"""Name of a fault to which the experiment gave none: its kind and a number."""
_CAUGHT_UP = 0.05
_NOISE_NICS = 4
_NOISE_INTERVALS = 10
"""A dip smaller than what the fabric usually delivers in so many samples (or four NICs in one)
is not told from noise: two runs that differ in one packet drift apart by about that much."""


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong, from outside."""

    t_ps: int
    end_ps: int | None
    kind: str
    detail: str


@dataclass(frozen=True)
class Recovery:
    """What one fault cost in one run.

    Attributes
    ----------
    loss_ps
        From the fault to the last packet lost in its wake; 0 if none was.
    catch_up_ps
        From the fault until 95 % of the payload it held back had been delivered; 0 if no dip
        can be told from noise, infinite if the run ended first.
    held_back_bytes
        Most payload that was late because of it.
    """

    fault: Fault
    loss_ps: float
    catch_up_ps: float
    held_back_bytes: float
    lost_packets: int


def faults(events: pd.DataFrame) -> list[Fault]:
    """Faults in order of time; those that start together (a switch's links) are one."""
    physical = events[events["kind"].isin(list(FAULT_KINDS))]
    found: list[Fault] = []
    starts = physical[physical["phase"] == "start"]
    for t_ps in sorted(starts["t_ps"].unique().tolist()):
        group = starts[starts["t_ps"] == t_ps]
        first = group.iloc[0]
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        ends = physical[
            (physical["phase"] == "end")
            & (physical["t_ps"] > t_ps)
            & (physical["kind"] == first["kind"])
            & (physical["port"] == first["port"])
            & (physical["node"] == first["node"])
        ]["t_ps"]
        end = int(ends.min()) if len(ends) else None
        place = str(first["port"] or first["node"])
        detail = _NUMBERED.sub("", str(first["detail"]))
        what = detail if place in detail else f"{place}: {detail}"
        found.append(Fault(int(t_ps), end, str(first["kind"]), f"{what}{more}"))
    return found


def backlog(run: Run, t_ps: Floats) -> Floats:
    """Payload posted but not yet delivered at each time."""
    flows = run.flows.sort_values("post_ps")
    posted = np.concatenate([[0.0], np.cumsum(flows["payload_bytes"].to_numpy(float))])
    series = run.series
    delivered = np.cumsum(series["delivered_payload_bytes"].to_numpy(float))
    at = np.searchsorted(flows["post_ps"].to_numpy(), t_ps, side="right")
    done = np.interp(t_ps, series["t_ps"].to_numpy(float), delivered, left=0.0)
    result: Floats = posted[at] - done
    return result


def recover(run: Run, twin: Run | None) -> list[Recovery]:
    """Measure each fault of a run.

    With a twin (same design, load and seed, no fault) the payload held back is the difference
    of the two backlogs: what the trace does to both cancels. Without one it is the growth of
    the run's own backlog since the fault, which a burst of arrivals can feign.
    """
    series = run.series
    if series.empty:
        return []
    t = series["t_ps"].to_numpy(float)
    drops = series["drops_packets"].to_numpy(float)
    interval = float(np.median(np.diff(t))) if len(t) > 1 else 1.0
    excess = backlog(run, t)
    if twin is not None:
        excess = excess - backlog(twin, t)
    nic = run.meta["host_rate_bps"] / 8e12 * interval
    delivered = series["delivered_payload_bytes"].to_numpy(float)
    usual = float(delivered[delivered > 0].mean()) if (delivered > 0).any() else 0.0
    noise = max(_NOISE_NICS * nic, _NOISE_INTERVALS * usual)
    found = faults(run.events)
    result = []
    for i, fault in enumerate(found):
        until = found[i + 1].t_ps if i + 1 < len(found) else math.inf
        window = (t > fault.t_ps) & (t <= until)
        before = t <= fault.t_ps
        if not window.any():
            result.append(Recovery(fault, math.nan, math.nan, math.nan, 0))
            continue
        base = float(excess[before][-1]) if twin is None and before.any() else 0.0
        quiet = float(np.abs(excess[before]).max()) if twin is not None and before.any() else 0.0
        held = excess[window] - base
        peak = int(np.argmax(held))
        height = float(held[peak])
        lossy = t[window][drops[window] > _usual_drops(drops[before])]
        loss_ps = float(lossy[-1] - fault.t_ps) if lossy.size else 0.0
        if height <= max(noise, 2 * quiet):
            catch_up = 0.0
            height = max(0.0, height)
        else:
            after = np.flatnonzero(held[peak:] <= _CAUGHT_UP * height)
            catch_up = float(t[window][peak + after[0]] - fault.t_ps) if after.size else math.inf
        result.append(Recovery(fault, loss_ps, catch_up, height, int(drops[window].sum())))
    return result


def summarise(runs: Sequence[Run], twins: Sequence[Run]) -> list[tuple[Fault, Interval, Interval]]:
    """Per fault: (fault, catch-up time, time over which packets were lost) over seeds."""
    by_seed = {twin.seed: twin for twin in twins}
    each = [recover(run, by_seed.get(run.seed)) for run in runs]
    count = min((len(r) for r in each), default=0)
    return [
        (
            each[0][i].fault,
            span_interval(np.asarray([r[i].catch_up_ps for r in each])),
            span_interval(np.asarray([r[i].loss_ps for r in each])),
        )
        for i in range(count)
    ]


def _usual_drops(before: Floats) -> float:
    """Drops per interval that are usual without the fault."""
    return float(np.quantile(before, 0.95, method="lower")) if before.size else 0.0
