# SPDX-License-Identifier: Apache-2.0
"""The empty plan that each design fills."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emu.fabric.forwarding import DROP, PORT_UNLEARNED, ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.spec.design import DesignSpec


def new_plan(
    fabric: Fabric, design: DesignSpec, groups: GroupTable, seed: int, n_vteps: int = 0
) -> ForwardingPlan:
    """A routed plan without routes; ``groups`` may still grow."""
    n = fabric.n_switches
    return ForwardingPlan(
        design=design.key,
        groups=groups.members,
        fib=np.full((n, fabric.n_endpoints + n_vteps), DROP, dtype=np.uint16),
        endpoint_group=np.full(fabric.n_endpoints, -1, dtype=np.int32),
        vtep_of_switch=np.full(n, -1, dtype=np.int32),
        bridged=np.zeros(n, dtype=np.bool_),
        port_group=np.full(len(fabric.ports), PORT_UNLEARNED, dtype=np.int32),
        hash_seed=hash_seeds(n, seed),
    )


def hash_seeds(n_switches: int, seed: int) -> npt.NDArray[np.uint32]:
    """One seed per switch, so that tiers do not repeat each other's choice."""
    return np.random.default_rng([0x6861, seed]).integers(
        0, 2**32, size=n_switches, dtype=np.uint32
    )
