# SPDX-License-Identifier: Apache-2.0
"""`emu lab calibrate | agree | report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu._api import available_cores
from emu.cli.console import EXIT_INTERRUPTED, note, print_json, print_table

EXPERIMENT = Path("experiments/lab-report.yaml")
AGREEMENT = Path("experiments/agreement")
PAGE = Path("docs/agreement.md")


def add(group: typer.Typer) -> None:
    """Add the verbs to `emu lab`."""
    group.command(epilog="Example: emu lab calibrate topologies/lab-2x2x4.yaml")(calibrate)
    group.command(epilog="Example: emu lab agree --dilation 20000 --only incast-4")(agree)
    group.command(epilog="Example: emu lab report experiments/lab-report.yaml")(report)


def calibrate(
    topology: Annotated[str, typer.Argument(metavar="TOPOLOGY", help="A topology.")] = (
        "lab-2x2x4"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure this machine under full load and keep the time dilation that a topology needs.

    Runs without --dilation take it; one that was never measured is measured when it is needed.
    """
    from emu.lab.calibrate import calibrate as measure
    from emu.lab.dilation import remember
    from emu.spec import load_topology

    spec = load_topology(topology)
    found = measure(spec, note)
    remember(spec, found)
    if json:
        print_json(found.as_dict())
        return
    rows = [
        ["packet through a switch, p50", f"{found.turnaround_p50_us:.0f} us"],
        ["packet through a switch, p90", f"{found.turnaround_p90_us:.0f} us"],
        ["packet through a switch, p99.9", f"{found.turnaround_p999_us:.0f} us"],
        ["work per packet and switch", f"{found.cpu_us_per_packet:.1f} us"],
        ["packets per fabric microsecond", f"{found.packets_per_fabric_us:.1f}"],
        ["dilation that time asks for", f"{found.dilation_for_time:.0f}"],
        ["dilation that work asks for", f"{found.dilation_for_cpu:.0f}"],
    ]
    print_table(["measured", "value"], rows)
    note(f"runs of {spec.name} take a time dilation of {found.dilation:g} from now on")


def agree(
    folder: Annotated[Path, typer.Argument(help="The agreement scenarios.")] = AGREEMENT,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the runs; whole ones are kept.")
    ] = Path("runs/agreement"),
    page: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this scenario; can be repeated.")
    ] = None,
    dilation: Annotated[
        float | None, typer.Option(min=1, help="Time dilation (default: calibrated).")
    ] = None,
) -> None:
    """Run the agreement scenarios on both backends and write the page that compares them."""
    from emu.lab.agreement import run_scenarios
    from emu.lab.run import LabOptions
    from emu.report.agreement import agreement_page, comparisons
    from emu.telemetry import canonical_json

    options = LabOptions(dilation)
    pairs = run_scenarios(folder, out, options, only=set(only or ()) or None, tell=note)
    rows = [row for pair in pairs for row in comparisons(*pair)]
    page.write_text(agreement_page(rows), encoding="utf-8")
    (out / "rows.json").write_text(canonical_json([r.row() for r in rows]), encoding="utf-8")
    agreeing = sum(row.agrees for row in rows)
    note(f"{page}: {agreeing} of {len(rows)} comparisons within the wanted limits")


def _command(experiment: Path, out: Path, page: Path) -> str:
    """What makes the page again."""
    if experiment == EXPERIMENT:
        return "make lab-report"
    return f"emu lab report {experiment} --out {out} --page {page}"


def report(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file.")
    ] = EXPERIMENT,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the runs; whole ones are kept.")
    ] = Path("runs/lab"),
    page: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("reports/lab"),
    scenarios: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Agreement scenarios to run as well.")
    ] = None,
    scenario_runs: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for their runs; whole ones are kept.")
    ] = Path("runs/agreement"),
    dilation: Annotated[
        float | None, typer.Option(min=1, help="Time dilation (default: calibrated).")
    ] = None,
) -> None:
    """Run an experiment on both backends and write the page that shows them side by side.

    The simulator gets the repair times that the lab's control planes showed. Interrupted, the
    same command goes on where it was.
    """
    from emu.lab.agreement import run_scenarios
    from emu.lab.both import run_both
    from emu.lab.run import LabOptions
    from emu.report.agreement import lab_report
    from emu.spec import load_experiment

    options = LabOptions(dilation)
    try:
        folders = run_both(
            load_experiment(experiment), out, options, jobs=available_cores(), tell=note
        )
        pairs = run_scenarios(scenarios, scenario_runs, options, tell=note) if scenarios else []
    except KeyboardInterrupt:
        note("interrupted")
        note("hint: the same command goes on where it was")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    written = lab_report(
        folders.sim, folders.lab, page, spread=folders.spread, at_rate=folders.at_rate,
        scenarios=pairs, command=_command(experiment, out, page),
    )  # fmt: skip
    note(f"report: {written.resolve()}")
