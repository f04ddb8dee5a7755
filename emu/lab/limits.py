# SPDX-License-Identifier: Apache-2.0
"""What of an experiment the lab cannot do, told before anything is built."""

from __future__ import annotations

from emu.errors import InputError
from emu.fabric import build_fabric
from emu.lab.designs import find_variant, l3_adaptive
from emu.lab.plan import LabPlan, plan_lab
from emu.spec import Variant

FAULTS = (
    "link-down", "link-flap", "switch-down", "line-card-down", "link-degraded", "slow-link",
    "ecn-off", "mtu-mismatch", "pfc-priority", "slow-receiver", "nic-storm", "black-hole",
    "silent-host",
)  # fmt: skip
"""What happens to links, buffers and hosts: the traffic manager does it. A wrong entry in a
forwarding table would have to be the work of a real control plane."""

_SHORTEST_PATH = ("controller", "adaptive")


def check_variant(variant: Variant, control: str | None) -> None:
    """Whether the lab can run a variant.

    Parameters
    ----------
    variant : Variant
        One design under one set of values.
    control : str or None
        Who shall forward; None: the design's first.

    Raises
    ------
    emu.errors.InputError
        Which names what the lab has instead.
    """
    spec = variant.spec
    found = find_variant(variant.design.key, control_of(variant, control))
    plan = plan_lab(build_fabric(spec.topology))
    if found.design == l3_adaptive.VARIANT.design and found.control in _SHORTEST_PATH:
        _check_no_short_cut(plan, found.control)
    if spec.routing.polarised:
        raise InputError(
            "routing.polarised is for the simulator: Open vSwitch and Linux choose their own seeds"
        )
    ecmp = spec.routing.ecmp
    if spec.routing.policy == "ecmp" and (ecmp.resilient or ecmp.weights != "equal"):
        raise InputError(
            "routing.ecmp: resilient tables and weights are for the simulator: the lab's switches "
            "hash over equal next hops",
            hint="leave resilient and weights out",
        )
    for fault in spec.faults:
        if fault.kind not in FAULTS:
            raise InputError(
                f"faults: {fault.kind} is for the simulator: in the lab real control planes fill "
                "the tables",
                hint=f"the lab has {', '.join(FAULTS)}",
            )


def _check_no_short_cut(plan: LabPlan, control: str) -> None:
    """A controller that takes the shortest path would go from leaf to leaf."""
    leaves = {leaf.name for leaf in plan.leaves}
    for port in plan.ports:
        if port.node in leaves and plan.peer(port).node in leaves:
            raise InputError(
                f"topology: {port.node} has a cable to {plan.peer(port).node}, which is for MLAG; "
                f"l3 under {control} would route over it",
                hint="peer_links: 0, or --control frr, which routes as RFC 7938 does",
            )


def control_of(variant: Variant, control: str | None) -> str | None:
    """Who forwards: what was asked for, or what the routing policy needs."""
    return l3_adaptive.VARIANT.control if steered(variant, control) else control


def steered(variant: Variant, control: str | None) -> bool:
    """Whether the routing policy asks for the controller that moves slots.

    Raises
    ------
    emu.errors.InputError
        For policies that real switches cannot be given here.
    """
    policy, design = variant.spec.routing.policy, variant.design.key
    if policy == "ecmp":
        return False
    if policy != "controller":
        raise InputError(
            f"routing.policy: {policy} is for the simulator: neither Open vSwitch nor Linux picks "
            "next hops so",
            hint="the lab has ecmp, and controller on l3",
        )
    if design != l3_adaptive.VARIANT.design or control not in (None, l3_adaptive.VARIANT.control):
        given = design if control is None else f"{design} under {control}"
        raise InputError(
            f"routing.policy: controller on {given}: in the lab it is l3 under adaptive",
            hint="routing.policy: ecmp, or leave this design to the simulator",
        )
    return True
