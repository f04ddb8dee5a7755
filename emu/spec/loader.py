# SPDX-License-Identifier: Apache-2.0
"""Reading spec files: every fault of a file at once, each with its place."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from emu.errors import Fault, SpecError
from emu.spec.context import LoadContext, shown_path
from emu.spec.experiment import ExperimentSpec
from emu.spec.faultlist import Places, faults_of
from emu.spec.nearest import hint_for
from emu.spec.topology import TopologySpec, with_overrides
from emu.spec.yamltree import YamlTree, load_yaml


def load_topology(path_or_name: str | Path) -> TopologySpec:
    """Reads a topology file, or the preset of that name.

    Raises
    ------
    SpecError
        With all faults of the file.
    """
    try:
        path = LoadContext().find_topology(str(path_or_name))
    except ValueError as error:
        raise SpecError([Fault(str(error))]) from None
    tree = load_yaml(path, shown_path(path))
    _expect_kind(tree, "topology")
    places = Places([((), tree)])
    try:
        return TopologySpec.model_validate(tree.data, context=LoadContext(path.parent))
    except ValidationError as error:
        raise SpecError(faults_of(error, TopologySpec, tree.data, places)) from None


def load_experiment(path: str | Path) -> ExperimentSpec:
    """Reads an experiment file with everything it refers to, and checks all its variants.

    Raises
    ------
    SpecError
        With all faults of the file, or of the topology that it names.
    """
    path = Path(path)
    tree = load_yaml(path, shown_path(path))
    _expect_kind(tree, "experiment")
    context = LoadContext(path.parent)
    try:
        spec = ExperimentSpec.model_validate(tree.data, context=context)
    except ValidationError as error:
        data, places = _with_topology(tree, context)
        raise SpecError(faults_of(error, ExperimentSpec, data, places)) from None
    _, places = _with_topology(tree, context)
    faults = _missing_trace(spec, places)
    if faults:
        raise SpecError(faults)
    spec._places = places
    spec.variants()
    return spec


def _with_topology(tree: YamlTree, context: LoadContext) -> tuple[object, Places]:
    """The data with the topology file in its place, and the positions of both."""
    places = Places([((), tree)], [(("topology",), ("overrides",))])
    topology = tree.data.get("topology")
    if context.topology is not None:
        topology = context.topology.data
        places.layers.insert(0, (("topology",), context.topology))
    topology = with_overrides(topology, tree.data.get("overrides"))
    return {**tree.data, "topology": topology}, places


def _expect_kind(tree: YamlTree, kind: str) -> None:
    """The most likely slip of all: a file of the other kind, or no mapping at all."""
    places = Places([((), tree)])
    if not isinstance(tree.data, dict):
        raise SpecError(
            [
                places.fault(
                    (), f"the file is not a mapping of fields: it begins with `kind: {kind}`"
                )
            ]
        )
    given = tree.data.get("kind")
    if given is None:
        raise SpecError([places.fault((), f"kind is missing: write `kind: {kind}`")])
    if given != kind:
        hint = "use `emu topology` for topologies" if given == "topology" else ""
        message = f"this is a file of kind {given!r}: one of kind {kind!r} is wanted here"
        raise SpecError([places.fault(("kind",), message, hint=hint)])


def _missing_trace(spec: ExperimentSpec, places: Places) -> list[Fault]:
    trace = spec.workload.trace
    # Client descriptions (servegen) are folders.
    if trace.path.exists():
        return []
    at = ("workload", "trace", "file")
    if trace.origin:
        return [places.fault(at, f"no trace {trace.file!r}", hint=f"get it: {trace.origin}")]
    folder = trace.path.parent
    if folder.is_dir():
        alike = folder.glob(f"*{trace.path.suffix}")
        known = hint_for(trace.path.name, sorted(entry.name for entry in alike))
    else:
        known = f"there is no folder {folder.name!r}"
    return [places.fault(at, f"no trace {trace.file!r}: {known}")]
