# SPDX-License-Identifier: Apache-2.0
"""`emu trace describe | import | synth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emu.cli.console import note, print_json, print_rich

if TYPE_CHECKING:
    from emu.workload.export import Imported

group = typer.Typer(no_args_is_help=True, help="Read serving traces of several formats.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A trace file, gzip or plain.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="What to write: .csv, .csv.gz or .parquet.")]
Format = Annotated[
    str, typer.Option("--format", help="The file's format; auto looks at its first row.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Count damaged rows instead of stopping at the first.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Use so many rows only.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="For everything that is drawn.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb group to the command."""
    app.add_typer(group, name="trace")


@group.command(
    epilog="Example: emu trace describe traces/mooncake-sample.jsonl --model deepseek-v3"
)
def describe(
    file: File,
    model: Annotated[
        str | None, typer.Option("--model", help="Also tell the KV cache's bytes for this model.")
    ] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="bf16 or fp8, of the KV cache.")] = "bf16",
    form: Format = "auto",
    skip_bad: SkipBad = False,
    limit: Limit = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Also draw it into this SVG file.")
    ] = None,
    json: Json = False,
) -> None:
    """Print rate, sizes, burstiness, prefix reuse and, for a model, bytes of a trace."""
    from emu.errors import RunError
    from emu.workload.describe import describe as read
    from emu.workload.plot import plot
    from emu.workload.render import render

    told = read(file, model, dtype, form, skip_bad=skip_bad, limit=limit)
    if json:
        print_json(told.to_json())
    else:
        print_rich(render(told))
    if svg is not None:
        try:
            svg.write_text(plot(told), encoding="utf-8")
        except OSError as error:
            raise RunError(f"cannot write {svg}: {error.strerror}") from None
        note(f"wrote {svg}")


@group.command(
    "import", epilog="Example: emu trace import conversation_trace.jsonl.gz --out requests.parquet"
)
def import_(
    file: File,
    out: Out,
    form: Format = "auto",
    skip_bad: SkipBad = False,
    limit: Limit = None,
    seed: Seed = 1,
) -> None:
    """Write any known trace in emu's own form; quantised stamps are spread."""
    from emu.workload.export import import_trace
    from emu.workload.readers import ReadOptions

    options = ReadOptions(skip_bad=skip_bad, limit=limit, seed=seed)
    _tell(import_trace(file, out, form, options))


@group.command(epilog="Example: emu trace synth data/reason/deepseek-r1 --requests 10000 -o r.csv")
def synth(
    file: Annotated[
        Path, typer.Argument(metavar="DESCRIPTION", help="ServeGen clients: a folder or a tar.")
    ],
    out: Out,
    requests: Annotated[int, typer.Option("--requests", min=1, help="How many to draw.")] = 1000,
    start: Annotated[
        str, typer.Option("--start", help="Time of the described day to begin at, such as 8h.")
    ] = "0s",
    seed: Seed = 1,
) -> None:
    """Draw requests from ServeGen client descriptions."""
    from emu.units import parse_time
    from emu.workload.export import synth as draw

    try:
        start_ps = parse_time(start)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start") from None
    _tell(draw(file, out, requests, start_ps=start_ps, seed=seed))


def _tell(done: Imported) -> None:
    note(f"wrote {done.out}: {done.rows:,} rows from {done.format}")
    for reason, count in done.skipped.items():
        note(f"skipped {count:,}: {reason}")
    for text in done.notes:
        note(text)
