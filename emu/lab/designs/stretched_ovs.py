# SPDX-License-Identifier: Apache-2.0
"""stretched-l2/rstp with Open vSwitch's own RSTP: bridges that learn, one tree, no controller."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emu.errors import RunError
from emu.lab.designs.bridges import SETTLE_S, start_bridges
from emu.lab.designs.variant import Variant
from emu.lab.reach import wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """Bridges in standalone mode that speak RSTP."""
    start_bridges(lab, "", rstp=True)


def port_states(lab: Lab) -> dict[str, str]:
    """RSTP state of every switch port: Forwarding, Discarding, ..."""
    states = {}
    # One question per port: the tables that list all have no format that is promised.
    for node in lab.plan.switches:
        for port in lab.plan.ports_of(node):
            words = ["get", "port", port.interface, "rstp_status:rstp_port_state"]
            states[port.interface] = lab.switches[0].vsctl("--if-exists", *words).strip(' "\n')
    return states


def settle(lab: Lab, patience_s: float = SETTLE_S) -> None:
    """No port is learning any more, and all hosts reach each other."""
    deadline = time.monotonic() + patience_s
    while set(port_states(lab).values()) - {"Forwarding", "Discarding"}:
        if time.monotonic() > deadline:
            raise RunError(f"RSTP does not settle: {port_states(lab)}")
        time.sleep(0.2)
    wait_until_reachable(lab)


VARIANT = Variant(
    design="stretched-l2/rstp",
    control="ovs",
    title="Open vSwitch with its own RSTP",
    shared_switches=True,
    routed_hosts=False,
    start=start,
    settle=settle,
)
