# SPDX-License-Identifier: Apache-2.0
"""The command's root: verbs, `--version`, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from emu import __version__
from emu.cli.console import EXIT_FAILED, EXIT_INTERRUPTED, note, render_error

VERBS = {
    "run": ("run",),
    "watch": ("watch",),
    "report": ("report", "compare", "publish"),
    "topology": ("topology",),
    "experiment": ("experiment",),
    "trace": ("trace",),
    "interop": ("import", "export"),
    "lab": ("lab", "clean"),
    "pcap": ("pcap",),
    "pcap_bench": ("pcap",),
    "bench": ("bench",),
    "validate": ("validate",),
    "doctor": ("doctor",),
}
"""Modules of this package, in the order of the help, and the verbs to which each adds."""


def make_app(verb: str | None = None) -> typer.Typer:
    """The command, with all verbs unless one is known to be wanted.

    Describing the options of all takes as long as reading an experiment.
    """
    app = typer.Typer(
        name="emu",
        help="Simulate KV-cache transfers over datacentre fabrics and report which design keeps "
        "them lossless and their tail short.",
        epilog="Exit codes: 0 done, 1 a run failed, 2 bad input, 3 a damaged capture, 130 "
        "interrupted. Example: emu run experiments/first-look.yaml --out runs/first-look",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    known = any(verb in verbs for verbs in VERBS.values())
    for module, verbs in VERBS.items():
        if verb in verbs or not known:
            import_module(f"emu.cli.{module}").register(app)
    app.callback()(_root)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emu {__version__}")
        raise typer.Exit


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
        make_app(*sys.argv[1:2])()
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
