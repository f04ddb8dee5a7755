# SPDX-License-Identifier: Apache-2.0
"""`--deadlock` of `emu topology check` and `emu experiment check`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from emu.errors import RunError
from emu.units import format_time

if TYPE_CHECKING:
    from emu.fabric.dependency import Circle
    from emu.fabric.graph import Fabric
    from emu.spec import ExperimentSpec


def in_topology(fabric: Fabric) -> Iterator[str]:
    """One line for each design that can be built on the fabric.

    Raises
    ------
    RunError
        When the paths of a design depend on each other in a circle.
    """
    from emu.errors import SpecError
    from emu.fabric.dependency import deadlock_circles
    from emu.fabric.designs import DESIGNS
    from emu.spec import TimersSpec
    from emu.spec.design import DesignSpec, design_keys

    for key in design_keys():
        design = DesignSpec.model_validate(key)
        try:
            plan = DESIGNS[design.name](fabric, design, TimersSpec(), (), 1)
        except SpecError as error:
            yield f"{key}: cannot be built here: {error.faults[0].message}"
            continue
        _refuse(key, fabric, deadlock_circles(fabric, plan))
        yield f"{key}: no circle of buffers"


def in_experiment(spec: ExperimentSpec) -> Iterator[str]:
    """One line for each variant, over all that happens to its tables.

    Raises
    ------
    RunError
        When the paths of a variant depend on each other in a circle at some moment.
    """
    from emu.fabric import build_fabric
    from emu.fabric.dependency import deadlock_circles
    from emu.fabric.designs import plan_design

    for variant in spec.variants():
        fabric = build_fabric(variant.spec.topology)
        plan = plan_design(fabric, variant.spec, variant.spec.seeds[0])
        _refuse(variant.id, fabric, deadlock_circles(fabric, plan))
        yield f"{variant.id}: no circle of buffers"


def _refuse(name: str, fabric: Fabric, circles: list[Circle]) -> None:
    if circles:
        first = circles[0]
        when = f"from {format_time(first.at_ps)} on" if first.at_ps else "from the start"
        raise RunError(
            f"{name}: egress queues can wait for each other in a circle {when}: "
            f"{first.words(fabric)}"
        )
