# SPDX-License-Identifier: Apache-2.0
"""Resilient hashing: a table of buckets per group, so that who loses a next hop moves alone.

With a plain hash the number of members decides every flow's place, so a member that goes moves
nearly all flows, and again when it comes back. Switches therefore keep a table of a fixed number
of buckets per group: a flow belongs to a bucket, a bucket to a member, and when a member goes only
its buckets are dealt out to the others.

The engine needs nothing new for it: a group in which each bucket is a member is such a table.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.forwarding import TUNNEL_BIT, ForwardingPlan, SetGroup
from emu.fabric.graph import Fabric
from emu.fabric.walk import mix64

Ports = tuple[int, ...]


def make_resilient(plan: ForwardingPlan, fabric: Fabric, buckets: int) -> None:
    """Replace every switch's group of several ports by its table, now and in the timeline.

    Raises
    ------
    SpecError
        When a group has more members than the table has buckets.
    """
    whole = _whole(plan, fabric)
    tables: dict[tuple[Ports, Ports], Ports] = {}

    def table(ports: Ports, first: Ports) -> Ports:
        if len(ports) < 2 or fabric.ports[ports[0]].node < fabric.n_endpoints:
            return ports
        home = _home(ports, [first, *whole.get(fabric.ports[ports[0]].node, [])])
        if (ports, home) not in tables:
            if len(home) > buckets:
                name = fabric.nodes[fabric.ports[ports[0]].node].name
                raise SpecError(
                    [
                        Fault(
                            f"buckets is {buckets} and {name} has {len(home)} equal next hops: "
                            "each needs a bucket at least",
                            "routing.ecmp.buckets",
                        )
                    ]
                )
            tables[ports, home] = _table(ports, home, buckets)
        return tables[ports, home]

    # A bridge's group changes its members; routes move on to another group.
    changing = {u.group: plan.groups[u.group] for u in plan.timeline if isinstance(u, SetGroup)}
    plan.groups = [table(ports, changing.get(g, ())) for g, ports in enumerate(plan.groups)]
    plan.timeline = [
        replace(u, ports=table(u.ports, changing[u.group])) if isinstance(u, SetGroup) else u
        for u in plan.timeline
    ]


def _whole(plan: ForwardingPlan, fabric: Fabric) -> dict[int, list[Ports]]:
    """Per switch its groups at time 0, smallest first."""
    found: dict[int, list[Ports]] = {}
    for row in range(fabric.n_switches):
        used = np.unique(plan.fib[row][plan.fib[row] < TUNNEL_BIT]).tolist()
        own = {plan.groups[group] for group in used if len(plan.groups[group]) > 1}
        found[fabric.n_endpoints + row] = sorted(own, key=lambda ports: (len(ports), ports))
    return found


def _home(ports: Ports, whole: list[Ports]) -> Ports:
    """The group of which this one is what is left."""
    return next((home for home in whole if set(ports) <= set(home)), ports)


def _table(ports: Ports, home: Ports, buckets: int) -> Ports:
    """Each bucket's own member where it is there; else the one that the bucket ranks first
    (rendezvous hashing: Thaler and Ravishankar, 1998), so that a second loss moves no more."""
    alive = set(ports)
    found = []
    for bucket in range(buckets):
        own = home[bucket % len(home)]
        if own not in alive:
            own = max(ports, key=lambda port: (mix64(bucket << 32 | port), port))
        found.append(own)
    return tuple(found)
