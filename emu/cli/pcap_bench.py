# SPDX-License-Identifier: Apache-2.0
"""`emu pcap bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_table
from emu.cli.pcap import Json, group


def register(_app: typer.Typer) -> None:
    """The verb joined its group when this file was imported."""


@group.command(epilog="Example: emu pcap bench --case headers --json")
def bench(
    case: Annotated[
        list[str] | None,
        typer.Option("--case", "-c", help="headers or whole; may be given again (default: both)."),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="Size of the generated file, such as 10GB.")
    ] = "",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the file is written and deleted.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure packets per second of emu, tshark and capinfos on one generated capture.

    The file is in the page cache; packets are divided by CPU time without the start-up, which is
    measured on a few packets.
    """
    from emu.errors import InputError
    from emu.units import parse_size
    from emu.wire.bench import CASES, measure

    try:
        file_bytes = parse_size(size) if size else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None
    results = []
    for name in case or list(CASES):
        if name not in CASES:
            raise InputError(f"unknown case {name!r}", hint=f"one of: {', '.join(CASES)}")
        note(f"{name}: {CASES[name].description}")
        results.append(measure(name, folder, file_bytes))
    if json:
        print_json(results)
        return
    print_table(
        ["case", "packets", "file MB", "tool", "CPU s", "start-up s", "M packets/s", "RSS MB"],
        [
            [
                r["case"],
                f"{r['packets']:,}",
                f"{r['file_bytes'] / 1e6:,.0f}",
                tool,
                f"{t['cpu_s']:.2f}",
                f"{t['start_cpu_s']:.2f}",
                f"{t['packets_per_s'] / 1e6:.2f}",
                f"{t['rss_bytes'] / 1e6:.0f}",
            ]
            for r in results
            for tool, t in r["tools"].items()
        ],
        right=["packets", "file MB", "CPU s", "start-up s", "M packets/s", "RSS MB"],
    )
