# SPDX-License-Identifier: Apache-2.0
"""`emu lab top`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from emu.cli.console import print_text


def add(group: typer.Typer) -> None:
    """Add the verb to `emu lab`."""
    group.command(epilog="Example: emu lab top --once --json")(top)


def top(
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 1.0,
    count: Annotated[int, typer.Option(min=0, help="Looks; 0: until Ctrl-C.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="One look, as --count 1.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one line per look.")] = False,
) -> None:
    """Watch the ports of a lab with a traffic manager: rate, queue, ECN, PFC, drops.

    Rates are the fabric's, not the slowed ones.
    """
    import json as format_json

    from rich.box import SIMPLE_HEAD
    from rich.live import Live
    from rich.table import Table

    from emu.errors import RunError
    from emu.lab.feed import read_feed
    from emu.lab.lab import Lab
    from emu.lab.top import PortRow, headline, port_rows
    from emu.lab.traffic import feed_path
    from emu.units import format_rate

    lab = Lab.attach()
    if lab.wiring != "tm":
        raise RunError(
            "this lab stands without the traffic manager, which counts",
            hint="emu lab up EXPERIMENT.yaml, or emu run EXPERIMENT.yaml --backend lab",
        )
    path, fabric = feed_path(lab), lab.plan.fabric
    before = read_feed(path)
    looks_wanted = 1 if once else count

    # As `emu lab capture` and the interfaces themselves are called.
    interface = {fabric.ports[port.id].name: port.label for port in lab.plan.ports}

    def shown(rows: list[PortRow], title: str) -> Table:
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("port", "prio"):
            table.add_column(name, no_wrap=True)
        for name in ("rate", "queue", "ECN", "PFC tx", "PFC rx", "paused", "drops"):
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(
                interface[row.port], str(row.priority), format_rate(round(row.tx_bps)),
                str(row.queue_bytes), str(row.ecn_marked), str(row.pfc_tx), str(row.pfc_rx),
                f"{100 * row.paused:.0f} %", str(row.drops),
            )  # fmt: skip
        return table

    looks = 0
    with Live(auto_refresh=False, screen=False) if not json else _Nothing() as live:
        while looks_wanted == 0 or looks < looks_wanted:
            time.sleep(interval)
            after = read_feed(path)
            rows = port_rows(fabric, before, after)
            if json:
                ports = [{"interface": interface[row.port], **asdict(row)} for row in rows]
                line = {"header": after.header, "ports": ports}
                print_text(format_json.dumps(line))
            else:
                live.update(shown(rows, headline(after)), refresh=True)
            before, looks = after, looks + 1


class _Nothing:
    """Stands for the live display where there is none."""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, *_: object, **__: object) -> None:
        return None
