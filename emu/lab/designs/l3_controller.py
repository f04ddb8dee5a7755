# SPDX-License-Identifier: Apache-2.0
"""l3 on Open vSwitch under ``controllers/l3.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.bridges import start_bridges, wait_for_links
from emu.lab.designs.variant import Variant
from emu.lab.reach import announce_hosts, wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """The bridges and the app."""
    controller = lab.start_controller("l3", "ovs", [])
    start_bridges(lab, controller.target)


def settle(lab: Lab) -> None:
    """Links found, hosts learned, all pairs reachable."""
    wait_for_links(lab)
    announce_hosts(lab)
    wait_until_reachable(lab)


VARIANT = Variant(
    design="l3",
    control="controller",
    title="Open vSwitch under controllers/l3.py",
    shared_switches=True,
    routed_hosts=True,
    start=start,
    settle=settle,
)
