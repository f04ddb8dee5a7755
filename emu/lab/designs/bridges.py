# SPDX-License-Identifier: Apache-2.0
"""Switches as bridges of one Open vSwitch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emu.lab.namespaces import set_sysctls
from emu.lab.ovs import Bridge, BridgePort
from emu.lab.plan import SWITCHES_NAMESPACE

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.lab.plan import LabNode

SETTLE_S = 90.0


def quiet_namespace(lab: Lab, namespace: str) -> None:
    """No packets of the kernel's own on the bridges' ports."""
    set_sysctls(
        lab.paths.namespace(namespace),
        {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1},
    )


def start_bridges(lab: Lab, controller: str, *, rstp: bool = False) -> None:
    """One bridge per switch; port n of the fabric is OpenFlow port n + 1."""
    quiet_namespace(lab, SWITCHES_NAMESPACE)
    switch = lab.start_ovs(SWITCHES_NAMESPACE)
    switch.add([_bridge(lab, node, controller, rstp) for node in lab.plan.switches])


def _bridge(lab: Lab, node: LabNode, controller: str, rstp: bool) -> Bridge:
    ports = tuple(BridgePort(p.interface, p.ofport) for p in lab.plan.ports_of(node))
    # The first spine becomes the root, the second takes its place.
    spines = [s.name for s in lab.plan.switches if s.kind is not node.kind.LEAF]
    rank = spines.index(node.name) if node.name in spines else 8
    return Bridge(
        node.name,
        node.datapath_id,
        ports,
        controller,
        rstp_priority=4096 * min(rank, 15) if rstp else None,
        mac=f"02:e1:ff:00:{node.datapath_id >> 8:02x}:{node.datapath_id & 255:02x}",
    )


def wait_for_links(lab: Lab, patience_s: float = SETTLE_S) -> None:
    """The controller has found every link between switches, and every edge port."""
    plan = lab.plan
    wanted = sum(len(plan.fabric_ports(node)) for node in plan.switches)
    edges = sum(len(plan.host_ports(node)) for node in plan.switches)

    def met(topology: Any) -> bool:
        found = sum(port["edge"] for s in topology["switches"] for port in s["ports"])
        return len(topology["links"]) == wanted and found == edges

    assert lab.controller is not None
    lab.controller.wait(lab.launcher, "/topology", "find all links", met, patience_s)
