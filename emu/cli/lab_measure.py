# SPDX-License-Identifier: Apache-2.0
"""`emu lab calibrate | agree`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_table

AGREEMENT = Path("experiments/agreement")
PAGE = Path("docs/agreement.md")


def add(group: typer.Typer) -> None:
    """Add the verbs to `emu lab`."""
    group.command(epilog="Example: emu lab calibrate topologies/lab-2x2x4.yaml")(calibrate)
    group.command(epilog="Example: emu lab agree --dilation 20000 --only incast-4")(agree)


def calibrate(
    topology: Annotated[str, typer.Argument(metavar="TOPOLOGY", help="A topology.")] = (
        "lab-2x2x4"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure this machine under full load and propose a time dilation for a topology."""
    from emu.lab.calibrate import calibrate as measure
    from emu.spec import load_topology

    found = measure(load_topology(topology), note)
    if json:
        print_json(found.as_dict())
        return
    rows = [
        ["packet through a switch, p50", f"{found.turnaround_p50_us:.0f} us"],
        ["packet through a switch, p99.9", f"{found.turnaround_p999_us:.0f} us"],
        ["work per packet and switch", f"{found.cpu_us_per_packet:.1f} us"],
        ["packets per fabric microsecond", f"{found.packets_per_fabric_us:.1f}"],
        ["dilation that time asks for", f"{found.dilation_for_time:.0f}"],
        ["dilation that work asks for", f"{found.dilation_for_cpu:.0f}"],
    ]
    print_table(["measured", "value"], rows)
    note(f"hint: emu run X.yaml --backend lab --dilation {found.dilation:g}")


def agree(
    folder: Annotated[Path, typer.Argument(help="The agreement scenarios.")] = AGREEMENT,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the runs; must be new.")
    ] = Path("runs/agreement"),
    page: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this scenario; can be repeated.")
    ] = None,
    dilation: Annotated[float | None, typer.Option(min=1, help="Time dilation.")] = None,
) -> None:
    """Run the agreement scenarios on both backends and write the page that compares them."""
    from emu.lab.agreement import run_both, write_page
    from emu.lab.run import LabOptions

    options = LabOptions() if dilation is None else LabOptions(dilation)
    rows = run_both(folder, out, options, only=set(only or ()) or None, tell=note)
    write_page(rows, options, page, out / "rows.json")
    agreeing = sum(row["agrees"] for row in rows)
    note(f"{page}: {agreeing} of {len(rows)} comparisons within the wanted limits")
