# SPDX-License-Identifier: Apache-2.0
"""`emu experiment check | show | schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emu.cli.console import note, print_json, print_table

group = typer.Typer(no_args_is_help=True, help="Look at experiment files without running them.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb group to the command."""
    app.add_typer(group, name="experiment")


@group.command(epilog="Example: emu experiment check experiments/*.yaml")
def check(
    experiments: Annotated[
        list[Path], typer.Argument(metavar="EXPERIMENT...", help="Experiment files.")
    ],
    deadlock: Annotated[
        bool,
        typer.Option("--deadlock", help="Also look for circles of buffers in every variant."),
    ] = False,
) -> None:
    """Validate experiment files and everything they refer to; nothing runs."""
    from emu.cli.deadlock import in_experiment
    from emu.sim import check_experiment
    from emu.spec import load_experiment

    for path in experiments:
        spec = load_experiment(path)
        check_experiment(spec)
        note(f"{path}: ok, {len(spec.variants())} variants × {len(spec.seeds)} seeds")
        for line in in_experiment(spec) if deadlock else ():
            note(f"  {line}")


@group.command(epilog="Example: emu experiment show experiments/first-look.yaml")
def show(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file.")],
    json: Json = False,
) -> None:
    """List the variants that an experiment would run."""
    from emu.spec import load_experiment

    spec = load_experiment(experiment)
    variants = spec.variants()
    if json:
        print_json(
            {
                "name": spec.name,
                "question": spec.question,
                "fingerprint": spec.fingerprint(),
                "seeds": list(spec.seeds),
                "variants": [{"id": v.id, "labels": v.labels} for v in variants],
            }
        )
        return
    labels = list(dict.fromkeys(name for v in variants for name in v.labels))
    print_table(
        ["variant", *labels],
        [[v.id, *(v.labels.get(name, "") for name in labels)] for v in variants],
    )
    note(f"{len(variants)} variants × {len(spec.seeds)} seeds")


@group.command(epilog="Example: emu experiment schema > experiment.schema.json")
def schema(
    kind: Annotated[
        Literal["experiment", "topology"], typer.Argument(help="Which kind of file.")
    ] = "experiment",
) -> None:
    """Print the JSON Schema of a file kind, for editors that complete YAML."""
    from emu.spec import json_schema

    print_json(json_schema(kind))
