# SPDX-License-Identifier: Apache-2.0
"""`emu trace describe | import | synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_text

group = typer.Typer(no_args_is_help=True, help="Read serving traces of several formats.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A trace file, gzip or plain.")]
Format = Annotated[
    str, typer.Option("--format", help="The file's format; auto looks at its first row.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Count damaged rows instead of stopping at the first.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb group to the command."""
    app.add_typer(group, name="trace")
