# SPDX-License-Identifier: Apache-2.0
"""l3 with FRR: BGP unnumbered and the kernel's multipath routes, no controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.routers import (
    BRIDGE,
    bgp_configuration,
    bridge_hosts,
    prepare_switch,
    router,
    zebra_configuration,
)
from emu.lab.designs.variant import Variant
from emu.lab.namespaces import ip_batch
from emu.lab.plan import HOST_PREFIX_ROUTED
from emu.lab.reach import wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """A gateway per leaf, a router per switch."""
    gateways = {address.leaf: address.gateway for address in lab.plan.addresses}
    for node in lab.plan.switches:
        prepare_switch(lab, node)
        networks = [f"{node.loopback}/32"]
        if node.name in gateways:
            bridge_hosts(lab, node)
            gateway = gateways[node.name]
            prefix = f"{gateway.rpartition('.')[0]}.0/{HOST_PREFIX_ROUTED}"
            ip_batch(
                lab.paths.namespace(node.namespace),
                [f"address add {gateway}/{HOST_PREFIX_ROUTED} dev {BRIDGE}"],
            )
            networks.append(prefix)
        router(lab, node).start(
            lab.launcher,
            zebra_configuration(node),
            bgp_configuration(lab, node, networks, evpn=False),
        )


VARIANT = Variant(
    design="l3",
    control="frr",
    title="FRR with BGP unnumbered and kernel multipath",
    shared_switches=False,
    routed_hosts=True,
    start=start,
    settle=wait_until_reachable,
    options={"bfd": "off"},
)
