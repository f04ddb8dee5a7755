# SPDX-License-Identifier: Apache-2.0
"""`emu topology show | check | draw`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emu.cli.console import note, print_json, print_table, print_text

if TYPE_CHECKING:
    from emu.fabric.graph import Fabric

group = typer.Typer(no_args_is_help=True, help="Look at fabric files without running anything.")

File = Annotated[
    str, typer.Argument(metavar="TOPOLOGY", help="A topology file, or the name of a preset.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb group to the command."""
    app.add_typer(group, name="topology")


def _facts(fabric: Fabric) -> dict[str, Any]:
    kinds = Counter(fabric.nodes[s].kind.value for s in fabric.switches)
    links = Counter(link.kind for link in fabric.links)
    roles = Counter(host.role for host in fabric.hosts)
    rates = Counter((link.kind, fabric.ports[link.a].rate_bps) for link in fabric.links)
    return {
        "name": fabric.spec.name,
        "description": fabric.spec.description,
        "nic_ports": sum(len(fabric.ports_of(e)) for e in fabric.endpoints),
        "endpoints": fabric.n_endpoints,
        "hosts": dict(roles),
        "switches": dict(kinds),
        "links": dict(links),
        "capacity": [
            {"links": kind, "rate_bps": rate, "count": n, "total_bps": n * rate}
            for (kind, rate), n in sorted(rates.items())
        ],
    }


@group.command(epilog="Example: emu topology show leaf-spine-32x400G")
def show(topology: File, json: Json = False) -> None:
    """Print what a topology consists of: hosts, switches, links, rates."""
    from emu.fabric import build_fabric
    from emu.spec import load_topology
    from emu.units import format_rate

    facts = _facts(build_fabric(load_topology(topology)))
    if json:
        print_json(facts)
        return
    rows = [("name", facts["name"]), ("description", facts["description"])]
    rows += [("NIC ports", facts["nic_ports"])]
    rows += [(f"{role or 'idle'} hosts", n) for role, n in facts["hosts"].items()]
    rows += [(f"{kind} switches", n) for kind, n in facts["switches"].items()]
    rows += [(f"{kind} links", n) for kind, n in facts["links"].items()]
    for part in facts["capacity"]:
        what = f"{part['links']} capacity at {format_rate(part['rate_bps'])}"
        rows.append((what, f"{part['total_bps'] / 1e12:g} Tb/s"))
    print_table(["what", "value"], rows)


@group.command(epilog="Example: emu topology check topologies/*.yaml")
def check(
    topologies: Annotated[
        list[str], typer.Argument(metavar="TOPOLOGY...", help="Topology files or preset names.")
    ],
    deadlock: Annotated[
        bool,
        typer.Option("--deadlock", help="Also look for circles of buffers under every design."),
    ] = False,
) -> None:
    """Validate topology files; every fault of the first faulty one is printed."""
    from emu.cli.deadlock import in_topology
    from emu.fabric import build_fabric
    from emu.spec import load_topology

    for name in topologies:
        fabric = build_fabric(load_topology(name))
        note(f"{name}: ok, {fabric.n_endpoints} endpoints, {len(fabric.links)} links")
        for line in in_topology(fabric) if deadlock else ():
            note(f"  {line}")


@group.command(epilog="Example: emu topology draw leaf-spine-32x400G --out fabric.svg")
def draw(
    topology: File,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; without it, stdout.")
    ] = None,
) -> None:
    """Draw a topology as SVG."""
    from emu.fabric import build_fabric
    from emu.fabric.draw import fabric_svg
    from emu.spec import load_topology

    svg = fabric_svg(build_fabric(load_topology(topology)))
    if out is None:
        print_text(svg)
        return
    out.write_text(svg, encoding="utf-8")
    note(f"wrote {out}")
