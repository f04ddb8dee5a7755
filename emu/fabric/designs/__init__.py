# SPDX-License-Identifier: Apache-2.0
"""The fabric designs: one file each, found by the name in the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emu.fabric.balancing import balance
from emu.fabric.designs import evpn, l3, l3_host, stretched_l2
from emu.fabric.faults import ResolvedFault, resolve_faults
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.misconfigured import add_hash_seeds, check_configuration
from emu.fabric.wrong_routes import add_wrong_routes
from emu.spec.design import DesignSpec
from emu.spec.experiment import ExperimentSpec
from emu.spec.timers import TimersSpec


class Design(Protocol):
    """Forwarding state and timeline; ``weighted``: next hops by what is left behind them."""

    def __call__(
        self,
        fabric: Fabric,
        design: DesignSpec,
        timers: TimersSpec,
        faults: Sequence[ResolvedFault],
        seed: int,
        weighted: bool = False,
    ) -> ForwardingPlan: ...


DESIGNS: dict[str, Design] = {
    "l3": l3.plan,
    "l3-host": l3_host.plan,
    "stretched-l2": stretched_l2.plan,
    "evpn": evpn.plan,
}


def plan_design(fabric: Fabric, spec: ExperimentSpec, seed: int) -> ForwardingPlan:
    """The plan of a variant, which has exactly one design.

    Raises
    ------
    SpecError
        When a fault names what the fabric does not have, or the design cannot be
        built on this fabric.
    """
    (design,) = spec.designs
    faults = resolve_faults(fabric, spec.faults)
    check_configuration(fabric, spec, faults)
    weighted = spec.routing.policy == "ecmp" and spec.routing.ecmp.weights == "capacity"
    result = DESIGNS[design.name](fabric, design, spec.timers, faults, seed, weighted)
    add_wrong_routes(fabric, result, faults)
    balance(result, fabric, spec.routing)
    add_hash_seeds(fabric, result, faults)
    return result
