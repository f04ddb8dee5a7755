# SPDX-License-Identifier: Apache-2.0
"""`emu lab up | run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emu.cli.console import EXIT_INTERRUPTED, note, print_json, print_table

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.spec import Variant
    from emu.spec.topology import TopologySpec

Wiring = Literal["tm", "direct"]
Runtime = Literal["os-ken", "ryu"]


def add(group: typer.Typer) -> None:
    """Add the verbs to `emu lab`."""
    group.command(
        epilog="Example: emu lab up topologies/lab-2x2x4.yaml --design stretched-l2/rstp"
    )(up)
    group.command(epilog="Example: emu lab run --seed 1 --out runs/by-hand")(run)


def up(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A topology; or an experiment, to stand ready for its traffic."
        ),
    ],
    design: Annotated[
        str | None, typer.Option("--design", help="l3 (default), stretched-l2/rstp, evpn, ...")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option("--control", help="Who forwards: controller, adaptive, frr or ovs."),
    ] = None,
    controller_runtime: Annotated[
        Runtime, typer.Option(help="What runs the controller's app.")
    ] = "os-ken",
    variant: Annotated[
        str | None, typer.Option("--variant", help="Of the experiment, instead of the first.")
    ] = None,
    wiring: Annotated[
        Wiring | None,
        typer.Option(
            help="tm: links go through the traffic manager's buffers, slowed down; direct: plain "
            "cables. An experiment stands with tm, a topology with direct."
        ),
    ] = None,
    dilation: Annotated[
        float | None, typer.Option(min=1, help="tm: wall time per fabric time.")
    ] = None,
    hold: Annotated[
        float | None,
        typer.Option(min=0, metavar="MS", help="tm: longest that fabric time waits for a switch."),
    ] = None,
) -> None:
    """Build a fabric and leave it running; prints who is where and how to get in.

    With an experiment the traffic manager is in place: what hosts send goes through the modelled
    buffers at the fabric's slowed rates, and `emu lab run` replays the experiment's traffic.
    """
    from emu.errors import InputError
    from emu.lab.lab import Lab
    from emu.lab.run import LabOptions, stand

    if _is_experiment(file):
        chosen = _variant(file, design, variant)
        topology, key = chosen.spec.topology, chosen.design.key
    else:
        chosen, topology, key = None, _topology(file), design or "l3"
        for name, given in (("--variant", variant), ("--wiring tm", wiring == "tm" or None)):
            if given is not None:
                raise InputError(f"{file} is a topology: {name} wants an experiment")
    if chosen is not None and wiring != "direct":
        options = LabOptions(control=control, runtime=controller_runtime)
        if dilation is not None:
            options = replace(options, dilation=dilation)
        if hold is not None:
            options = replace(options, hold_ms=hold)
        lab = stand(chosen, options, note)
    else:
        for name, number in (("--dilation", dilation), ("--hold", hold)):
            if number is not None:
                raise InputError(f"{name} is for the traffic manager, which this lab has not")
        lab = Lab.up(topology, key, control, runtime=controller_runtime, tell=note)
    print_map(lab)
    if lab.traffic is not None:
        note(
            f"links are {lab.traffic.dilation:g} times slower than the fabric's; `emu lab run` "
            f"replays {lab.traffic.variant.id}, `emu lab top` watches"
        )
    note(f"{lab.variant.title} is up; `emu lab down` ends it")
    lab.leave()


def run(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the run directories (default: runs/NAME)."),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", min=0, help="Instead of the experiment's; can be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the runs that are whole, do the rest.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the run directories as JSON when done.")
    ] = False,
) -> None:
    """Replay the experiment's traffic on the lab that is up, which stays up.

    Everything else goes on beside it: programs in hosts, `emu lab top`, `emu lab capture`,
    `emu lab fault`.
    """
    from emu.cli.progress import show_progress
    from emu.lab.lab import Lab
    from emu.lab.run import run_standing

    lab = Lab.attach()
    try:
        folder = out or Path("runs") / _name(lab)
        with show_progress() as on_progress:
            directories = run_standing(
                lab, folder, seed or (), resume=resume, on_progress=on_progress, tell=note
            )
    except KeyboardInterrupt:
        note("interrupted; the traffic that was begun goes on to its end")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        lab.leave()
    if json:
        print_json([str(path) for path in directories])
    note(f"{len(directories)} runs in {folder}")
    note(f"hint: emu report {folder}")


def print_map(lab: Lab) -> None:
    """Every host, its address, and how to get in."""
    from emu.lab.status import host_map

    columns = ["host", "interface", "address", "leaf", "port", "enter"]
    print_table(columns, [[row[name] for name in columns] for row in host_map(lab)])


def _name(lab: Lab) -> str:
    return lab.traffic.variant.spec.name if lab.traffic is not None else "lab"


def _is_experiment(path: str) -> bool:
    from emu.spec.yamltree import load_yaml

    if not Path(path).is_file():
        return False
    data = load_yaml(Path(path), path).data
    return isinstance(data, dict) and data.get("kind") == "experiment"


def _topology(path: str) -> TopologySpec:
    from emu.spec import load_topology

    return load_topology(path)


def _variant(path: str, design: str | None, wanted: str | None) -> Variant:
    """The experiment's variant of that name, or its first of that design."""
    from emu.errors import InputError
    from emu.spec import load_experiment
    from emu.spec.nearest import hint_for

    variants = list(load_experiment(path).variants())
    if wanted is not None:
        for one in variants:
            if one.id == wanted:
                return one
        raise InputError(
            f"{path} has no variant {wanted!r}: {hint_for(wanted, [v.id for v in variants])}"
        )
    if design is None:
        return variants[0]
    for one in variants:
        if design in (one.design.key, one.design.name):
            return one
    known = dict.fromkeys(v.design.key for v in variants)
    raise InputError(f"{path} has no design {design!r}: {hint_for(design, known)}")
