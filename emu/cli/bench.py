# SPDX-License-Identifier: Apache-2.0
"""`emu bench`."""

from __future__ import annotations

from typing import Annotated, Any

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
    of its own, on one core. The case `recording` shows what each level of `record.level` costs.
    """
    from emu.bench import CASES, measure, select
    from emu.bench_recording import CASE

    wanted = case or [*(name for name, one in CASES.items() if one.default), CASE]
    results = []
    for name in select([name for name in wanted if name != CASE]):
        note(f"{name}: {CASES[name].description}")
        results.append(measure(name))
    recording = _recording() if CASE in wanted else []
    if json:
        print_json(results + recording)
        return
    if recording:
        _show_recording(recording)
    if not results:
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


def _recording() -> list[dict[str, Any]]:
    from emu.bench_recording import CASE, measure_recording

    note(f"{CASE}: the case incast-64 at every level of record.level")
    return [{"case": CASE, **row} for row in measure_recording()]


def _show_recording(results: list[dict[str, Any]]) -> None:
    print_table(
        ["recording", "packet-hops", "CPU s", "ns/hop", "over off", "rows"],
        [
            [
                r["level"],
                r["packet_hops"],
                f"{r['cpu_s']:.2f}",
                f"{r['ns_per_packet_hop']:.0f}",
                f"{100 * r['over_off']:+.0f} %",
                r["rows"],
            ]
            for r in results
        ],
        right=["packet-hops", "CPU s", "ns/hop", "over off", "rows"],
    )
