# SPDX-License-Identifier: Apache-2.0
"""Wrong configuration of switches, laid over a design's plan: hash seeds, PFC classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emu.errors import Fault, SpecError
from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import ForwardingPlan, HashSeed, Update
from emu.fabric.graph import Fabric
from emu.fabric.physics import in_order
from emu.spec.experiment import ExperimentSpec

__all__ = ["add_hash_seeds", "check_configuration"]

SEEDS, CLASSES, LOOP = "same-hash-seed", "pfc-priority", "bridging-loop"


def add_hash_seeds(fabric: Fabric, plan: ForwardingPlan, faults: Sequence[ResolvedFault]) -> None:
    """Switches of a fault take the seed of the first of them while it lasts.

    Where faults overlap, the one that began last decides.
    """
    own = [fault for fault in faults if fault.kind == SEEDS]
    if own:
        plan.timeline = in_order([*plan.timeline, *_seeds(fabric, plan, own)])


def _seeds(
    fabric: Fabric, plan: ForwardingPlan, faults: Sequence[ResolvedFault]
) -> Iterator[Update]:
    moments = {f.start_ps: f.name for f in faults}
    moments |= {f.end_ps: f.name for f in faults if f.end_ps is not None}
    known: dict[int, int] = {}
    for at_ps in sorted(moments):
        wanted: dict[int, int] = {}
        for fault in sorted(faults, key=lambda f: f.start_ps):
            ended = fault.end_ps is not None and fault.end_ps <= at_ps
            if fault.start_ps > at_ps or ended:
                continue
            rows = [switch - fabric.n_endpoints for switch in fault.switches]
            wanted |= dict.fromkeys(rows, int(plan.hash_seed[rows[0]]))
        for row in sorted(known.keys() | wanted.keys()):
            first = int(plan.hash_seed[row])
            seed = wanted.get(row, first)
            if seed != known.get(row, first):
                yield HashSeed(at_ps, moments[at_ps], row, seed, row not in wanted)
            known[row] = seed


def check_configuration(
    fabric: Fabric, spec: ExperimentSpec, faults: Sequence[ResolvedFault]
) -> None:
    """Refuse what would change nothing, and what the design does not have.

    Raises
    ------
    SpecError
        With every such fault.
    """
    (design,) = spec.designs
    wrong: list[Fault] = []
    for number, fault in enumerate(faults):
        if fault.kind == CLASSES:
            wrong += _classes(fabric, spec, fault, number)
        if fault.kind == SEEDS and len(fault.switches) < 2:
            name = fabric.nodes[fault.switches[0]].name
            message = f"{name} alone has no seed to share: name two switches or more"
            wrong.append(Fault(message, f"faults.{number}.switches"))
        if fault.kind == SEEDS and spec.dialect.hash == "murmur3":
            message = "dialect.hash murmur3 takes node numbers for seeds: they are never the same"
            wrong.append(Fault(message, f"faults.{number}.kind"))
        if fault.kind == LOOP and design.name != "stretched-l2":
            message = f"{design.key} routes between switches: no spanning tree blocks a port"
            hint = "leave this design out of the variant, or use wrong-route"
            wrong.append(Fault(message, f"faults.{number}.kind", hint=hint))
    if wrong:
        raise SpecError(wrong)


def _classes(
    fabric: Fabric, spec: ExperimentSpec, fault: ResolvedFault, number: int
) -> Iterator[Fault]:
    node = fabric.nodes[fault.switch]
    pfc = getattr(spec.topology.switches, node.kind.value).pfc
    own = sorted(set(pfc.priorities)) if pfc.enabled else []
    if sorted(set(fault.priorities)) == own:
        listed = ", ".join(map(str, own)) or "none"
        message = f"the lossless classes of {node.name} are {listed} anyway: nothing would change"
        yield Fault(message, f"faults.{number}.priorities")
