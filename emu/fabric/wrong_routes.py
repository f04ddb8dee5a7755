# SPDX-License-Identifier: Apache-2.0
"""Static routes that somebody configured wrongly, or forgot, laid over a design's plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from emu.errors import Fault, SpecError
from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import ForwardingPlan, SetFib, Update
from emu.fabric.graph import Fabric
from emu.fabric.homing import homes_of
from emu.fabric.physics import in_order
from emu.fabric.walk import State

KIND = "wrong-route"


def add_wrong_routes(
    fabric: Fabric, plan: ForwardingPlan, faults: Sequence[ResolvedFault]
) -> ForwardingPlan:
    """The plan with the wrong routes in force while their faults last.

    A static route beats what a routing protocol says (administrative distance): changes
    of the same routes that the design makes meanwhile wait until the fault is over.

    Raises
    ------
    SpecError
        When the switch bridges and so has no routes.
    """
    for number, fault in enumerate(faults):
        if fault.kind == KIND:
            _lay_over(fabric, plan, fault, number)
    return plan


def _lay_over(fabric: Fabric, plan: ForwardingPlan, fault: ResolvedFault, number: int) -> None:
    row = fault.switch - fabric.n_endpoints
    name = fabric.nodes[fault.switch].name
    if plan.bridged[row] and not (plan.vtep_of_switch >= 0).any():
        message = f"{name} bridges in design {plan.design}: it has no routes that could be wrong"
        raise SpecError([Fault(message, f"faults.{number}.switch")])
    routes = _routes(fabric, plan, fault, row)
    group = len(plan.groups)
    plan.groups.append(fault.ports)
    healthy = State(fabric, plan)
    kept: list[Update] = []
    for update in plan.timeline:
        if isinstance(update, SetFib) and update.switch == row and _lasts(fault, update.at_ps):
            left = tuple(route for route in update.routes if route not in routes)
            if left:
                kept.append(replace(update, routes=left))
        else:
            kept.append(update)
    kept.append(SetFib(fault.start_ps, fault.name, row, routes, group))
    if fault.end_ps is not None:
        healthy.until(fault.end_ps)
        by_value: dict[int, list[int]] = defaultdict(list)
        for route in routes:
            by_value[int(healthy.fib[row, route])].append(route)
        kept += [
            SetFib(fault.end_ps, f"{fault.name} ends", row, tuple(own), value)
            for value, own in by_value.items()
        ]
    plan.timeline = in_order(kept)


def _lasts(fault: ResolvedFault, at_ps: int) -> bool:
    return fault.start_ps <= at_ps and (fault.end_ps is None or at_ps <= fault.end_ps)


def _routes(
    fabric: Fabric, plan: ForwardingPlan, fault: ResolvedFault, row: int
) -> tuple[int, ...]:
    """Columns of the table: the hosts, or in an underlay the tunnel ends that serve them."""
    endpoints = fault.endpoints or tuple(fabric.endpoints)
    if not (plan.vtep_of_switch >= 0).any():
        return endpoints
    homes = homes_of(fabric)
    leaves = {home.leaf for endpoint in endpoints for home in homes[endpoint]}
    vteps = {int(plan.vtep_of_switch[leaf]) for leaf in leaves} - {int(plan.vtep_of_switch[row])}
    return tuple(sorted(fabric.n_endpoints + vtep for vtep in vteps if vtep >= 0))
