# SPDX-License-Identifier: Apache-2.0
"""Queueing theory: packets of one size into one port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from emu.validate import theory
from emu.validate.lab import Done, load, runs, simulate
from emu.validate.plot import Figure, Line
from emu.validate.row import Check, Result, Row

PART = "Queueing theory"
FRAME_BYTES = 4178
"""A message of 4096 bytes in one packet: 62 of headers, RETH 16, immediate 4."""
SERVICE_PS = (FRAME_BYTES + 20) * 8 * 10**12 // (25 * 10**9)
"""At 25 Gb/s, preamble and gap included."""
NIC_SERVICE_PS = (FRAME_BYTES + 20) * 8 * 10**12 // (400 * 10**9)
BATCH = 60_000
"""Packets whose mean wait is taken for independent of the next ones'."""
WARM_UP = 20_000
BIN_PS = SERVICE_PS // 200
PHASES = 4000
"""Of nD/D/1: one run each, of which every source counts once."""
RUNS = {"load 0.3": 1, "load 0.5": 1, "load 0.7": 2, "load 0.8": 4, "load 0.9": 12,
        "load 0.95": 40}  # fmt: skip
"""Seeds per load: the standard error of the mean is to be below 0.4 % of it."""


def _waits(done: Done, priority: int = 3) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Arrival at the queue (up to a constant) and wait of each packet, by arrival."""
    flows = done.scenario.workload.flows
    own = (flows["transfer_id"] < 0) & (flows["priority"] == priority)
    post = flows["post_ps"].to_numpy(np.int64)[own]
    took = done.engine.messages()["end_ps"][own] - post
    order = np.argsort(post, kind="stable")
    return post[order], took[order] - took.min()


def exact(folder: Path) -> Result:
    """Every packet's time against the recursion of Lindley, in its NIC and in the port."""
    result = Result()
    for done in runs(load(folder, "md1-exact.yaml")):
        flows = done.flows[done.flows["transfer_id"] < 0]
        src = flows["src_endpoint"].to_numpy()
        post = flows["post_ps"].to_numpy(np.int64)
        took = flows["end_ps"].to_numpy(np.int64) - post
        sent = post.copy()
        for source in np.unique(src):
            own = src == source
            sent[own] += theory.lindley(post[own], NIC_SERVICE_PS)
        order = np.lexsort((src, sent))
        wait = sent - post
        wait[order] += theory.lindley(sent[order], SERVICE_PS)
        off = took - took.min() - wait
        name = f"{done.variant.labels['case']}, {len(post):,} packets"
        worst = int(np.abs(off).max())
        result.checks.append(Check(f"{name}: largest difference, ps", 0, worst, 0.0, absolute=True))
    return result


class Tally:
    """Waits of many packets, of which none is kept: their mean, its error, their distribution."""

    def __init__(self) -> None:
        self.packets, self.span_ps = 0, 0
        self._parts: list[float] = []
        self._counts = np.zeros(0, np.int64)

    def add(self, post: npt.NDArray[np.int64], waits: npt.NDArray[np.int64]) -> None:
        """The packets of one run, by arrival, without the first ones: they found it empty."""
        post, waits = post[WARM_UP:], waits[WARM_UP:]
        self.packets += len(waits)
        self.span_ps += int(post[-1] - post[0])
        parts = np.array_split(waits, len(waits) // BATCH)
        self._parts += [float(part.mean()) / SERVICE_PS for part in parts]
        counts = np.bincount(waits // BIN_PS)
        wide = max(len(counts), len(self._counts))
        self._counts = np.pad(self._counts, (0, wide - len(self._counts)))
        self._counts[: len(counts)] += counts

    @property
    def load(self) -> float:
        """Load of the packets that came, not of those that were ordered."""
        return self.packets * SERVICE_PS / self.span_ps

    def mean(self) -> tuple[float, float]:
        """Mean in services, and its standard error by means of batches."""
        return float(np.mean(self._parts)), float(
            np.std(self._parts, ddof=1) / np.sqrt(len(self._parts))
        )

    def percentile(self, share: float) -> float:
        """Wait in services that this share does not exceed, even within a bin."""
        below = np.cumsum(self._counts)
        rank = share * below[-1]
        i = int(np.searchsorted(below, rank))
        inside = (rank - (below[i] - self._counts[i])) / self._counts[i]
        return float((i + inside) * BIN_PS / SERVICE_PS)


def md1(folder: Path) -> Result:
    """Mean and 99th percentile against M/D/1, over as many packets as 1 % of the mean takes."""
    result, loads, means, tails = Result(), [], [], []
    errors = []
    for variant in load(folder, "md1.yaml").variants():
        tally = Tally()
        for seed in range(1, RUNS[variant.labels["case"]] + 1):
            tally.add(*_waits(simulate(variant, seed)))
        rho, (mean, error), p99 = tally.load, tally.mean(), tally.percentile(0.99)
        name = f"load {rho:.4f}, {tally.packets / 1e6:.1f} M packets"
        expected = theory.md1_mean(rho)
        result.checks += [
            Check(f"{name}: mean wait, services", expected, mean, 0.01),
            Check(f"{name}: 99th percentile, services", theory.md1_percentile(rho, 0.99), p99,
                  0.02),
        ]  # fmt: skip
        errors.append(f"{error / expected:.2%}")
        loads.append(rho)
        means.append(mean)
        tails.append(p99)
    grid = np.linspace(0.25, 0.955, 60)
    result.figure = Figure(
        "Wait in one port under Poisson arrivals", "load", "wait, services",
        [
            Line("M/D/1 mean", grid, [theory.md1_mean(x) for x in grid]),
            Line("M/D/1 99 %", grid, [theory.md1_percentile(x, 0.99) for x in grid]),
            Line("emu mean", loads, means, dots=True),
            Line("emu 99 %", loads, tails, dots=True),
        ],
        log_y=True,
    )  # fmt: skip
    result.notes.append(
        "The formulas get the load of the packets that came. Standard errors of the means, from "
        f"batches of {BATCH:,} packets: {', '.join(errors)}. At a load of 0.95 a wait is "
        "remembered for hundreds of packets, which is why so many are needed there."
    )
    return result


def priorities(folder: Path) -> Result:
    """Two strict priorities against Cobham's formula."""
    result, errors = Result(), []
    tallies = {"high": Tally(), "low": Tally()}
    for done in runs(load(folder, "md1-priorities.yaml")):
        for name, priority in (("high", 6), ("low", 3)):
            tallies[name].add(*_waits(done, priority))
    means = theory.priority_means(tallies["high"].load, tallies["low"].load)
    for (name, tally), expected in zip(tallies.items(), means, strict=True):
        got, error = tally.mean()
        result.checks.append(
            Check(f"{name} priority, load {tally.load:.3f}, {tally.packets / 1e6:.1f} M packets: "
                  "mean wait, services", expected, got, 0.01)
        )  # fmt: skip
        errors.append(f"{error / expected:.2%}")
    result.notes.append(f"Standard errors of the means: {', '.join(errors)}.")
    return result


def periodic(folder: Path) -> Result:
    """N periodic sources with random phases against the exact nD/D/1 distribution."""
    (variant,) = load(folder, "ndd1.yaml").variants()
    waits, period, sources = [], 0.0, 0
    for seed in range(1, PHASES + 1):
        done = simulate(variant, seed)
        post, wait = _waits(done)
        sources = done.scenario.fabric.n_endpoints - 1
        period = float(np.median(np.diff(post[::sources]))) / SERVICE_PS
        # From the second period on the system is periodic: each source counts once.
        waits.append(wait[sources : 2 * sources])
    phases = np.array(waits) / SERVICE_PS
    result = Result()
    xs, expected, got = [], [], []
    for x in range(4):
        # An arriving packet sees the other N - 1 sources.
        p = theory.ndd1_exceeds(sources - 1, period, x)
        shares = (phases > x).mean(axis=1)
        share, error = float(shares.mean()), float(shares.std(ddof=1) / np.sqrt(PHASES))
        result.checks.append(
            Check(f"P(wait > {x} services), {PHASES:,} phases of {sources} sources", p, share,
                  3 * error, absolute=True)
        )  # fmt: skip
        xs.append(x)
        expected.append(p)
        got.append(share)
    result.figure = Figure(
        f"{sources} periodic sources", "wait, services", "share of packets that wait longer",
        [Line("nD/D/1", xs, expected), Line("emu", xs, got, dots=True)], log_y=True,
    )  # fmt: skip
    result.notes.append("The tolerance is three standard errors over the phases.")
    return result


ROWS = (
    Row("md1-exact", PART, "Every packet's wait against Lindley's recursion on the same arrivals",
        "Lindley 1952", "md1-exact.yaml", exact),
    Row("md1", PART, "Mean and 99th percentile of the wait against M/D/1",
        "Pollaczek-Khinchine; exact distribution by Franx 2001", "md1.yaml", md1, quick=False),
    Row("md1-priorities", PART, "Two strict priorities against the non-preemptive formulas",
        "Cobham 1954", "md1-priorities.yaml", priorities, quick=False),
    Row("ndd1", PART, "Periodic sources with random phases against nD/D/1",
        "Roberts and Virtamo 1991", "ndd1.yaml", periodic, quick=False),
)  # fmt: skip
