# SPDX-License-Identifier: Apache-2.0
"""stretched-l2 on Open vSwitch under ``controllers/stretched_l2.py``, as a tree or as MLAG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.bridges import start_bridges, wait_for_links
from emu.lab.designs.variant import Variant
from emu.lab.reach import announce_hosts, wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start_tree(lab: Lab) -> None:
    """The bridges and the app, forwarding along one tree."""
    _start(lab, "tree")


def start_mlag(lab: Lab) -> None:
    """The bridges and the app, with the spines as one bridge."""
    _start(lab, "mlag")


def _start(lab: Lab, mode: str) -> None:
    age = lab.options["mac_age_s"]
    controller = lab.start_controller(
        "stretched_l2", "ovs", [f"--l2-mode={mode}", f"--mac-age={age}"]
    )
    start_bridges(lab, controller.target)


def settle(lab: Lab) -> None:
    """Links found, hosts learned, all pairs reachable."""
    wait_for_links(lab)
    announce_hosts(lab)
    wait_until_reachable(lab)


TREE = Variant(
    design="stretched-l2/rstp",
    control="controller",
    title="Open vSwitch under controllers/stretched_l2.py, one tree",
    shared_switches=True,
    routed_hosts=False,
    start=start_tree,
    settle=settle,
    options={"mac_age_s": "300"},
)
MLAG = Variant(
    design="stretched-l2/mlag",
    control="controller",
    title="Open vSwitch under controllers/stretched_l2.py, spines as one bridge",
    shared_switches=True,
    routed_hosts=False,
    start=start_mlag,
    settle=settle,
    options={"mac_age_s": "300"},
)
