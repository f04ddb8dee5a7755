# SPDX-License-Identifier: Apache-2.0
"""What a way to build a design consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.lab.lab import Lab


@dataclass(frozen=True)
class Variant:
    """A design and who forwards for it."""

    design: str
    """Key of the design, as in experiments."""
    control: str
    """``controller``, ``adaptive``, ``frr`` or ``ovs``."""
    title: str
    shared_switches: bool
    """All switches are bridges of one Open vSwitch in one namespace."""
    routed_hosts: bool
    """Hosts have a subnet per leaf and a gateway; otherwise all are in one subnet."""
    start: Callable[[Lab], None]
    """Starts switches, routers and controllers; cables and hosts are there."""
    settle: Callable[[Lab], None]
    """Returns when every host can reach every other, or raises."""
    bgp_hosts: bool = False
    """Hosts have no gateway but speak BGP with their leaf; they are routed, too."""
    options: dict[str, str] = field(default_factory=dict)
    """Options with their defaults."""
