# SPDX-License-Identifier: Apache-2.0
"""What the command prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from emu.errors import EmuError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130

# A pipe has no width: tables are then as wide as their content needs.
PIPE_WIDTH: Final = 10_000


def stderr() -> Console:
    """The console for progress, notes and errors; made anew so that tests can capture it."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Tell something that is not data."""
    stderr().print(message, markup=False)


def render_error(error: EmuError) -> int:
    """Print an error of ours without its traceback and return its exit code.

    Each fault is one line that begins with `error:`; advice stands on lines of its own that
    begin with `hint:`.
    """
    console = stderr()
    for line in str(error).splitlines() or [type(error).__name__]:
        if line.startswith("hint:"):
            console.print(Text(line, style="cyan"))
        else:
            console.print(Text.assemble(("error: ", "bold red"), line))
    return error.exit_code


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_text(text: str) -> None:
    """Print text on stdout as it is."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()
) -> None:
    """Print an aligned table on stdout; `right` names the columns with numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    print_rich(table)


def print_rich(renderable: RenderableType) -> None:
    """Print tables and text of rich on stdout, without blanks at line ends."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    with console.capture() as capture:
        console.print(renderable)
    print_text("\n".join(line.rstrip() for line in capture.get().splitlines()))
