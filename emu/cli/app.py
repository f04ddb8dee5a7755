# SPDX-License-Identifier: Apache-2.0
"""The command's root: verbs, `--version`, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from emu import __version__
from emu.cli import (
    bench,
    doctor,
    experiment,
    interop,
    lab,
    pcap,
    pcap_bench,
    report,
    run,
    topology,
    trace,
    validate,
    watch,
)
from emu.cli.console import EXIT_FAILED, EXIT_INTERRUPTED, note, render_error

app = typer.Typer(
    name="emu",
    help="Simulate KV-cache transfers over datacentre fabrics and report which design keeps them "
    "lossless and their tail short.",
    epilog="Exit codes: 0 done, 1 a run failed, 2 bad input, 3 a damaged capture, 130 interrupted. "
    "Example: emu run experiments/first-look.yaml --out runs/first-look",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    run,
    watch,
    report,
    topology,
    experiment,
    trace,
    interop,
    lab,
    pcap,
    pcap_bench,
    bench,
    validate,
    doctor,
):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emu {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run the command; every error of ours ends here, without a traceback."""
    from emu.errors import EmuError

    try:
        app()
    except EmuError as error:
        sys.exit(render_error(error))
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        # What is left are the places no part can foresee, such as a full /tmp.
        note(f"error: {error.filename or 'input/output'}: {error.strerror or error}")
        sys.exit(EXIT_FAILED)
    sys.exit(0)
