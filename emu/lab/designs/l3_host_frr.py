# SPDX-License-Identifier: Apache-2.0
"""l3-host with FRR: every host is a router too and tells its leaf its own /32 by BGP.

No subnet and no ARP: a host's link to its leaf is one more fabric link with a session of its
own. Leaves tell hosts the default route alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.routers import (
    bgp_configuration,
    host_bgp_configuration,
    prepare_switch,
    router,
    zebra_configuration,
)
from emu.lab.designs.variant import Variant
from emu.lab.reach import wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """A router per switch and per host."""
    for node in lab.plan.switches:
        prepare_switch(lab, node)
        hosts = [port.interface for port in lab.plan.host_ports(node)]
        router(lab, node).start(
            lab.launcher,
            zebra_configuration(node),
            bgp_configuration(lab, node, [f"{node.loopback}/32"], evpn=False, hosts=hosts),
        )
    for host in lab.plan.hosts:
        router(lab, host).start(
            lab.launcher, zebra_configuration(host), host_bgp_configuration(lab, host)
        )


VARIANT = Variant(
    design="l3-host",
    control="frr",
    title="FRR on switches and hosts, BGP unnumbered down to the host",
    shared_switches=False,
    routed_hosts=True,
    bgp_hosts=True,
    start=start,
    settle=wait_until_reachable,
    options={"bfd": "off"},
)
