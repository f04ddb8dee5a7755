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
    of its own, on one core. The case `recording` shows what each level of `record.level` costs,
    the case `routing` what each policy of `routing.policy` does, the case `threads` what a
    second thread brings, and the case `start` is the CPU time of `emu run` until its first
    packet, 128 ports.
    """
    from emu.bench import CASES, measure, select
    from emu.bench_recording import CASE as RECORDING
    from emu.bench_routing import CASE as ROUTING
    from emu.bench_start import CASE as START
    from emu.bench_threads import CASE as THREADS

    compared = (ROUTING, RECORDING, THREADS, START)
    wanted = case or [*(name for name, one in CASES.items() if one.default), *compared]
    results = []
    for name in select([name for name in wanted if name not in compared]):
        note(f"{name}: {CASES[name].description}")
        results.append(measure(name))
    routing = _routing() if ROUTING in wanted else []
    recording = _recording() if RECORDING in wanted else []
    start = _start() if START in wanted else []
    threads = _threads() if THREADS in wanted else []
    if json:
        print_json(results + routing + recording + start + threads)
        return
    if start:
        _show_start(start)
    if routing:
        _show_routing(routing)
    if recording:
        _show_recording(recording)
    if threads:
        _show_threads(threads)
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


def _routing() -> list[dict[str, Any]]:
    from emu.bench_routing import CASE, measure_routing

    note(f"{CASE}: the case permutation-128 under every policy, receivers with selective repeat")
    return [{"case": CASE, **row} for row in measure_routing()]


def _show_routing(results: list[dict[str, Any]]) -> None:
    print_table(
        ["routing", "packet-hops", "over ecmp", "CPU s", "ns/hop", "ns/hop over ecmp"],
        [
            [
                r["policy"],
                r["packet_hops"],
                f"{100 * r['hops_over_ecmp']:+.0f} %",
                f"{r['cpu_s']:.2f}",
                f"{r['ns_per_packet_hop']:.0f}",
                f"{100 * r['over_ecmp']:+.0f} %",
            ]
            for r in results
        ],
        right=["packet-hops", "over ecmp", "CPU s", "ns/hop", "ns/hop over ecmp"],
    )


def _start() -> list[dict[str, Any]]:
    from emu.bench_start import CASE, measure_start

    note(f"{CASE}: `emu run` until its first packet, 128 × 400G")
    return [{"case": CASE, **measure_start()}]


def _show_start(results: list[dict[str, Any]]) -> None:
    print_table(
        ["start", "CPU s until the first packet", "at most"],
        [["emu run, 128 ports", f"{r['cpu_s']:.2f}", f"{r['cpu_s_max']:.2f}"] for r in results],
        right=["CPU s until the first packet", "at most"],
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


def _threads() -> list[dict[str, Any]]:
    from emu.bench_threads import CASE, measure_threads

    note(f"{CASE}: one run by one thread and by two")
    return [{"case": CASE, **row} for row in measure_threads()]


def _show_threads(results: list[dict[str, Any]]) -> None:
    print_table(
        ["run", "threads", "packet-hops", "wall s", "speed-up"],
        [
            [
                r["workload"],
                r["threads"],
                r["packet_hops"],
                f"{r['wall_s']:.2f}",
                f"{r['speedup']:.2f}",
            ]
            for r in results
        ],
        right=["threads", "packet-hops", "wall s", "speed-up"],
    )
