# SPDX-License-Identifier: Apache-2.0
"""Endpoints that send on both of their ports: ECMP of a routed host, or a LAG."""

from __future__ import annotations

from collections.abc import Sequence

from emu.fabric.forwarding import SetEndpointGroup, Update
from emu.fabric.graph import Fabric
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home, UsableChange, usable_changes
from emu.fabric.physics import LinkChange
from emu.spec.timers import TimersSpec


def all_active_groups(groups: GroupTable, homes: Sequence[tuple[Home, ...]]) -> list[int]:
    """Per endpoint the group of all its ports."""
    return [groups.of_ports(tuple(home.own_port for home in own)) for own in homes]


def port_updates(
    fabric: Fabric,
    groups: GroupTable,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
    lag_over_peer_link: bool = False,
) -> list[Update]:
    """When a dual-homed endpoint takes a port out of use, or into use again.

    With ``lag_over_peer_link`` the ports are a plain LAG and a leaf without uplinks is
    still of use.
    """
    updates: list[Update] = []
    last: dict[int, int] = {}
    for change in usable_changes(fabric, homes, detected, not lag_over_peer_link):
        own = homes[change.endpoint]
        ports = tuple(h.own_port for h, use in zip(own, change.usable, strict=True) if use)
        if not ports:
            # Both dead: there is nothing better to send on.
            continue
        delay_ps = _delay_ps(change, timers)
        if lag_over_peer_link and change.up:
            delay_ps = timers.lacp_member
        at_ps = max(change.at_ps + delay_ps, last.get(change.endpoint, 0))
        last[change.endpoint] = at_ps
        word = "back in use" if change.up else "out of use"
        reason = f"NIC port {word}: {change.cause}"
        group = groups.of_ports(ports)
        updates.append(SetEndpointGroup(at_ps, reason, change.endpoint, group))
    return updates


def _delay_ps(change: UsableChange, timers: TimersSpec) -> int:
    if change.up:
        # Not before the leaf leads somewhere again.
        hop_ps = 0 if change.own_link else timers.bgp_remote_withdraw_per_hop
        return timers.bgp_restore + hop_ps
    if change.own_link:
        return timers.host_repair
    # The leaf has to notice that it is cut off, and to tell its hosts.
    return timers.bgp_local_repair + timers.bgp_remote_withdraw_per_hop + timers.host_repair
