# SPDX-License-Identifier: Apache-2.0
"""An independent simulator: the RDMA simulator of HPCC on ns-3, case by case."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from emu.fabric.numbering import node_number
from emu.interop.hpcc import Fct, Pfc, import_case, read_fct, read_pfc
from emu.spec import ExperimentSpec
from emu.validate.lab import Done, simulate
from emu.validate.plot import Figure, Line
from emu.validate.row import Check, Result, Row

Floats = npt.NDArray[np.float64]
PART = "An independent simulator"
SOURCE = "HPCC ns-3 simulator 9f4be2a9ea"
BUCKETS = (0, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21, 1 << 40)
DIFFERENCES: dict[str, dict[str, object]] = {
    "real frames": {"dialect.framing": None},
    "exact time": {"dialect.time_grain": "1ps"},
    "pauses expire": {"dialect.pauses": "expire"},
    "XOFF beyond the limit": {"dialect.xoff": "beyond-limit"},
    "XON on any departure": {"dialect.xon": "any-departure"},
    "CNPs": {"dialect.marks_return": "cnp"},
    "turns as ready": {"dialect.turns": "ready"},
    "another hash": {"dialect.hash": "mix"},
    "all of emu's": {"dialect": {}},
}
"""What is switched off of the profile, one at a time."""


LONG_SEEDS = 5
"""Of the cases of 200 ms."""


@dataclass(frozen=True)
class Case:
    """Files of one case and what that simulator wrote."""

    name: str
    folder: Path

    def file(self, name: str) -> Path:
        """The file, compressed or not."""
        plain = self.folder / name
        return plain if plain.exists() else self.folder / f"{name}.gz"

    @property
    def fct(self) -> Fct:
        """Results per flow."""
        return read_fct(self.file("fct.txt"))

    @property
    def pfc(self) -> Pfc | None:
        """Pause frames; None when the simulator saw none."""
        path = self.file("pfc.txt")
        return read_pfc(path) if path.exists() else None

    def run(self, seed: int = 1, changes: dict[str, object] | None = None) -> Done:
        """The imported experiment, run; values at dotted paths may be changed."""
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch) / "case.yaml"
            import_case(
                self.file("topology.txt"), self.file("flow.txt"), self.file("config.txt"), out
            )
            data = yaml.safe_load(out.read_text(encoding="utf-8"))
            data["workload"]["trace"]["file"] = str(out.with_name("case.flows.csv"))
            data["record"] = {"queues": False, "sample_interval": "1s"}
            if changes:
                data |= {"base": False, "cases": [{"name": "changed", "set": changes}]}
            (variant,) = ExperimentSpec.model_validate(data).variants()
            return simulate(variant, seed)


def reference() -> Path | None:
    """Folder of all cases, which the repository lacks; EMU_DATA names it."""
    path = Path(os.environ.get("EMU_DATA", "")) / "reference" / "ns3-hpcc"
    return path if path.is_dir() else None


def find(folder: Path, name: str) -> Case | None:
    """A case, shipped or of the reference folder."""
    for base in (folder / "hpcc-ns3", reference()):
        if base is not None and (base / name).is_dir():
            return Case(name, base / name)
    return None


def _ours(done: Done, fct: Fct) -> npt.NDArray[np.int64]:
    """Our times in nanoseconds, in the order of that simulator's file."""
    flows, qps = done.flows, done.scenario.workload.qps
    sport = qps["udp_sport"].to_numpy()[flows["qp_id"].to_numpy()]
    numbers = [node_number(done.scenario.fabric, e) for e in done.scenario.fabric.endpoints]
    took = (flows["acked_ps"].to_numpy() - flows["post_ps"].to_numpy()) // 1000
    ours = {
        (numbers[src], numbers[dst], int(port)): int(ns)
        for src, dst, port, ns in zip(
            flows["src_endpoint"], flows["dst_endpoint"], sport, took, strict=True
        )
    }
    keys = zip(fct.src.tolist(), fct.dst.tolist(), fct.sport.tolist(), strict=True)
    return np.array([ours[key] for key in keys], dtype=np.int64)


def single_flow(folder: Path) -> Result:
    """One flow: the same nanosecond."""
    case = find(folder, "b0_single_flow_star_dcqcn")
    assert case is not None
    fct = case.fct
    return Result([Check("completion, ns", int(fct.fct_ns[0]), int(_ours(case.run(), fct)[0]), 0.0,
                         absolute=True)])  # fmt: skip


def pfc_incast(folder: Path) -> Result:
    """Sixteen flows, PFC alone: no random number is drawn, so flow by flow."""
    case = find(folder, "b3_incast16_star_pfconly")
    assert case is not None
    fct, pfc, done = case.fct, case.pfc, case.run()
    assert pfc is not None
    off = np.abs(_ours(done, fct) / fct.fct_ns - 1)
    pauses = int((pfc.pause == 1).sum())
    return Result(
        [
            Check("largest deviation of a flow's completion, share", 0.0, float(off.max()), 0.01,
                  absolute=True),
            Check("last completion, ns", int(fct.fct_ns.max()), int(_ours(done, fct).max()), 0.01),
            Check("pause frames", pauses, done.counters["pfc_frames"], 0.15),
            Check("lost packets", 0, done.counters["dropped_packets"], 0.0, absolute=True),
        ]
    )  # fmt: skip


def sampled(folder: Path, name: str) -> dict[str, Floats]:
    """What that simulator gives under other seeds of its generator: values by quantity."""
    table = pd.read_csv(folder / "hpcc-ns3" / "seeds.csv")
    table = table[table["case"] == name]
    return {
        str(what): rows["value"].to_numpy(np.float64)
        for what, rows in table.groupby("quantity", sort=False)
    }


def _error(a: Floats, b: Floats) -> float:
    """Standard error of the difference of two means."""
    return float(np.hypot(*(x.std(ddof=1) / np.sqrt(len(x)) for x in (a, b))))


def random_star(folder: Path, names: tuple[str, ...], seeds: int) -> Result:
    """Incasts under DCQCN: marks are random, so flows in order of completion over seeds."""
    result = Result()
    for name in names:
        case = find(folder, name)
        if case is None:
            result.notes.append(_left_out(name))
            continue
        fct = case.fct
        theirs = sampled(folder, name)
        flows = len(fct.fct_ns)
        here = min(seeds, LONG_SEEDS) if name.endswith("200ms") else seeds
        got = np.array([np.sort(_ours(case.run(seed), fct)) for seed in range(1, here + 1)])
        if not theirs:
            result.checks += _one_sample(name, np.sort(fct.fct_ns), got)
            continue
        expected = np.array([theirs[f"completion {k}"] for k in range(1, flows + 1)]).T
        z = [
            (ours.mean() - them.mean()) / _error(ours, them)
            for ours, them in zip(got.T, expected.T, strict=True)
        ]
        each = expected.mean(axis=1), got.mean(axis=1)
        result.checks += [
            Check(f"{name}: mean completion of {flows} flows, {len(expected)} runs there, "
                  f"{here} here, us", each[0].mean() / 1000, each[1].mean() / 1000, 0.01),
            Check(f"{name}: largest difference of the k-th to complete, in standard errors", 0.0,
                  float(np.abs(z).max()), 3.5, absolute=True),
        ]  # fmt: skip
        result.notes.append(
            f"{name}: standard error of the mean's difference "
            f"{_error(*each) / each[0].mean():.2%}; the k-th to complete differs by at most "
            f"{np.abs(got.mean(axis=0) / expected.mean(axis=0) - 1).max():.2%}."
        )
    result.notes.append(
        "Which packet is marked is drawn, there from ns-3's generator, here from emu's: flow by "
        "flow two runs are two samples. Compared are the means over seeds of both; where that "
        "simulator's other seeds are not here, its one run against the spread of emu's."
    )
    return result


def _one_sample(name: str, expected: Floats, got: Floats) -> list[Check]:
    """One run of that simulator against several of ours."""
    spread = got.std(axis=0, ddof=1) / expected
    off = got.mean(axis=0) / expected - 1
    sd = float(got.mean(axis=1).std(ddof=1) / expected.mean())
    return [
        Check(f"{name}: mean completion of {len(expected)} flows, {len(got)} seeds, us",
              expected.mean() / 1000, got.mean() / 1000, 0.01 + 2 * sd),
        Check(f"{name}: largest deviation of the k-th to complete, in standard deviations of "
              "one run", 0.0, float(np.abs(off / np.maximum(spread, 0.003)).max()), 3.5,
              absolute=True),
    ]  # fmt: skip


def leaf_spine(folder: Path, name: str, seeds: int) -> Result:
    """2,000 flows over a fabric: slowdown by size, pause frames, means over seeds of both."""
    case = find(folder, name)
    if case is None:
        return Result(notes=[_left_out(name)])
    fct, pfc = case.fct, case.pfc
    assert pfc is not None
    theirs = sampled(folder, name)
    runs = [case.run(seed) for seed in range(1, seeds + 1)]
    ours = np.array([_ours(done, fct) / fct.standalone_ns for done in runs])
    result, errors = Result(), []

    def compare(what: str, label: str, got: Floats, tolerance: float) -> None:
        expected = theirs[what]
        result.checks.append(Check(label, float(expected.mean()), float(got.mean()), tolerance))
        errors.append(_error(expected, got) / float(expected.mean()))

    for low, high in pairwise(BUCKETS):
        rows = (fct.size_bytes >= low) & (fct.size_bytes < high)
        if not rows.any():
            continue
        for word, share, tolerance in (("median", 50, 0.03), ("99th percentile", 99, 0.08)):
            bucket = f"slowdown from {low // 1024} KiB"
            compare(f"{bucket}: {word}", f"{bucket}, {rows.sum()} flows: {word}",
                    np.percentile(ours[:, rows], share, axis=1), tolerance)  # fmt: skip
    frames = np.array([float(done.counters["pfc_frames"]) for done in runs])
    compare("pause frames", "pause frames", frames, 0.15)
    lost = max(d.counters["dropped_packets"] for d in runs)
    result.checks.append(Check("lost packets", 0, lost, 0.0, True))
    grid = np.linspace(1, 99.9, 200)
    slow = fct.fct_ns / fct.standalone_ns
    result.figure = Figure(
        f"Slowdown in {name.split('_')[0]}", "percentile", "slowdown",
        [Line("ns-3, one seed", grid, np.percentile(slow, grid)),
         Line("emu, one seed", grid, np.percentile(ours[0], grid))], log_y=True,
    )  # fmt: skip
    there = theirs["pause frames"]
    result.notes.append(
        f"Means of {len(there)} runs there and {seeds} here. Which packet is marked is drawn, and "
        "what follows differs from run to run on both sides: standard errors of the differences "
        f"are {', '.join(f'{e:.1%}' for e in errors)}, in the order of the lines. Paths are the "
        "same: that simulator lists equal next hops by the addresses of its switches in memory, "
        "of which each has a mapping of its own, the later one below, and the import orders the "
        f"links so. Pause frames by seed there: {', '.join(f'{x:.0f}' for x in there)}; here: "
        f"{', '.join(f'{x:.0f}' for x in frames)}. {_where_paused(pfc, runs)}"
    )
    return result


def _where_paused(pfc: Pfc, runs: list[Done]) -> str:
    """How far the paused inner ports of both are the same."""
    fabric = runs[0].scenario.fabric
    hosts = fabric.n_endpoints
    theirs = {int(node) for node, one in zip(pfc.node, pfc.pause, strict=True) if one == 1}
    ours = set()
    for done in runs:
        rx = done.engine.queues()["pfc_rx_frames"].reshape(-1, 8).sum(axis=1)
        ours |= {
            node_number(fabric, p.node) for p in fabric.ports if rx[done.ports.to_engine[p.id]]
        }
    leaves = {node_number(fabric, node) for node in fabric.switches}
    inner = theirs & leaves
    return (
        f"Of the {len(inner)} switches and {len(theirs - leaves)} of {hosts} hosts that were "
        f"paused there, {len(inner & ours)} and {len((theirs - leaves) & ours)} were in these runs."
    )


def differences(folder: Path, name: str, seeds: int) -> Result:
    """What each difference of model costs."""
    case = find(folder, name)
    if case is None:
        return Result(notes=[_left_out(name)])
    fct = case.fct
    lines = [
        "| switched off | mean completion | pause frames |",
        "|---|--:|--:|",
    ]
    result = Result()
    reference_ns = 0.0
    for what, changes in ({"nothing": None} | DIFFERENCES).items():
        done = [case.run(seed, changes) for seed in range(1, seeds + 1)]
        mean = float(np.mean([_ours(run, fct).mean() for run in done]))
        frames = float(np.mean([run.counters["pfc_frames"] for run in done]))
        reference_ns = reference_ns or mean
        lines.append(
            f"| {what} | {mean / 1000:.1f} us ({mean / reference_ns - 1:+.2%}) | {frames:.0f} |"
        )
        lost = max(run.counters["dropped_packets"] for run in done)
        result.checks.append(Check(f"lost packets, {what}", 0, lost, 0.0, True))
    result.notes.append("\n".join(lines))
    if seeds > 1:
        result.notes.append(f"Means of {seeds} seeds.")
    return result


def _left_out(name: str) -> str:
    return f"{name} was left out: its files are not here (EMU_DATA names their folder)."


_STARS = ("b1_incast2_star_dcqcn",)
_ALL_STARS = (
    "a_bundled_topology_flow_dcqcn", "a_bundled_topology_flow_dcqcn_paper",
    "b1_incast2_star_dcqcn_paper", "b2_incast16_star_dcqcn", "b2_incast16_star_dcqcn_paper",
    "b4_incast2_star_dcqcn_paper_200ms", "b5_incast16_star_dcqcn_paper_200ms",
)  # fmt: skip

ROWS = (
    Row("hpcc-single-flow", PART, "One flow over one switch, to the nanosecond", SOURCE,
        "hpcc-ns3/b0_single_flow_star_dcqcn", single_flow),
    Row("hpcc-pfc-incast", PART, "A 16-to-1 incast under PFC alone, flow by flow", SOURCE,
        "hpcc-ns3/b3_incast16_star_pfconly", pfc_incast),
    Row("hpcc-dcqcn-incast", PART, "A 2-to-1 incast under its DCQCN", SOURCE,
        "hpcc-ns3/b1_incast2_star_dcqcn", partial(random_star, names=_STARS, seeds=6)),
    Row("hpcc-differences", PART, "What each difference between its model and emu's costs", SOURCE,
        "hpcc-ns3/b3_incast16_star_pfconly",
        partial(differences, name="b3_incast16_star_pfconly", seeds=1)),
    Row("hpcc-stars", PART, "The other single-switch cases", SOURCE, "hpcc-ns3/README.md",
        partial(random_star, names=_ALL_STARS, seeds=12), quick=False),
    Row("hpcc-leaf-spine", PART, "32 hosts, Poisson flows, 32 MiB, its DCQCN preset", SOURCE,
        "hpcc-ns3/README.md",
        partial(leaf_spine, name="c1_leafspine32_poisson_dcqcn", seeds=16), quick=False),
    Row("hpcc-leaf-spine-pfc", PART, "The same flows, 4 MiB buffers: PFC at work", SOURCE,
        "hpcc-ns3/README.md",
        partial(leaf_spine, name="c2_leafspine32_poisson_dcqcn_paper_buf4", seeds=12), quick=False),
    Row("hpcc-differences-fabric", PART, "What each difference costs in the leaf-spine case",
        SOURCE, "hpcc-ns3/README.md",
        partial(differences, name="c2_leafspine32_poisson_dcqcn_paper_buf4", seeds=3),
        quick=False),
)  # fmt: skip
