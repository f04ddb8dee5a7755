# SPDX-License-Identifier: Apache-2.0
"""docs/agreement.md: the table of all scenarios, and why some figures differ."""

from __future__ import annotations

from collections.abc import Sequence

from emu.report.agreement.comparison import Comparison
from emu.report.agreement.figures import TITLES, WANTED, number, percent
from emu.report.agreement.trace import Trace

__all__ = ["agreement_page"]


def agreement_page(rows: Sequence[Comparison]) -> str:
    """The page as Markdown."""
    agreeing = sum(row.agrees for row in rows)
    dilations = sorted({row.dilation for row in rows})
    lines = [
        "# Agreement of simulator and lab",
        "",
        f"{agreeing} of {len(rows)} comparisons are within the wanted limits: median flow "
        "completion time within 5 %, 99th percentile within 10 %, pause time within 15 %. "
        f"Time dilation {', '.join(f'{d:g}' for d in dilations)}; every scenario over the seeds "
        "that stand with it. `make agreement` writes this page; do not edit it.",
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
        lines += _lines(row)
    notes = [row for row in rows if row.over or row.noted or row.late]
    if notes:
        lines += ["", "## Where they differ", ""]
        for row in notes:
            lines += _note(row)
    return "\n".join(lines).rstrip() + "\n"


def _lines(row: Comparison) -> list[str]:
    if not row.lab:
        return [f"| {row.name} | {row.design}, {row.control} | no run was on time | | | | |"]
    sim, lab = row.sides
    share = f"{100 * (lab.late_share or 0.0):.2g} %"
    out = []
    for i, (name, title) in enumerate(TITLES.items()):
        mark = " **over**" if name in row.over else ""
        first = (row.name, f"{row.design}, {row.control}", share) if i == 0 else ("", "", "")
        out.append(
            f"| {first[0]} | {first[1]} | {title} | {number(sim.values[name])} "
            f"| {number(lab.values[name])} | {percent(row.apart[name])}{mark} | {first[2]} |"
        )
    return out


def _note(row: Comparison) -> list[str]:
    lines = [f"### {row.name}, {row.design}", ""]
    said = []
    if row.late:
        seeds = ", ".join(str(run.seed) for run in row.late)
        said.append(f"Late and therefore left out: seed {seeds}.")
    limits = {name: f"{TITLES[name]} (over {100 * WANTED[name]:g} %)" for name in row.over}
    beyond = [*limits.values(), *(TITLES[name] for name in row.noted)]
    if beyond:
        said.append(f"More than 5 % apart: {', '.join(beyond)}.")
    found = row.trace if row.lab else None
    if found is not None:
        said.append(found.reason)
    elif beyond:
        said.append("The captures of these runs were not kept, so no packet tells why.")
    lines += [" ".join(said), ""]
    return lines + (_table(found) if found is not None else [])


def _table(found: Trace) -> list[str]:
    lines = [
        f"Packet {found.psn} of {found.src} to {found.dst}, seed {found.seed}; fabric time in "
        "microseconds, CE: with a congestion mark.",
        "",
        "| where | simulator | lab |",
        "|---|---:|---:|",
    ]
    for step in found.steps:
        sim, lab = _time(step.sim_ps, step.sim_marked), _time(step.lab_ps, step.lab_marked)
        lines.append(f"| {step.place} | {sim} | {lab} |")
    return [*lines, ""]


def _time(at_ps: int | None, marked: bool) -> str:
    if at_ps is None:
        return "not seen"
    return f"{at_ps / 1e6:.3f}{' CE' if marked else ''}"
