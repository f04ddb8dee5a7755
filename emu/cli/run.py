# SPDX-License-Identifier: Apache-2.0
"""`emu run`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emu._api import available_cores
from emu.cli.console import EXIT_INTERRUPTED, note, print_json

if TYPE_CHECKING:
    from emu.sim.experiment import OnProgress
    from emu.spec import ExperimentSpec


class Runtime(StrEnum):
    """What runs a controller's app in the lab."""

    OS_KEN = "os-ken"
    RYU = "ryu"


THREADS_MAX = 256
"""More than any machine that runs this has cores to spare for."""


class Backend(StrEnum):
    """What executes a run."""

    SIM = "sim"
    LAB = "lab"


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Example: emu run experiments/first-look.yaml --out runs/first-look --jobs 2"
    )(run)


def run(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the run directories (default: runs/NAME)."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes (default: the cores it may use)."),
    ] = None,
    threads: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Threads of each run, which change no result; auto: in large fabrics the cores "
            "that --jobs leaves over, otherwise one.",
        ),
    ] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the runs that are whole, do the rest.")
    ] = False,
    backend: Annotated[
        Backend,
        typer.Option(help="What executes the runs; lab: real switches, as root."),
    ] = Backend.SIM,
    dilation: Annotated[
        float | None,
        typer.Option(
            min=1, help="lab: wall time per fabric time (default: what this machine needs)."
        ),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(help="lab: who forwards: controller, adaptive, frr, ovs or static."),
    ] = None,
    hold: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="MS", help="lab: longest that fabric time waits for a switch, wall time."
        ),
    ] = None,
    controller_runtime: Annotated[
        Runtime, typer.Option(help="lab: what runs the controller's app.")
    ] = Runtime.OS_KEN,
    capture: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PORT[,PORT...]",
            help="Keep the frames of these ports as pcapng files in each run's captures/: "
            "leaf0:Ethernet4, leaf0:spine1 (by what it leads to) or h0.0 (all of a node).",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST]:PORT",
            help="Serve live counters to Prometheus at /metrics meanwhile; :9464 is loopback only.",
        ),
    ] = None,
    stream: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write all runs as JSON lines to a file, a FIFO or a Unix socket that a program "
            "listens on (docs/telemetry.md).",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the run directories as JSON when done.")
    ] = False,
) -> None:
    """Run every variant of an experiment with every seed, one run directory each.

    Ctrl-C leaves a state that --resume finishes with the same bytes as an uninterrupted run.
    """
    from emu.cli.progress import show_progress
    from emu.errors import InputError
    from emu.sim import run_experiment
    from emu.spec import load_experiment

    wanted = _threads(threads)
    spec = load_experiment(experiment)
    if capture:
        spec = spec.capturing([name for text in capture for name in text.split(",") if name])
    folder = out or Path("runs") / spec.name
    if backend is Backend.LAB and (metrics or stream):
        raise InputError(
            "--metrics and --stream are the simulator's", hint="emu lab top watches a lab"
        )
    # Whoever ends the command gets what Ctrl-C gives: no worker left behind, and --resume.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _served(metrics, folder), show_progress() as on_progress:
            if backend is Backend.LAB:
                directories = _run_lab(
                    spec, folder, dilation, control, hold, controller_runtime, resume, on_progress
                )
            else:
                directories = run_experiment(
                    spec,
                    folder,
                    jobs=jobs or available_cores(),
                    resume=resume,
                    on_progress=on_progress,
                    stream=stream,
                    threads=wanted,
                    cores=available_cores(),
                )
    except KeyboardInterrupt:
        note("interrupted")
        note(f"hint: emu run {experiment} --out {folder} --resume")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json:
        print_json([str(path) for path in directories])
    note(f"{len(directories)} runs in {folder}")
    note(f"hint: emu report {folder}")


def _threads(text: str) -> int | None:
    """What --threads says; None: auto."""
    from emu.errors import InputError

    if text == "auto":
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= THREADS_MAX:
        return int(text)
    raise InputError(
        f"--threads is {text!r}", hint=f"a number from 1 to {THREADS_MAX}, or auto (the default)"
    )


@contextmanager
def _served(metrics: str | None, folder: Path) -> Iterator[None]:
    """Live counters for as long as the runs take, if they are asked for."""
    if metrics is None:
        yield
        return
    from emu.telemetry.metrics import serve_metrics

    with serve_metrics(metrics, folder) as url:
        note(f"live counters: {url}")
        yield


def _run_lab(
    spec: ExperimentSpec,
    folder: Path,
    dilation: float | None,
    control: str | None,
    hold: float | None,
    runtime: Runtime,
    resume: bool,
    on_progress: OnProgress,
) -> list[Path]:
    from emu.lab.run import LabOptions, run_lab_experiment

    options = LabOptions(control=control, runtime=runtime.value)
    if dilation is not None:
        options = replace(options, dilation=dilation)
    if hold is not None:
        options = replace(options, hold_ms=hold)
    return run_lab_experiment(
        spec, folder, options, resume=resume, on_progress=on_progress, tell=note
    )
