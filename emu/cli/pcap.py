# SPDX-License-Identifier: Apache-2.0
"""`emu pcap summary | flows | messages | pfc | check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emu.cli.console import EXIT_FAILED, note, print_json, print_rich, render_error

if TYPE_CHECKING:
    from emu.wire.columns import Writer
    from emu.wire.inspection import Inspection, Settings

group = typer.Typer(
    no_args_is_help=True,
    help="Inspect RoCEv2 captures, from the simulator, the lab or a real network.",
    epilog="A capture is pcap or pcapng, plain, gzip or zstd; - is standard input. "
    "Exit code 3: a capture is cut off or damaged; what could be read was told. "
    "Example: tcpdump -i eth0 -w - | emu pcap summary -",
)

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Captures; - is standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Parquet = Annotated[
    Path | None, typer.Option("--parquet", metavar="FILE", help="Write a parquet file.")
]
Top = Annotated[int, typer.Option("--top", min=1, help="Show so many rows.")]
Speed = Annotated[
    str,
    typer.Option("--speed", help="Link speed where the capture tells none, such as 400G."),
]
Reorder = Annotated[
    str,
    typer.Option("--reorder", help="A gap filled within this time, without a NAK, was late only."),
]
Reaction = Annotated[
    str, typer.Option("--reaction", help="Window before and after a CNP to compare rates in.")
]


def register(app: typer.Typer) -> None:
    """Add the verb group to the command."""
    from emu.cli import pcap_tools  # noqa: F401  (its verbs join the group)

    app.add_typer(group, name="pcap")


def _time_ps(text: str, option: str) -> int:
    from emu.units import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _speed_bps(text: str) -> int:
    from emu.units import parse_rate

    try:
        return parse_rate(text) if text else 0
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--speed") from None


def _one_format(json: bool, csv: bool, parquet: Path | None = None) -> None:
    if json + csv + (parquet is not None) > 1:
        raise typer.BadParameter("--json, --csv and --parquet exclude each other")


def _read(path: str, settings: Settings, **callbacks: Any) -> Inspection:
    from emu.cli.pcap_live import LiveView
    from emu.wire.inspection import inspect

    with LiveView(path) as view:
        return inspect(path, settings, on_progress=view.update, **callbacks)


def _end(inspections: Sequence[Inspection], *, failed: bool = False) -> None:
    """Damage is told last, so that it stands under what could be read; it decides the exit code."""
    code = EXIT_FAILED if failed else 0
    for inspection in inspections:
        error = inspection.error()
        if error is not None:
            code = render_error(error)
    if code:
        raise typer.Exit(code)


def _writer(json: bool, csv: bool, parquet: Path | None) -> Writer | None:
    from emu.wire.columns import CsvWriter, JsonWriter, ParquetWriter

    if json:
        return JsonWriter(sys.stdout)
    if csv:
        return CsvWriter(sys.stdout)
    return ParquetWriter(parquet) if parquet is not None else None


@group.command(epilog="Example: emu pcap summary leaf1.pcapng leaf2.pcap.gz")
def summary(
    files: Files,
    top: Top = 20,
    speed: Speed = "",
    reorder: Reorder = "100us",
    reaction: Reaction = "100us",
    json: Json = False,
) -> None:
    """Tell what is in captures: protocols, and per queue pair rate, messages, loss, RTT, ECN."""
    from emu.wire import document, render
    from emu.wire.flows import data_flows
    from emu.wire.inspection import Settings

    settings = Settings(
        speed_bps=_speed_bps(speed),
        reorder_ps=_time_ps(reorder, "--reorder"),
        reaction_ps=_time_ps(reaction, "--reaction"),
    )
    inspections: list[Inspection] = []
    documents: list[dict[str, Any]] = []
    for path in files:
        inspection = _read(path, settings)
        flows = data_flows(inspection)
        if json:
            documents.append(document.summary(inspection, flows))
        else:
            if inspections:
                print_rich("")
            print_rich(render.summary(inspection, flows, top))
        inspections.append(inspection)
    if json:
        print_json(documents)
    _end(inspections)


@group.command(epilog="Example: emu pcap flows leaf1.pcapng --csv > flows.csv")
def flows(
    files: Files,
    top: Top = 50,
    reorder: Reorder = "100us",
    reaction: Reaction = "100us",
    json: Json = False,
    csv: Csv = False,
    parquet: Parquet = None,
) -> None:
    """List every queue pair with data; as JSON, CSV or parquet every direction with all counts."""
    from emu.wire import render
    from emu.wire.flows import data_flows, flow_table
    from emu.wire.inspection import Settings

    _one_format(json, csv, parquet)
    settings = Settings(
        reorder_ps=_time_ps(reorder, "--reorder"), reaction_ps=_time_ps(reaction, "--reaction")
    )
    writer = _writer(json, csv, parquet)
    inspections: list[Inspection] = []
    for path in files:
        inspection = _read(path, settings)
        if writer is not None:
            writer.write(flow_table(inspection))
        else:
            rows = data_flows(inspection)
            print_rich(f"{inspection.name}: {len(rows):,} flows with data")
            if rows:
                print_rich(render.flow_rows(rows[:top]))
        inspections.append(inspection)
    _close(writer, parquet)
    _end(inspections)


def _close(writer: Writer | None, parquet: Path | None) -> None:
    if writer is not None:
        writer.close()
        if parquet is not None:
            note(f"wrote {parquet}")


@group.command(epilog="Example: emu pcap messages leaf1.pcapng --parquet messages.parquet")
def messages(
    files: Files,
    top: Top = 50,
    reorder: Reorder = "100us",
    json: Json = False,
    csv: Csv = False,
    parquet: Parquet = None,
) -> None:
    """List RDMA messages: length, start, first and last packet, acknowledgement."""
    from emu.wire import render
    from emu.wire.columns import rows
    from emu.wire.inspection import Settings
    from emu.wire.messages import MessageTable

    _one_format(json, csv, parquet)
    settings = Settings(reorder_ps=_time_ps(reorder, "--reorder"))
    writer = _writer(json, csv, parquet)
    inspections: list[Inspection] = []
    for path in files:
        table = MessageTable("standard input" if path == "-" else path)
        shown: list[dict[str, Any]] = []
        total = 0

        def take(
            native: Any,
            batch: dict[str, Any],
            table: MessageTable = table,
            shown: list[dict[str, Any]] = shown,
        ) -> None:
            nonlocal total
            columns = table.table(native, batch)
            total += len(columns["flow"])
            if writer is not None:
                writer.write(columns)
            elif len(shown) < top:
                shown.extend(row for row, _ in zip(rows(columns), range(top), strict=False))

        inspection = _read(path, settings, on_messages=take)
        if writer is None:
            print_rich(f"{inspection.name}: {total:,} messages")
            if shown:
                print_rich(render.messages(shown[:top]))
        inspections.append(inspection)
    _close(writer, parquet)
    _end(inspections)


@group.command(epilog="Example: emu pcap pfc mirror.pcap --speed 400G --detect 200ms")
def pfc(
    files: Files,
    speed: Speed = "",
    detect: Annotated[str, typer.Option("--detect", help="Watchdog: detection time.")] = "200ms",
    poll: Annotated[str, typer.Option("--poll", help="Watchdog: polling interval.")] = "200ms",
    episodes: Annotated[bool, typer.Option("--episodes", help="List every single pause.")] = False,
    json: Json = False,
    csv: Csv = False,
    parquet: Parquet = None,
) -> None:
    """Tell who paused which priority for how long, and what a PFC watchdog would have caught.

    With --episodes the single pauses; CSV and parquet always hold those.
    """
    from emu.wire import render
    from emu.wire.columns import rows as rows_of
    from emu.wire.inspection import Settings
    from emu.wire.pauses import Episodes, Watchdog, pause_rows, ports_of

    _one_format(json, csv, parquet)
    watchdog = Watchdog(_time_ps(detect, "--detect"), _time_ps(poll, "--poll"))
    settings = Settings(speed_bps=_speed_bps(speed))
    writer = _writer(False, csv, parquet)
    inspections: list[Inspection] = []
    documents: list[dict[str, Any]] = []
    for path in files:
        kept = Episodes("standard input" if path == "-" else path, watchdog)
        listed: list[dict[str, Any]] = []
        wanted = writer is None and episodes

        def take(
            native: Any,
            batch: dict[str, Any],
            kept: Episodes = kept,
            listed: list[dict[str, Any]] = listed,
            wanted: bool = wanted,
        ) -> None:
            ports = ports_of(native.pauses(), native.capture()["interfaces"])
            columns = kept.table(batch, ports)
            if writer is not None:
                writer.write(columns)
            elif wanted:
                listed.extend(rows_of(columns))

        inspection = _read(path, settings, on_episodes=take)
        rows = pause_rows(inspection)
        if json:
            documents.append(
                {
                    "file": inspection.name,
                    "ending": inspection.capture["ending"],
                    "watchdog": {"detect_ps": watchdog.detect_ps, "poll_ps": watchdog.poll_ps},
                    "priorities": rows,
                    "storms": kept.storms,
                    **({"episodes": listed} if episodes else {}),
                }
            )
        elif writer is None:
            print_rich(f"{inspection.name}:")
            print_rich(render.pauses(rows, kept.storms))
            if listed:
                print_rich("")
                print_rich(render.episodes(listed))
        inspections.append(inspection)
    if json:
        print_json(documents)
    _close(writer, parquet)
    _end(inspections)


def _numbers(text: str, option: str, limit: int) -> list[int]:
    try:
        values = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        values = [-1]
    if any(not 0 <= v <= limit for v in values):
        raise typer.BadParameter(
            f"{text!r}: numbers from 0 to {limit}, commas between", param_hint=option
        )
    return values


def _dscp_map(text: str) -> dict[int, int]:
    out = {}
    for part in text.split(","):
        dscp, colon, priority = part.partition(":")
        if not (colon and dscp.strip().isdecimal() and priority.strip().isdecimal()) or (
            int(dscp) > 63 or int(priority) > 7
        ):
            raise typer.BadParameter(
                f"{part!r}: DSCP (0 to 63), colon, priority (0 to 7), such as 26:3",
                param_hint="--dscp-map",
            )
        out[int(dscp)] = int(priority)
    return out


@group.command(epilog="Example: emu pcap check leaf1.pcapng --lossless 3 --pause-limit 10ms")
def check(
    files: Files,
    lossless: Annotated[
        str, typer.Option("--lossless", help="Priorities that may be paused.")
    ] = "3,4",
    dscp_map: Annotated[
        str, typer.Option("--dscp-map", help="Priority of each DSCP.")
    ] = "24:3,26:3,48:6",
    pause_limit: Annotated[
        str, typer.Option("--pause-limit", help="A longer pause is a failure.")
    ] = "200ms",
    mtu: Annotated[
        int, typer.Option("--mtu", min=0, help="Largest IP packet allowed; 0: not checked.")
    ] = 0,
    speed: Speed = "",
    reorder: Reorder = "100us",
    repair: Annotated[
        str, typer.Option("--repair", help="A gap so close to the end is not held against it.")
    ] = "10ms",
    json: Json = False,
) -> None:
    """Check captures for loss and protocol faults; exit code 1 when a check fails.

    docs/pcap-checks.md explains each check. What a capture cannot show is "not judged".
    """
    from emu.wire import document, render
    from emu.wire.checks import CheckSettings, judge
    from emu.wire.inspection import Settings

    settings = Settings(
        speed_bps=_speed_bps(speed),
        mtu_bytes=mtu,
        reorder_ps=_time_ps(reorder, "--reorder"),
        pause_limit_ps=_time_ps(pause_limit, "--pause-limit"),
    )
    wanted = CheckSettings(
        lossless=_numbers(lossless, "--lossless", 7),
        dscp_priorities=_dscp_map(dscp_map),
        repair_ps=_time_ps(repair, "--repair"),
    )
    inspections: list[Inspection] = []
    documents: list[dict[str, Any]] = []
    failed = False
    for path in files:
        inspection = _read(path, settings)
        verdicts = judge(inspection, wanted)
        failed |= any(v.status == "fail" for v in verdicts)
        if json:
            documents.append(document.checks(inspection, verdicts))
        else:
            print_rich(f"{inspection.name}:")
            print_rich(render.checks(verdicts))
        inspections.append(inspection)
    if json:
        print_json(documents)
    _end(inspections, failed=failed)
