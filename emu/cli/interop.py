# SPDX-License-Identifier: Apache-2.0
"""`emu import` and `emu export`: files of other programs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from emu.cli.console import note

importer = typer.Typer(no_args_is_help=True, help="Turn another simulator's files into YAML.")
exporter = typer.Typer(no_args_is_help=True, help="Write a run as another program wants it.")


def register(app: typer.Typer) -> None:
    """Add the verb groups to the command."""
    app.add_typer(importer, name="import")
    app.add_typer(exporter, name="export")


@importer.command(
    "hpcc",
    epilog="Example: emu import hpcc --topology topology.txt --flow flow.txt --config config.txt "
    "-o case.yaml",
)
def import_hpcc(
    topology: Annotated[Path, typer.Option("--topology", help="Its topology file.")],
    flow: Annotated[Path, typer.Option("--flow", help="Its flow file.")],
    config: Annotated[Path, typer.Option("--config", help="Its config file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The experiment to write.")],
) -> None:
    """Turn a case of the HPCC ns-3 simulator into an experiment that follows its model.

    The flows are written beside the experiment. Delete `dialect` from it to run the same
    traffic under emu's own, more exact model.
    """
    from emu.interop.hpcc import import_case

    table, notes = import_case(topology, flow, config, out)
    note(f"wrote {out} and {table}")
    for text in notes:
        note(text)


@importer.command(
    "htsim", epilog="Example: emu import htsim --topology a.topo --matrix a.cm -o case.yaml"
)
def import_htsim(
    topology: Annotated[Path, typer.Option("--topology", help="Its .topo file.")],
    matrix: Annotated[Path, typer.Option("--matrix", help="Its connection matrix, .cm.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The experiment to write.")],
    switch: Annotated[str, typer.Option("--switch", help="Preset of the switches.")] = "tomahawk4",
    nic: Annotated[str, typer.Option("--nic", help="Preset of the NICs.")] = "connectx7",
) -> None:
    """Turn a connection matrix on a fat tree of csg-htsim or uet-htsim into an experiment."""
    from emu.interop.htsim import import_htsim as convert

    note(f"wrote {out} and {convert(topology, matrix, out, switch, nic)}")


@exporter.command("hpcc", epilog="Example: emu export hpcc runs/case/l3/seed-1 -o fct.txt")
def export_hpcc(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
) -> None:
    """Write the flows of a run in the eight columns of the HPCC ns-3 simulator."""
    from emu.interop.hpcc import export_fct

    note(f"wrote {out}: {export_fct(run, out):,} flows")


@exporter.command(
    "prometheus", epilog="Example: emu export prometheus runs/incast/l3/seed-1 -o l3.om"
)
def export_prometheus(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    step: Annotated[
        float, typer.Option(min=0.001, metavar="S", help="Seconds that a sample interval becomes.")
    ] = 10.0,
    start: Annotated[
        datetime, typer.Option(metavar="UTC", help="When fabric time 0 is, in Prometheus.")
    ] = datetime(2025, 1, 1),
) -> None:
    """Write the series of a run as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.

    Prometheus keeps milliseconds, so fabric time is stretched; deploy/README.md says how the
    dashboards take that back.
    """
    from emu.telemetry.backfill import export_prometheus as export

    count, first, last = export(
        run, out, step_s=step, start_s=start.replace(tzinfo=UTC).timestamp()
    )
    between = " to ".join(
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (first, last)
    )
    note(f"wrote {out}: {count:,} samples, {between}")
    note(f"hint: promtool tsdb create-blocks-from openmetrics {out} data")
