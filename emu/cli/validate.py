# SPDX-License-Identifier: Apache-2.0
"""`emu validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import EXIT_FAILED, note, print_table

FOLDER = Path("experiments/validation")


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(epilog="Example: emu validate md1-exact hpcc-single-flow")(validate)


def validate(
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="[ROW]...", help="Rows; none: all of them.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", help="Only the rows of this section of the page.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the rows that take seconds.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write this page, with its figures.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the experiments of the rows are.")
    ] = FOLDER,
) -> None:
    """Hold the engine against theory and against another simulator; exit code 1 if a row fails."""
    from emu.errors import InputError
    from emu.validate import Verdict, run_rows, select, terms, write_page

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder", hint="give it with --folder")

    def tell(verdict: Verdict) -> None:
        note(f"{verdict.row.name}: {'holds' if verdict.ok else 'FAILS'}")

    verdicts = run_rows(select(rows or [], quick, part), folder.resolve(), jobs, tell)
    print_table(
        ["row", "what", "expected", "got", "error", "tolerance", "holds"],
        [
            [
                verdict.row.name,
                check.what,
                f"{check.expected:.6g}",
                f"{check.got:.6g}",
                *terms(check),
                "yes" if check.ok else "NO",
            ]
            for verdict in verdicts
            for check in verdict.result.checks
        ],
        right=("expected", "got", "error", "tolerance"),
    )
    if out is not None:
        write_page(verdicts, out)
        note(f"wrote {out}")
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(EXIT_FAILED)
