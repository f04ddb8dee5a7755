# SPDX-License-Identifier: Apache-2.0
"""Checks an experiment as far as that goes without running it."""

from __future__ import annotations

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.captures import resolve_captures
from emu.fabric.designs import plan_design
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec
from emu.workload import check_workload


def check_experiment(spec: ExperimentSpec) -> None:
    """Build every fabric, plan every design and look up every name; no packet moves.

    Raises
    ------
    emu.errors.InputError
        For what a file's own rules cannot see, such as a fault on a link that the fabric does
        not have.
    """
    fabrics: dict[str, Fabric] = {}
    seen: set[tuple[str, str]] = set()
    for variant in spec.variants():
        topology = variant.spec.model_dump_json(include={"topology"})
        if topology not in fabrics:
            fabrics[topology] = build_fabric(variant.spec.topology)
        fabric = fabrics[topology]
        # Most variants differ in little: what was checked once is not checked again.
        workload = (topology, variant.spec.model_dump_json(include={"workload"}))
        if workload not in seen:
            seen.add(workload)
            check_workload(variant.spec, fabric)
        try:
            resolve_captures(fabric, variant.spec.record.captures)
            plan_design(fabric, variant.spec, spec.seeds[0])
        except SpecError as error:
            raise variant.spec.located(error) from None
