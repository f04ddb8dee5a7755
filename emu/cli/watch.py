# SPDX-License-Identifier: Apache-2.0
"""`emu watch`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emu.cli.console import print_json, print_rich

if TYPE_CHECKING:
    from rich.console import Group

    from emu.telemetry.watch import Watched


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(epilog="Example: emu watch runs/first-look --interval 2")(watch)


def watch(
    path: Annotated[
        Path,
        typer.Argument(metavar="RUN|EXPERIMENT", help="A run directory, or a folder of runs."),
    ],
    interval: Annotated[
        float, typer.Option(min=0.2, metavar="S", help="Seconds between two looks.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look once and print, without moving the cursor.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one look, as with --once.")
    ] = False,
) -> None:
    """Watch runs that are under way, or what there is of finished ones.

    Shows the load of each uplink over time, the deepest queues, who is paused and the transfers
    that take longest. Only what has changed goes to the terminal, so that a slow line will do. It
    ends when nothing is under way any more.
    """
    from dataclasses import asdict

    from emu.telemetry.watch import look

    found = look(path)
    if json:
        print_json(asdict(found))
        return
    if once:
        print_rich(_shown(found, width=20))
        return
    _follow(path, interval)


def _follow(path: Path, interval: float) -> None:
    from rich.live import Live

    from emu.telemetry.watch import look

    found = look(path)
    with Live(auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        while True:
            width = max(10, min(60, live.console.width - 40))
            live.update(_shown(found, width=width), refresh=True)
            if not found.under_way:
                return
            time.sleep(interval)
            found = look(path)


def _shown(found: Watched, *, width: int) -> Group:
    from rich.console import Group
    from rich.text import Text

    parts = [_runs(found), Text(""), *_view(found, width)]
    return Group(*parts)


def _runs(found: Watched):  # type: ignore[no-untyped-def]
    table = _table("run", "state", right=("done", "fabric ms", "drops", "PFC", "transfers"))
    for run in found.runs:
        table.add_row(
            run.run, run.state, f"{100 * run.fraction:.0f} %", f"{run.t_ps / 1e9:.2f}",
            str(run.drops), str(run.pfc_frames), f"{run.transfers_done}/{run.transfers}",
        )  # fmt: skip
    return table


def _view(found: Watched, width: int):  # type: ignore[no-untyped-def]
    from rich.text import Text

    from emu.telemetry.watch import sparkline

    view = found.view
    if view is None:
        return [Text("nothing to show yet")]
    uplinks = _table(f"uplinks of {view.run}", "load", right=("now", "mean"))
    for name, loads in view.uplinks.items():
        mean = sum(loads) / len(loads) if loads else 0.0
        now = loads[-1] if loads else 0.0
        uplinks.add_row(name, sparkline(loads, width), f"{100 * now:.0f} %", f"{100 * mean:.0f} %")
    queues = _table("deepest queues", right=("prio", "queue KB", "most KB", "paused"))
    for queue in view.queues:
        queues.add_row(
            queue.port, str(queue.priority), f"{queue.queue_bytes / 1e3:.1f}",
            f"{queue.watermark_bytes / 1e3:.1f}", f"{100 * queue.paused:.1f} %",
        )  # fmt: skip
    slowest = _table("slowest transfers", right=("age us", "done", "slowdown"))
    for transfer in view.slowest:
        slowest.add_row(
            str(transfer.transfer_id), f"{transfer.age_ps / 1e6:.1f}",
            f"{100 * transfer.done:.0f} %", f"{transfer.slowdown:.2f}",
        )  # fmt: skip
    return [uplinks, Text(""), queues, Text(""), slowest]


def _table(*left: str, right: tuple[str, ...]):  # type: ignore[no-untyped-def]
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
