# SPDX-License-Identifier: Apache-2.0
"""Design ``l3``: the leaf is the hosts' router, eBGP between all switches (RFC 7938).

ECMP over all shortest up-down paths. A dual-homed NIC has one active port, even
endpoints the first and odd ones the second, so that the leaves of a pair share the
load; its address is advertised by the active leaf (from ARP). ARP stays on the link
between host and leaf, nothing is flooded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emu.fabric.designs.routed import RoutedRows, fib_updates, tell_of_links
from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import ForwardingPlan, SetEndpointGroup, Update
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home, homes_of, preferred, usable_changes
from emu.fabric.physics import (
    LinkChange,
    detected_changes,
    in_order,
    link_changes,
    physical_updates,
)
from emu.fabric.plan import new_plan
from emu.fabric.spread import Facts, Spread, moved, silent
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
    """Forwarding state and timeline of routed leaves."""
    homes = homes_of(fabric)
    groups = GroupTable()

    def advertisers(endpoint: int, facts: Facts) -> Destination:
        own = homes[endpoint]
        if len(own) == 1:
            # The leaf advertises its subnet, whatever becomes of a single host.
            return (own[0].leaf,)
        active = preferred(endpoint, own)
        if moved(endpoint) in facts:
            active = 1 - active
        home = own[active]
        return () if home.link in facts else (home.leaf,)

    rows = RoutedRows(fabric, groups, homes, advertisers, weighted)
    nothing: Facts = frozenset()
    result = new_plan(fabric, design, groups, seed)
    result.fib = np.stack([rows.row(s, nothing) for s in range(fabric.n_switches)])
    active_group = [[groups.of_ports((home.own_port,)) for home in own] for own in homes]
    for endpoint, own in enumerate(homes):
        result.endpoint_group[endpoint] = active_group[endpoint][preferred(endpoint, own)]

    detected = detected_changes(link_changes(faults), timers.detection_ps)
    spread = Spread(fabric)
    tell_of_links(spread, fabric, detected, timers)
    updates = _tell_of_hosts(spread, fabric, homes, detected, timers, active_group)
    _tell_of_silence(spread, homes, faults, timers)
    updates += fib_updates(result.fib, spread.news, rows.row)
    result.timeline = in_order([*physical_updates(fabric, faults, timers.detection_ps), *updates])
    if any(len(own) > 1 for own in homes):
        result.notes.append("each NIC sends and receives on one of its two ports, the other waits")
        result.blocked_links = [
            home.link
            for endpoint, own in enumerate(homes)
            for i, home in enumerate(own)
            if i != preferred(endpoint, own)
        ]
    return result


def _tell_of_hosts(
    spread: Spread,
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
    active_group: list[list[int]],
) -> list[Update]:
    """Access links: the leaf drops or withdraws; a dual-homed host moves to its other port."""
    home_of_link = {home.link: home for own in homes for home in own}
    everyone = range(fabric.n_switches)
    none_dead: Facts = frozenset()
    per_hop_ps = timers.bgp_remote_withdraw_per_hop
    for change in detected:
        if change.link not in home_of_link:
            continue
        leaf = home_of_link[change.link].leaf
        endpoint = fabric.ports[fabric.links[change.link].a].node
        arrival = (
            change.at_ps + timers.bgp_local_repair + spread.hops((leaf,), none_dead) * per_hop_ps
        )
        told = everyone if len(homes[endpoint]) > 1 else (leaf,)
        word = "access link back" if change.up else "access link down"
        spread.tell(arrival, told, change.link, not change.up, f"{word}: {change.cause}")
    updates: list[Update] = []
    on_second: dict[int, bool] = {}
    # What is undone before the host has moved is not acted upon.
    settled = detected_changes(detected, timers.active_standby_failover)
    for usable in usable_changes(fabric, homes, settled):
        e = usable.endpoint
        first = preferred(e, homes[e])
        second = not usable.usable[first] and usable.usable[1 - first]
        if second == on_second.get(e, False):
            continue
        on_second[e] = second
        active = 1 - first if second else first
        at_ps = usable.at_ps
        reason = f"active port changes: {usable.cause}"
        updates.append(SetEndpointGroup(at_ps, reason, e, active_group[e][active]))
        arrival = at_ps + spread.hops((homes[e][active].leaf,), none_dead) * per_hop_ps
        spread.tell(arrival, everyone, moved(e), second, reason)
    return updates


def _tell_of_silence(
    spread: Spread,
    homes: Sequence[tuple[Home, ...]],
    faults: Sequence[ResolvedFault],
    timers: TimersSpec,
) -> None:
    """The leaf has no MAC table to lose; it drops once its ARP entry has expired as well.

    The fault begins when the MAC entry would expire in a bridged design.
    """
    for fault in faults:
        if fault.kind != "silent-host":
            continue
        start_ps = fault.start_ps + max(0, timers.arp_age - timers.mac_age)
        if fault.end_ps is not None and fault.end_ps <= start_ps:
            continue
        for endpoint in fault.endpoints:
            leaves = [home.leaf for home in homes[endpoint]]
            fact, reason = silent(endpoint), f"arp entry expired: {fault.name}"
            spread.tell_at(start_ps, leaves, fact, True, reason)
            if fault.end_ps is not None:
                reason = f"arp entry resolved: {fault.name}"
                spread.tell_at(fault.end_ps, leaves, fact, False, reason)
