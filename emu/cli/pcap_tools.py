# SPDX-License-Identifier: Apache-2.0
"""`emu pcap convert | path | report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note, print_json, print_rich, print_text, render_error
from emu.cli.pcap import Json, Speed, _speed_bps, _time_ps, group

File = Annotated[str, typer.Argument(metavar="FILE", help="A capture; - is standard input.")]


@group.command(
    epilog="Example: emu pcap convert leaf1.pcapng part.pcap --from 1ms --to 2ms --host 10.0.0.5"
)
def convert(
    file: File,
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="What to write; - is standard output, .gz and .zst compress."
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", help="pcapng or pcap (default: by OUT's name, else pcapng)."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Keep from this time after the first packet on.")
    ] = None,
    stop: Annotated[
        str | None, typer.Option("--to", help="Keep up to this time after the first packet.")
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="Keep what this address sends or gets, inside VXLAN or out; repeatable."
        ),
    ] = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option("--between", metavar="A B", help="Keep what two addresses exchange."),
    ] = None,
    qp: Annotated[
        str | None,
        typer.Option("--qp", help="Keep packets to this queue pair, such as 0x11 or 17."),
    ] = None,
    with_pauses: Annotated[
        bool,
        typer.Option("--with-pauses", help="Keep pause frames whatever --host and --qp say."),
    ] = False,
    strip_payload: Annotated[
        bool,
        typer.Option(
            "--strip-payload",
            help="End packets behind their headers; comments tell which ICRC was wrong.",
        ),
    ] = False,
    anonymise: Annotated[
        bool,
        typer.Option(
            "--anonymise",
            help="Replace MAC and IP addresses, prefixes kept; zero what is no known header.",
        ),
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            envvar="EMU_PCAP_KEY",
            help="Of --anonymise: one key gives one pseudonym in every file.",
        ),
    ] = None,
) -> None:
    """Rewrite a capture: another format, a part of it, anonymised, without payload."""
    from emu.wire.convert import FORMATS, Cut
    from emu.wire.convert import convert as rewrite

    if form is not None and form not in FORMATS:
        raise typer.BadParameter(f"{form}: not pcapng or pcap", param_hint="--format")
    if anonymise and not key:
        raise typer.BadParameter(
            "needs --key (or EMU_PCAP_KEY): who knows it can find the addresses again",
            param_hint="--anonymise",
        )
    cut = Cut(
        from_ps=_time_ps(start, "--from") if start is not None else None,
        to_ps=_time_ps(stop, "--to") if stop is not None else None,
        hosts=tuple(host or ()),
        between=between,
        qp=_queue_pair(qp),
        keep_pause=with_pauses,
    )
    done = rewrite(
        file,
        out,
        form=form,
        cut=cut,
        strip_payload=strip_payload,
        key=key if anonymise else None,
    )
    note(f"wrote {out}: {done.written_packets:,} of {done.read_packets:,} packets")
    if strip_payload:
        note(
            f"ICRC before stripping: {done.icrc_right:,} right, {done.icrc_wrong:,} wrong, "
            f"{done.icrc_unknown:,} not captured"
        )
    if done.error is not None:
        raise typer.Exit(render_error(done.error))


def _queue_pair(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 24:
        raise typer.BadParameter(f"{text}: not a queue pair (0 to 0xffffff)", param_hint="--qp")
    return number


@group.command(epilog="Example: emu pcap path host.pcapng leaf.pcapng spine.pcapng")
def path(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="Captures at two to eight points, in any order."),
    ],
    horizon: Annotated[
        str, typer.Option("--horizon", help="Wait so long for a packet at the other points.")
    ] = "1s",
    speed: Speed = "",
    top: Annotated[int, typer.Option("--top", min=1, help="Show so many rows.")] = 20,
    json: Json = False,
) -> None:
    """Follow packets through captures: delay of each hop, losses, marks, how pauses spread."""
    from emu.wire.path import follow
    from emu.wire.render_path import render

    view = follow(files, horizon_ps=_time_ps(horizon, "--horizon"), speed_bps=_speed_bps(speed))
    if json:
        print_json(view.document())
    else:
        print_rich(render(view, top))
    code = 0
    for error in view.errors:
        code = render_error(error)
    if code:
        raise typer.Exit(code)


@group.command(epilog="Example: emu pcap report leaf1.pcapng --out leaf1.html")
def report(
    file: File,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")],
    speed: Speed = "",
) -> None:
    """Write one self-contained page: throughput, RTT, ECN and CNPs, pauses over time."""
    from emu.report.capture import capture_page

    error = capture_page(file, out, speed_bps=_speed_bps(speed))
    print_text(str(out))
    if error is not None:
        raise typer.Exit(render_error(error))
