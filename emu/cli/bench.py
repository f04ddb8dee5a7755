# SPDX-License-Identifier: Apache-2.0
"""`emu bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(epilog="Example: emu bench --case permutation-128 --json")(bench)


def bench(
    case: Annotated[
        list[str] | None,
        typer.Option(
            "--case",
            "-c",
            help="Only this case; may be given again (default: those of the usual table).",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the engine: packet-hops per second, ns per packet-hop, peak memory.

    A packet-hop is any packet, data or control, crossing one link. Each case runs in a process
    of its own, on one core.
    """
    from emu.bench import CASES, measure, select

    results = []
    for name in select(case or [name for name, one in CASES.items() if one.default]):
        note(f"{name}: {CASES[name].description}")
        results.append(measure(name))
    if json:
        print_json(results)
        return
    print_table(
        ["case", "ports", "packets", "packet-hops", "CPU s", "M hops/s", "ns/hop", "RSS MB"],
        [
            [
                r["case"],
                r["ports"],
                r["packets"],
                r["packet_hops"],
                f"{r['cpu_s']:.2f}",
                f"{r['packet_hops_per_s'] / 1e6:.2f}",
                f"{r['ns_per_packet_hop']:.0f}",
                f"{r['rss_bytes'] / 1e6:.0f}",
            ]
            for r in results
        ],
        right=["ports", "packets", "packet-hops", "CPU s", "M hops/s", "ns/hop", "RSS MB"],
    )
