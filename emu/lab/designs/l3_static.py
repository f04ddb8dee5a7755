# SPDX-License-Identifier: Apache-2.0
"""l3 on Open vSwitch with the rules of the simulator's own plan: no control plane at all.

For agreement: the same flows take the same links as in the simulator, hash and all, so what
is compared is what the packets meet there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.errors import InputError
from emu.lab.designs.bridges import start_bridges
from emu.lab.designs.variant import Variant
from emu.lab.reach import wait_until_reachable
from emu.lab.static_flows import StaticRules
from emu.sim.scenario import make_scenario

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """The bridges, and the rules of the plan at time 0."""
    if lab.traffic is None:
        raise InputError(
            "control static takes its rules from an experiment",
            hint="emu run X.yaml --backend lab --control static",
        )
    start_bridges(lab, "")
    (switch,) = lab.switches
    for bridge in switch.bridges:
        switch.vsctl("set-fail-mode", bridge.name, "secure")
        # Bundles of OpenFlow 1.4 replace all rules at once.
        switch.vsctl("set", "bridge", bridge.name, "protocols=OpenFlow13,OpenFlow14")
    variant = lab.traffic.variant
    scenario = make_scenario(variant, variant.spec.seeds[0])
    StaticRules(scenario, lab.plan, switch.folder).install()


def settle(lab: Lab) -> None:
    """All pairs reachable."""
    wait_until_reachable(lab)


VARIANT = Variant(
    design="l3",
    control="static",
    title="Open vSwitch with the rules of the simulator's plan",
    shared_switches=True,
    routed_hosts=True,
    start=start,
    settle=settle,
)
