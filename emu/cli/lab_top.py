# SPDX-License-Identifier: Apache-2.0
"""`emu lab top`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from emu.cli.console import print_json


def add(group: typer.Typer) -> None:
    """Add the verb to `emu lab`."""
    group.command(epilog="Example: emu lab top --interval 0.5")(top)


def top(
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 1.0,
    count: Annotated[int, typer.Option(min=0, help="Looks; 0: until Ctrl-C.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one line per look.")] = False,
) -> None:
    """Watch the ports of a lab that runs an experiment: rate, queue, ECN, PFC, drops."""
    from rich.live import Live
    from rich.table import Table

    from emu.lab.feed import read_feed
    from emu.lab.lab import Lab
    from emu.lab.top import PortRow, headline, port_rows
    from emu.lab.traffic import feed_path
    from emu.units import format_rate

    lab = Lab.attach()
    path, fabric = feed_path(lab), lab.plan.fabric
    before = read_feed(path)

    def shown(rows: list[PortRow], title: str) -> Table:
        table = Table(title=title, title_justify="left")
        for name in ("port", "prio"):
            table.add_column(name)
        for name in ("rate", "queue", "ECN", "PFC tx", "PFC rx", "paused", "drops"):
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(
                row.port, str(row.priority), format_rate(round(row.tx_bps)), str(row.queue_bytes),
                str(row.ecn_marked), str(row.pfc_tx), str(row.pfc_rx), f"{100 * row.paused:.0f} %",
                str(row.drops),
            )  # fmt: skip
        return table

    looks = 0
    with Live(auto_refresh=False, screen=False) if not json else _Nothing() as live:
        while count == 0 or looks < count:
            time.sleep(interval)
            after = read_feed(path)
            rows = port_rows(fabric, before, after)
            if json:
                print_json({"header": after.header, "ports": [asdict(row) for row in rows]})
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
