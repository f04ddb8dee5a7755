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
) -> None:
    """Validate experiment files and everything they refer to; nothing runs."""
    from emu.fabric import build_fabric
    from emu.spec import load_experiment
    from emu.workload import check_workload

    for path in experiments:
        spec = load_experiment(path)
        variants = spec.variants()
        # Most variants differ in neither: what was checked once is not checked again.
        fabrics, checked = {}, set()
        for variant in variants:
            topology = variant.spec.topology.model_dump_json()
            if topology not in fabrics:
                fabrics[topology] = build_fabric(variant.spec.topology)
            key = (topology, variant.spec.workload.model_dump_json())
            if key not in checked:
                check_workload(variant.spec, fabrics[topology])
                checked.add(key)
        note(f"{path}: ok, {len(variants)} variants × {len(spec.seeds)} seeds")


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
