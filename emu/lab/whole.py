# SPDX-License-Identifier: Apache-2.0
"""Is every path of a lab in use? Hosts that reach each other need only one of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.errors import RunError
from emu.lab.launch import run
from emu.lab.namespaces import enter, interfaces

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def wait_until_whole(lab: Lab, patience_s: float = 60.0) -> None:
    """Until every link has carrier and every path is used, so that a run meets the whole fabric.

    Raises
    ------
    RunError
        When some path is not used within the time.
    """
    checks: list[Callable[[Lab], bool]] = [_cables_whole]
    if lab.variant.control in _CHECKS:
        checks.append(_CHECKS[lab.variant.control])
    deadline = time.monotonic() + patience_s
    while not all(check(lab) for check in checks):
        if time.monotonic() > deadline:
            raise RunError("a mended link is not used again")
        time.sleep(0.1)


def _cables_whole(lab: Lab) -> bool:
    seen = {name: interfaces(lab.paths.namespace(name)) for name in lab.plan.namespaces}
    return all(seen[port.namespace][port.interface]["up"] for port in lab.plan.ports)


def _routers_whole(lab: Lab) -> bool:
    """Every leaf has as many ways to every other leaf's loopback as it has uplinks."""
    for here in lab.plan.leaves:
        show = enter(lab.paths.namespace(here.namespace), ["ip", "-o", "route", "show"])
        routes = {line.split()[0]: line for line in run(show).splitlines() if line}
        for there in lab.plan.leaves:
            ways = routes.get(there.loopback, "").count(" dev ")
            if there is not here and ways < len(lab.plan.routed_ports(here)):
                return False
    return True


def _groups_whole(lab: Lab) -> bool:
    """Every leaf's groups have all its uplinks, every spine's all its cables to a leaf."""
    if lab.variant.design != "l3":
        return True
    assert lab.controller is not None
    plan = lab.plan
    ways = {leaf.name: len(plan.routed_ports(leaf)) for leaf in plan.leaves}
    for node in plan.switches:
        cables = Counter(plan.peer(port).node for port in plan.routed_ports(node))
        ways.setdefault(node.name, max(cables.values()))
    groups = lab.controller.get("/groups")
    return all(len(g["ports"]) == ways[g["switch"]] for g in groups)


def _tree_whole(lab: Lab) -> bool:
    from emu.lab.designs.stretched_ovs import port_states

    return set(port_states(lab).values()) <= {"Forwarding", "Discarding"}


_CHECKS: dict[str, Callable[[Lab], bool]] = {
    "frr": _routers_whole,
    "controller": _groups_whole,
    "adaptive": _groups_whole,
    "ovs": _tree_whole,
}
