# SPDX-License-Identifier: Apache-2.0
"""Numbers for sets of ports and of VTEPs."""

from __future__ import annotations

from collections.abc import Hashable

from emu.errors import Fault, SpecError
from emu.fabric.forwarding import GROUPS_MAX, TUNNELS_MAX


class GroupTable:
    """Group ids. A group is found again by its members, or by a key of its own.

    Routed designs use the first kind: a group never changes, routes move between
    groups. Bridged designs use the second kind: what was learned points to a
    logical port whose members change.
    """

    def __init__(self) -> None:
        self.members: list[tuple[int, ...]] = []
        self._ids: dict[Hashable, int] = {}

    def of_ports(self, ports: tuple[int, ...]) -> int:
        """Id of the group with exactly these members."""
        return self.of_key(ports, ports)

    def of_key(self, key: Hashable, ports: tuple[int, ...]) -> int:
        """Id of the group with this key; a new one starts with these members."""
        group = self._ids.get(key)
        if group is None:
            group = len(self.members)
            if group >= GROUPS_MAX:
                raise SpecError(
                    [Fault(f"the design needs more than {GROUPS_MAX} port groups", "topology")]
                )
            self._ids[key] = group
            self.members.append(ports)
        return group


class TunnelTable:
    """Tunnel group ids by their VTEPs."""

    def __init__(self) -> None:
        self.members: list[tuple[int, ...]] = []
        self._ids: dict[tuple[int, ...], int] = {}

    def of_vteps(self, vteps: tuple[int, ...]) -> int:
        """Id of the tunnel group that balances over these VTEPs."""
        tunnel = self._ids.get(vteps)
        if tunnel is None:
            tunnel = len(self.members)
            if tunnel >= TUNNELS_MAX:
                raise SpecError(
                    [Fault(f"the design needs more than {TUNNELS_MAX} tunnel groups", "topology")]
                )
            self._ids[vteps] = tunnel
            self.members.append(vteps)
        return tunnel
