# SPDX-License-Identifier: Apache-2.0
"""`emu lab status | shell | capture | fault | measure-convergence | down`, `emu clean`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from emu.cli.console import note, print_json, print_table
from emu.cli.lab_measure import add as add_measurements
from emu.cli.lab_top import add as add_top
from emu.cli.lab_up import add as add_standing
from emu.cli.lab_up import print_map

group = typer.Typer(
    no_args_is_help=True,
    help="Build a fabric on this machine with Mininet, Open vSwitch and FRR, and look around in "
    "it. Needs root; `emu doctor` says what else.",
)

add_standing(group)  # first: the listing is in the order in which people need them

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb group and `clean` to the command."""
    add_measurements(group)
    add_top(group)
    app.add_typer(group, name="lab")
    app.command(epilog="Example: emu clean")(clean)


@group.command(epilog="Example: emu lab status --json")
def status(json: Json = False) -> None:
    """Say what is up: hosts, links, processes."""
    from emu.lab.lab import Lab
    from emu.lab.status import summary

    lab = Lab.attach()
    facts = summary(lab)
    if json:
        print_json(facts)
        return
    note(f"{facts['topology']}, {lab.variant.title}, up since {facts['since']} by {facts['user']}")
    print_map(lab)
    _print_rows(facts["links"], ["link", "a", "b", "up"])
    _print_rows(facts["processes"], ["role", "pid", "alive"])


def _print_rows(rows: list[dict[str, Any]], columns: list[str]) -> None:
    words = {True: "yes", False: "NO"}
    print_table(columns, [[words.get(row[c], row[c]) for c in columns] for row in rows])


@group.command(
    epilog="Example: emu lab shell h0 -- ping -c 3 198.18.1.10",
    context_settings={"ignore_unknown_options": True},
)
def shell(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A host or a switch.")],
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Instead of a shell.")
    ] = None,
) -> None:
    """Enter a host or switch; with a command, run it there."""
    from emu.lab.lab import Lab
    from emu.lab.shell import shell_command

    lab = Lab.attach()
    words, environment = shell_command(lab, node, command or [])
    os.execvpe(words[0], words, environment)


@group.command(epilog="Example: emu lab capture leaf0-p2 h0 --out captures --seconds 10")
def capture(
    ports: Annotated[
        list[str], typer.Argument(metavar="PORT...", help="leaf0-p2, or a host's NIC: h0, h0.1.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for PORT.pcapng.")] = Path("."),
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Without it: until Ctrl-C.")
    ] = None,
) -> None:
    """Write what passes ports of the lab, in both directions, one pcapng file each."""
    from emu.lab.capture import capture as write
    from emu.lab.lab import Lab

    lab = Lab.attach()
    note("capturing" if seconds else "capturing; Ctrl-C ends it")
    for path, packets in write(lab, ports, out, seconds).items():
        note(f"{path}: {packets} packets")
    lab.leave()


@group.command(epilog="Example: emu lab fault 'link down leaf1-spine0'")
def fault(
    text: Annotated[
        str, typer.Argument(metavar="FAULT", help="`link down NAME`, `switch up NAME`, ...")
    ],
) -> None:
    """Break something, or mend it."""
    from emu.lab.faults import apply_fault
    from emu.lab.lab import Lab

    lab = Lab.attach()
    ports = apply_fault(lab, text)
    lab.leave()
    note(f"{text}: {', '.join(port.interface for port in ports)}")


@group.command(
    name="measure-convergence",
    epilog="Example: emu lab measure-convergence topologies/lab-2x2x4.yaml --out profile.yaml",
)
def measure_convergence(
    topology: Annotated[str, typer.Argument(metavar="TOPOLOGY", help="What to build.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the profile goes (YAML).")],
    failures: Annotated[int, typer.Option("--failures", min=1, help="Failures per case.")] = 20,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Only this case; may be repeated.")
    ] = None,
) -> None:
    """Break links of real control planes and write how long each was without a path.

    Times are wall times, as control planes are not slowed down in the lab. The profile's
    `timers` can stand in an experiment as they are.
    """
    import yaml

    from emu.errors import InputError
    from emu.lab.convergence import measure
    from emu.lab.convergence_cases import CASES, FAILURES_MIN
    from emu.spec import load_topology
    from emu.spec.nearest import hint_for

    known = [one.name for one in CASES]
    for name in case or []:
        if name not in known:
            raise InputError(f"no case {name!r}: {hint_for(name, known)}")
    if failures < FAILURES_MIN:
        note(f"{failures} failures say little about a distribution: {FAILURES_MIN} are usual")
    profile = measure(load_topology(topology), failures, case or (), note)
    out.write_text(yaml.safe_dump(profile, sort_keys=False, width=100), encoding="utf-8")
    note(f"wrote {out}")


@group.command(epilog="Example: emu lab down")
def down() -> None:
    """End the lab that is up."""
    _clean("no lab is up")


def clean() -> None:
    """End everything that a lab has left on this machine, and nothing else."""
    _clean("nothing to clean")


def _clean(nothing: str) -> None:
    from emu.lab.cleanup import clean as end
    from emu.lab.journal import lab_paths

    done = end(lab_paths())
    for line in done:
        note(f"ended {line}")
    if not done:
        note(nothing)
