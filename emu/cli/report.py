# SPDX-License-Identifier: Apache-2.0
"""`emu report | compare | publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_rich, print_text

Run = Annotated[
    Path, typer.Argument(metavar="RUN", exists=True, file_okay=False, help="A run directory.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(epilog="Example: emu report runs/first-look --out reports/first-look")(report)
    app.command(
        epilog="Example: emu compare runs/first-look/l3/seed-1 runs/first-look/l3-host/seed-1"
    )(compare)
    app.command(epilog="Example: emu publish reports/first-look --out public")(publish)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            exists=True,
            file_okay=False,
            help="Run directories, or folders of them.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the report (default: reports/NAME)."),
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Leave unfinished runs out and say so.")
    ] = False,
) -> None:
    """Write a self-contained index.html, report.md, tables and figures from finished runs."""
    from emu.report import build

    page = build(
        folders,
        out or Path("reports") / folders[0].resolve().name,
        allow_incomplete=allow_incomplete,
    )
    print_text(str(page))


def compare(
    first: Run,
    second: Run,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put two runs side by side, with bootstrap confidence intervals."""
    from emu.report import compare_runs, comparison_table

    rows = compare_runs(first, second)
    if json:
        print_json(rows)
    else:
        print_rich(comparison_table(first, second, rows))


def publish(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", exists=True, file_okay=False, help="Folders that emu report wrote."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The site's folder.")] = Path("public"),
) -> None:
    """Collect finished reports into a static site that any web server can serve."""
    from emu.report import publish as collect

    page = collect(folders, out)
    print_text(str(page))
    note(f"hint: python3 -m http.server --directory {out}")
