# SPDX-License-Identifier: Apache-2.0
"""Design ``l3-host``: routed down to the host, which speaks BGP with its leaves.

Every NIC address is a /32. A dual-homed NIC advertises it by both leaves and
balances what it sends over both ports; when a port dies the other one carries all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emu.fabric.designs.multihomed import all_active_groups, port_updates
from emu.fabric.designs.routed import RoutedRows, fib_updates, tell_of_links
from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home, homes_of
from emu.fabric.physics import (
    LinkChange,
    detected_changes,
    in_order,
    link_changes,
    physical_updates,
)
from emu.fabric.plan import new_plan
from emu.fabric.spread import Facts, Spread, silent, unresolved
from emu.fabric.updown import Destination
from emu.spec.design import DesignSpec
from emu.spec.timers import TimersSpec


def plan(
    fabric: Fabric,
    design: DesignSpec,
    timers: TimersSpec,
    faults: Sequence[ResolvedFault],
    seed: int,
    weighted: bool = False,
) -> ForwardingPlan:
    """Forwarding state and timeline of routed hosts."""
    homes = homes_of(fabric)
    groups = GroupTable()

    def advertisers(endpoint: int, facts: Facts) -> Destination:
        if silent(endpoint) in facts or unresolved(endpoint) in facts:
            return ()
        return tuple(sorted(h.leaf for h in homes[endpoint] if h.link not in facts))

    rows = RoutedRows(fabric, groups, homes, advertisers, weighted)
    nothing: Facts = frozenset()
    result = new_plan(fabric, design, groups, seed)
    result.fib = np.stack([rows.row(s, nothing) for s in range(fabric.n_switches)])
    result.endpoint_group[:] = all_active_groups(groups, homes)

    detected = detected_changes(link_changes(faults), timers.detection_ps)
    spread = Spread(fabric)
    tell_of_links(spread, fabric, detected, timers)
    _tell_of_sessions(spread, fabric, homes, detected, timers)
    _tell_of_silence(spread, homes, faults, timers)
    result.timeline = in_order(
        [
            *physical_updates(fabric, faults, timers.detection_ps),
            *port_updates(fabric, groups, homes, detected, timers),
            *fib_updates(result.fib, spread.news, rows.row),
        ]
    )
    return result


def _tell_of_sessions(
    spread: Spread,
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
) -> None:
    """The session on an access link ends or is back: its /32 goes or comes, hop by hop.

    The leaf that lost the host drops at first: the dead port takes the route out of
    the hardware at once, but the way through the other leaf comes from a run of BGP,
    which takes as long as it takes the neighbours. (Were it at once, packets would
    circle between the leaf and spines that have not heard yet.)
    """
    home_of_link = {home.link: home for own in homes for home in own}
    none_dead: Facts = frozenset()
    everyone = range(fabric.n_switches)
    per_hop_ps = timers.bgp_remote_withdraw_per_hop
    for change in detected:
        home = home_of_link.get(change.link)
        if home is None:
            continue
        hops = spread.hops((home.leaf,), none_dead)
        if change.up:
            arrival = change.at_ps + timers.bgp_restore + hops * per_hop_ps
            reason = f"/32 advertised: {change.cause}"
        else:
            local_ps = change.at_ps + timers.bgp_local_repair
            arrival = local_ps + np.maximum(hops, 1) * per_hop_ps
            reason = f"/32 withdrawn: {change.cause}"
            fact = unresolved(fabric.ports[fabric.links[change.link].a].node)
            spread.tell_at(local_ps, [home.leaf], fact, True, reason)
            spread.tell_at(local_ps + per_hop_ps, [home.leaf], fact, False, reason)
        spread.tell(arrival, everyone, change.link, not change.up, reason)


def _tell_of_silence(
    spread: Spread,
    homes: Sequence[tuple[Home, ...]],
    faults: Sequence[ResolvedFault],
    timers: TimersSpec,
) -> None:
    """A silent host keeps no session up: its /32 is withdrawn.

    The fault begins when a MAC entry would expire (minutes), by when the hold time
    (seconds) is long over.
    """
    none_dead: Facts = frozenset()
    for fault in faults:
        if fault.kind != "silent-host":
            continue
        for endpoint in fault.endpoints:
            leaves = tuple(home.leaf for home in homes[endpoint])
            hops = spread.hops(leaves, none_dead)
            travel_ps = hops * timers.bgp_remote_withdraw_per_hop
            everyone, fact = range(hops.size), silent(endpoint)
            reason = f"/32 withdrawn: {fault.name}"
            spread.tell(fault.start_ps + travel_ps, everyone, fact, True, reason)
            if fault.end_ps is not None:
                back_ps = fault.end_ps + timers.bgp_restore
                reason = f"/32 advertised: {fault.name}"
                spread.tell(back_ps + travel_ps, everyone, fact, False, reason)
