# SPDX-License-Identifier: Apache-2.0
"""DCQCN in time: one flow after a notification, two flows that begin unequal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from emu.spec.dcqcn import DcqcnParams
from emu.validate import reaction
from emu.validate.lab import Done, load, runs
from emu.validate.plot import Figure, Line
from emu.validate.row import Check, Result, Row, at_least

PART = "DCQCN"
ALGORITHM = "Zhu et al., SIGCOMM 2015 (RP algorithm); ns3-rdma e8a27d02bf qbb-net-device.cc"
LINE_BPS = 100e9
HEADERS, WIRE = 62, 20
NEAR_PS = 2_500_000
"""A step is seen at the next packet and the next sample; samples nearer to one are left out."""


def _rate_of(done: Done, qp: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    rows = done.pairs[done.pairs["qp_id"] == qp]
    return rows["t_ps"].to_numpy(np.int64), rows["rate_bps"].to_numpy(np.float64)


def cut(folder: Path) -> Result:
    """The rate after two notifications, at every microsecond."""
    result, lines = Result(), []
    for done in runs(load(folder, "dcqcn-cut.yaml"), record=True):
        params = done.scenario.spec.cc
        assert isinstance(params, DcqcnParams)
        mtu = done.scenario.spec.topology.nic.mtu
        t, rate = _rate_of(done, 0)
        fell = np.flatnonzero(np.diff(rate) < 0) + 1
        cnps = [float(t[i]) - 5e5 for i in fell]
        end = float(t[-1])
        wanted = reaction.steps(params, LINE_BPS, cnps, mtu + HEADERS, mtu + HEADERS + WIRE, end)
        at = np.array(wanted.t_ps)
        index = np.searchsorted(at, t, side="right") - 1
        expected = np.array(wanted.rate_bps)[index]
        after = np.append(at[1:], np.inf)[index]
        far = (t - at[index] > NEAR_PS) & (after - t > NEAR_PS)
        off = np.abs(rate[far] / expected[far] - 1)
        name = done.variant.labels["case"]
        result.checks += [
            Check(f"{name}: cuts", 2, len(fell), 0.0, True),
            at_least(f"{name}: steps of the algorithm", 10, len(at) - 1),
            Check(f"{name}: largest deviation of the rate, {int(far.sum()):,} samples", 0.0,
                  float(off.max()), 1e-6, absolute=True),
        ]  # fmt: skip
        keep = t < 1_500_000_000
        lines += [
            Line(f"{name}, the algorithm", t[keep] / 1e6, expected[keep] / 1e9),
            Line(f"{name}, emu", t[keep][::25] / 1e6, rate[keep][::25] / 1e9, dots=True),
        ]
    result.figure = Figure("Rate of one flow after two notifications", "us", "Gb/s", lines)
    result.notes.append(
        "Expected is the algorithm written a second time, packet by packet and with real numbers "
        "(`emu/validate/reaction.py`). When notifications come is read from the run; all that "
        "follows is computed. The second notification comes before the paper's flow is back at "
        "line rate, so that its target stays below and additive and hyper increase show."
    )
    return result


def convergence(folder: Path) -> Result:
    """A flow at a tenth of the link and one at line rate: the gap closes."""
    result, lines = Result(), []
    start_ps, window_ps = 10_000_000_000, 10_000_000_000
    gaps = []
    for done in runs(load(folder, "dcqcn-convergence.yaml"), record=True):
        rows = done.pairs
        last = int(rows["qp_id"].max())
        edges = np.arange(start_ps, int(rows["t_ps"].max()) + 1, window_ps)
        sent = []
        for qp in (0, last):
            own = rows[rows["qp_id"] == qp]
            total = np.cumsum(own["sent_bytes"].to_numpy(np.float64))
            at = np.searchsorted(own["t_ps"].to_numpy(np.int64), edges, side="right") - 1
            sent.append(np.diff(np.where(at >= 0, total[np.maximum(at, 0)], 0.0)))
        old, new = sent
        gaps.append((new - old) / (new + old))
        if done.scenario.seed == 1:
            x = (edges[1:] - start_ps) / 1e9
            byte = 8 / (window_ps / 1e12) / 1e9
            lines = [Line("began at a tenth", x, old * byte), Line("began at line rate", x,
                     new * byte)]  # fmt: skip
    gap = np.array(gaps)
    late = np.abs(gap[:, -10:].mean(axis=1))
    first = [10 * int(np.argmax(np.abs(g) < 0.1)) for g in gap]
    result.checks += [
        at_least("first 10 ms: the new flow's lead, share of both", 0.3, gap[:, 0].min()),
        Check("last 100 ms: lead, share of both, worst of 3 seeds", 0.0, float(late.max()), 0.05,
              absolute=True),
        Check("milliseconds until the lead is below a tenth, worst of 3 seeds", 0.0,
              float(max(first)), 200.0, absolute=True),
    ]  # fmt: skip
    result.figure = Figure("Two flows that begin unequal", "ms", "Gb/s", lines)
    return result


ROWS = (
    Row("dcqcn-cut", PART, "The rate of one flow after a notification, step by step, with the "
        "paper's and the vendor's parameters", ALGORITHM, "dcqcn-cut.yaml", cut),
    Row("dcqcn-convergence", PART, "Two flows that begin unequal become equal",
        "Zhu et al., CoNEXT 2016, 3 (flows of DCQCN converge to equal rates)",
        "dcqcn-convergence.yaml", convergence),
)  # fmt: skip
