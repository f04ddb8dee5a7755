# SPDX-License-Identifier: Apache-2.0
"""Design ``evpn``: VXLAN tunnels between leaves over a routed underlay.

``l2vni``: the hosts share a bridged segment. Leaves learn local MAC addresses from
traffic and remote ones from BGP, answer ARP themselves, and replicate what they do
not know to all other leaves (ingress replication). A dual-homed NIC is an Ethernet
segment: both leaves are in use, and one withdraw takes a leaf out for the whole
segment (mass withdrawal, RFC 7432 8.2 and 17.3).

``l3vni``: each host is a /32 in a VRF. Nothing is learned from traffic and nothing
is flooded: what is unknown is dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emu.fabric.designs.multihomed import all_active_groups, port_updates
from emu.fabric.designs.overlay import FloodState, OverlayRows, flood_updates
from emu.fabric.designs.routed import fib_updates, tell_of_links
from emu.fabric.faults import MAC_SETTLE_PS, ResolvedFault
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable, TunnelTable
from emu.fabric.homing import Home, homes_of
from emu.fabric.physics import (
    LinkChange,
    detected_changes,
    in_order,
    link_changes,
    physical_updates,
)
from emu.fabric.plan import new_plan
from emu.fabric.spread import Facts, Spread, silent
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
    """Forwarding state and timeline of the overlay and its underlay."""
    homes = homes_of(fabric)
    groups, tunnels = GroupTable(), TunnelTable()
    bridged = design.variant == "l2vni"
    rows = OverlayRows(fabric, groups, tunnels, homes, bridged, weighted)
    nothing: Facts = frozenset()
    result = new_plan(fabric, design, groups, seed, n_vteps=len(rows.vteps))
    result.tunnels = tunnels.members
    result.fib = np.stack([rows.row(s, nothing) for s in range(fabric.n_switches)])
    result.vtep_of_switch[rows.vteps] = np.arange(len(rows.vteps))
    result.endpoint_group[:] = all_active_groups(groups, homes)
    result.overhead_bytes = design.overhead_bytes
    result.ecn_copy_encap, result.ecn_copy_decap = design.ecn_copy_encap, design.ecn_copy_decap
    result.dscp_copy_encap, result.dscp_copy_decap = (
        design.dscp_copy_encap,
        design.dscp_copy_decap,
    )

    detected = detected_changes(link_changes(faults), timers.detection_ps)
    detected = _after_startup(fabric, homes, faults, detected, timers)
    spread = Spread(fabric)
    tell_of_links(spread, fabric, detected, timers)
    if bridged:
        _tell_of_segments(spread, fabric, homes, rows.vteps, detected, timers)
    else:
        _tell_of_prefixes(spread, fabric, homes, detected, timers)
    _tell_of_silence(spread, fabric, homes, faults, timers, bridged)
    updates = [
        *physical_updates(fabric, faults, timers.detection_ps),
        *port_updates(fabric, groups, homes, detected, timers),
        *fib_updates(result.fib, spread.news, rows.row),
    ]
    if bridged:
        flooding = FloodState(rows, homes, groups)
        for vtep, leaf in enumerate(rows.vteps):
            result.bridged[leaf] = True
            result.flood[leaf] = flooding.within(leaf, nothing)
            result.flood_tunnels[leaf] = flooding.replicas(vtep, nothing)
        for own in homes:
            for home in own:
                result.port_group[home.port] = groups.of_ports((home.port,))
        if all(len(own) == 1 for own in homes):
            # The leaves of a segment advertise what they learn; with an age per leaf
            # the one that sees no traffic would forget what the other one knows.
            result.mac_age_ps = timers.mac_age
        updates += flood_updates(result, spread.news, flooding)
        copies = max(len(v) for v in result.flood_tunnels.values())
        result.notes.append(
            f"a packet to an unknown MAC is replicated to {copies} leaves; "
            "ARP is answered by the leaves"
        )
    result.notes.append(f"{design.overhead_bytes} bytes more per packet between leaves")
    result.timeline = in_order(updates)
    return result


def _after_startup(
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    faults: Sequence[ResolvedFault],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
) -> list[LinkChange]:
    """A leaf that has restarted keeps its dual-homed hosts off until its routes are complete."""
    dual = {home.link for own in homes if len(own) > 1 for home in own}
    leaf_of = {fault.name: fault.switch for fault in faults if fault.kind == "switch-down"}
    by_link: dict[int, list[LinkChange]] = defaultdict(list)
    for change in detected:
        own = by_link[change.link]
        leaf = fabric.ports[fabric.links[change.link].b].node
        held = change.up and change.link in dual and leaf_of.get(change.cause) == leaf
        if own and own[-1].up and change.at_ps <= own[-1].at_ps:
            # Down again before it was let in: it was never back.
            own.pop()
            continue
        own.append(replace(change, at_ps=change.at_ps + timers.evpn_startup * held))
    return sorted(
        (change for own in by_link.values() for change in own),
        key=lambda change: (change.at_ps, change.link),
    )


def _tell_of_segments(
    spread: Spread,
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    leaves: Sequence[int],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
) -> None:
    """Access links of l2vni: the leaf at once, the others by mass or single withdrawal."""
    home_of_link = {home.link: home for own in homes for home in own}
    for change in detected:
        home = home_of_link.get(change.link)
        if home is None:
            continue
        endpoint = fabric.ports[fabric.links[change.link].a].node
        local_ps = timers.bgp_restore if change.up else timers.bgp_local_repair
        dual = len(homes[endpoint]) > 1
        remote_ps = timers.esi_mass_withdraw if dual else timers.evpn_mac_withdraw
        what = "Ethernet segment" if dual else "MAC route"
        word = "advertised" if change.up else "withdrawn"
        others = [leaf for leaf in leaves if leaf != home.leaf]
        reason = f"{what} {word}: {change.cause}"
        at_ps = change.at_ps + local_ps
        spread.tell_at(at_ps, [home.leaf], change.link, not change.up, reason)
        spread.tell_at(at_ps + remote_ps, others, change.link, not change.up, reason)


def _tell_of_prefixes(
    spread: Spread,
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
) -> None:
    """Access links of l3vni: the /32 travels leaf by leaf through the spines."""
    home_of_link = {home.link: home for own in homes for home in own}
    none_dead: Facts = frozenset()
    for change in detected:
        home = home_of_link.get(change.link)
        if home is None:
            continue
        local_ps = timers.bgp_restore if change.up else timers.bgp_local_repair
        hops = spread.hops((home.leaf,), none_dead)
        arrival = change.at_ps + local_ps + hops * timers.bgp_remote_withdraw_per_hop
        word = "advertised" if change.up else "withdrawn"
        everyone = range(fabric.n_switches)
        reason = f"/32 {word}: {change.cause}"
        spread.tell(arrival, everyone, change.link, not change.up, reason)


def _tell_of_silence(
    spread: Spread,
    fabric: Fabric,
    homes: Sequence[tuple[Home, ...]],
    faults: Sequence[ResolvedFault],
    timers: TimersSpec,
    bridged: bool,
) -> None:
    """The MAC entry (l2vni) or the host route (l3vni) of a silent host goes everywhere."""
    none_dead: Facts = frozenset()
    for fault in faults:
        if fault.kind != "silent-host":
            continue
        for endpoint in fault.endpoints:
            leaves = tuple(home.leaf for home in homes[endpoint])
            hops = spread.hops(leaves, none_dead)
            if bridged:
                travel_ps = MAC_SETTLE_PS + np.where(hops > 0, timers.evpn_mac_withdraw, 0)
            else:
                travel_ps = hops * timers.bgp_remote_withdraw_per_hop
            what = "MAC entry" if bridged else "/32"
            everyone, fact = range(fabric.n_switches), silent(endpoint)
            reason = f"{what} expired: {fault.name}"
            spread.tell(fault.start_ps + travel_ps, everyone, fact, True, reason)
            if fault.end_ps is not None:
                reason = f"{what} learned: {fault.name}"
                spread.tell(fault.end_ps + travel_ps, everyone, fact, False, reason)
