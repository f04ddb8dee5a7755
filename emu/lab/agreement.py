# SPDX-License-Identifier: Apache-2.0
"""The same scenarios on both backends, side by side, and how far apart they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emu.lab.run import LabOptions, run_lab_experiment
from emu.sim import run_experiment
from emu.spec import load_experiment
from emu.telemetry import Run

Tell = Callable[[str], None]

WANTED = {"fct_median_us": 0.05, "fct_p99_us": 0.10, "pause_us": 0.15}
"""Largest relative difference that counts as agreement."""
NOTED = 0.05
"""A figure without a limit that is farther apart gets a note."""
TITLES = {
    "fct_median_us": "FCT median, us",
    "fct_p99_us": "FCT p99, us",
    "ecn_marked": "ECN marks",
    "cnps": "CNPs",
    "pfc_frames": "PFC frames",
    "pause_us": "pause time, us",
    "drops": "drops",
}


@dataclass(frozen=True)
class Scenario:
    """One experiment file and who forwards in the lab."""

    name: str
    control: dict[str, str]
    """Design key to the control of the lab."""
    why: str = ""
    """What is known to differ, and why."""


SCENARIOS = (
    Scenario("one-flow", {"l3": "static"}),
    Scenario("two-into-one", {"l3": "static"}),
    Scenario("incast-4", {"l3": "static"}),
    Scenario("incast-8", {"l3": "static"}),
    Scenario("collision", {"l3": "static"}),
    Scenario("kv-replay", {"l3": "static"}),
    Scenario(
        "designs",
        {"l3": "frr", "evpn/l2vni": "frr"},
        why="the kernel hashes with a function and a key of its own, so that flows which share an "
        "uplink in one backend may not share it in the other",
    ),
    Scenario("stretched-rstp", {"stretched-l2/rstp": "ovs"}),
    Scenario(
        "link-failure",
        {"l3": "static"},
        why="the rules of a real switch change some milliseconds of wall time after their "
        "moment, so that a few packets more or fewer are lost",
    ),
)


@dataclass(frozen=True)
class Figures:
    """What one backend measured of one design, over all seeds."""

    values: dict[str, float]
    unfinished: int
    late_runs: int
    lateness: str


def figures(runs: Iterable[Run]) -> Figures:
    """Figures of the runs of one design on one backend."""
    fct: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    totals = dict.fromkeys(("ecn_marked", "cnps", "pfc_frames", "pause_us", "drops"), 0.0)
    unfinished = late = 0
    shares = []
    for run in runs:
        flows, counters = run.flows, run.meta["counters"]
        done = flows[flows["status"] == "done"]
        unfinished += len(flows) - len(done)
        fct.append((done["end_ps"] - done["post_ps"]).to_numpy() / 1e6)
        totals["ecn_marked"] += counters["ecn_marked_packets"]
        totals["cnps"] += counters["cnp_packets"]
        totals["pfc_frames"] += counters["pfc_frames"]
        totals["drops"] += counters["dropped_packets"]
        totals["pause_us"] += float(run.ports["pfc_rx_pause_ps"].sum()) / 1e6
        lab = run.meta.get("lab")
        if lab is not None:
            late += bool(lab["late"])
            shares.append(lab["late_share"])
    every = np.concatenate(fct) if fct else np.array([np.nan])
    values = {
        "fct_median_us": float(np.median(every)),
        "fct_p99_us": float(np.percentile(every, 99)),
        **totals,
    }
    worst = f"{100 * max(shares):.2g} %" if shares else ""
    return Figures(values, unfinished, late, worst)


def run_both(
    folder: Path, out: Path, options: LabOptions, *, only: set[str] | None = None, tell: Tell
) -> list[dict[str, Any]]:
    """Run the scenarios of ``folder`` on both backends; returns the rows of the table."""
    rows: list[dict[str, Any]] = []
    for scenario in SCENARIOS:
        if only and scenario.name not in only:
            continue
        spec = load_experiment(folder / f"{scenario.name}.yaml")
        tell(f"{scenario.name}: simulator")
        sim = run_experiment(spec, out / scenario.name / "sim", jobs=1)
        tell(f"{scenario.name}: lab")
        chosen = replace(options, controls=scenario.control)
        lab = run_lab_experiment(spec, out / scenario.name / "lab", chosen, tell=tell)
        for design, control in scenario.control.items():
            both = [
                figures(run for run in map(Run, paths) if run.meta["design"] == design)
                for paths in (sim, lab)
            ]
            rows.append(row_of(scenario, design, control, spec.question, len(spec.seeds), *both))
    return rows


def row_of(
    scenario: Scenario, design: str, control: str, question: str, seeds: int, sim: Figures,
    lab: Figures,
) -> dict[str, Any]:  # fmt: skip
    """One comparison."""
    apart = {name: difference(sim.values[name], lab.values[name]) for name in TITLES}
    return {
        "scenario": scenario.name,
        "design": design,
        "control": control,
        "question": question,
        "seeds": seeds,
        "sim": sim.values,
        "lab": lab.values,
        "difference": apart,
        "agrees": all(abs(apart[name]) <= limit for name, limit in WANTED.items()),
        "unfinished": [sim.unfinished, lab.unfinished],
        "late_runs": lab.late_runs,
        "late_packets_worst_run": lab.lateness,
        "why": scenario.why,
    }


def difference(sim: float, lab: float) -> float:
    """Relative to the simulator; 0 when both are 0, infinite when only it is."""
    if sim == lab:
        return 0.0
    return (lab - sim) / sim if sim else float("inf")


def page(rows: list[dict[str, Any]], options: LabOptions) -> str:
    """docs/agreement.md."""
    agreeing = sum(row["agrees"] for row in rows)
    lines = [
        "# Agreement of simulator and lab",
        "",
        f"{agreeing} of {len(rows)} comparisons are within the wanted limits: median flow "
        "completion time within 5 %, 99th percentile within 10 %, pause time within 15 %. "
        f"Time dilation {options.dilation:g}; every scenario over the seeds that stand with it. "
        "`make agreement` writes this page; do not edit it.",
        "",
        "In the lab Open vSwitch or the Linux kernel forwards every packet, and the simulator's "
        "own code does what a switch chip's traffic manager and a NIC do. So a difference comes "
        "from forwarding (another path, other headers, a lost packet) or from packets that came "
        "out of a real switch later than its pipeline latency allows. The column *late* is the "
        "share of these in the worst run.",
        "",
        "| scenario | design, control | figure | simulator | lab | difference | late |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        first = True
        for name, title in TITLES.items():
            limit = WANTED.get(name)
            apart = row["difference"][name]
            mark = "" if limit is None or abs(apart) <= limit else " **over**"
            lines.append(
                f"| {row['scenario'] if first else ''} "
                f"| {row['design'] + ', ' + row['control'] if first else ''} | {title} "
                f"| {number(row['sim'][name])} | {number(row['lab'][name])} "
                f"| {percent(apart)}{mark} | {row['late_packets_worst_run'] if first else ''} |"
            )
            first = False
    notes = [
        row for row in rows if row["why"] and max(map(abs, row["difference"].values())) > NOTED
    ]
    notes += [row for row in rows if row not in notes and (not row["agrees"] or row["late_runs"])]
    if notes:
        lines += ["", "## Where they differ", ""]
        for row in notes:
            text = f"- **{row['scenario']}, {row['design']}**: "
            if row["late_runs"]:
                text += f"{row['late_runs']} of {row['seeds']} runs were late. "
            over = [TITLES[n] for n, x in WANTED.items() if abs(row["difference"][n]) > x]
            other = [
                TITLES[n]
                for n, x in row["difference"].items()
                if n not in WANTED and abs(x) > NOTED
            ]
            if over:
                text += f"over the limit: {', '.join(over)}. "
            if other:
                text += f"more than {100 * NOTED:g} % apart: {', '.join(other)}. "
            if over or other:
                text += f"Known reason: {row['why']}." if row["why"] else "No reason is known."
            lines.append(text)
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Three or more significant digits, counts in full."""
    if value == int(value):
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.2f}" if value >= 10 else f"{value:.3g}"


def percent(value: float) -> str:
    """A relative difference."""
    if value == 0:
        return "0"
    return f"{100 * value:+.2g} %" if np.isfinite(value) else "only in the lab"


def write_page(rows: list[dict[str, Any]], options: LabOptions, path: Path, data: Path) -> None:
    """The page, and its rows as JSON beside the runs."""
    path.write_text(page(rows, options), encoding="utf-8")
    data.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
