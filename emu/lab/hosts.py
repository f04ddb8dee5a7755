# SPDX-License-Identifier: Apache-2.0
"""Addresses and routes of the hosts' namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.namespaces import ip_batch, set_sysctls
from emu.lab.plan import HOST_PREFIX_BRIDGED, HOST_PREFIX_ROUTED

if TYPE_CHECKING:
    from emu.lab.lab import Lab

FIRST_TABLE = 100
"""Routing table of a host's NIC 0; the others follow."""


def configure_hosts(lab: Lab) -> None:
    """Each NIC answers for its own address and sends what carries it."""
    for host in lab.plan.hosts:
        namespace = lab.paths.namespace(host.namespace)
        set_sysctls(
            namespace,
            {
                # Router solicitations and the like would be noise in every count; a host that
                # speaks BGP finds its leaf by them.
                "net.ipv6.conf.all.disable_ipv6": 0 if lab.variant.bgp_hosts else 1,
                "net.ipv6.conf.default.disable_ipv6": 0 if lab.variant.bgp_hosts else 1,
                "net.ipv4.conf.all.arp_ignore": 1,
                "net.ipv4.conf.all.arp_announce": 2,
                "net.ipv4.conf.all.rp_filter": 0,
                "net.ipv4.conf.default.rp_filter": 0,
            },
        )
        lines = []
        for port in lab.plan.ports_of(host):
            address = lab.plan.addresses[lab.plan.fabric.ports[port.id].node]
            table = FIRST_TABLE + port.index
            prefix = HOST_PREFIX_ROUTED if lab.variant.routed_hosts else HOST_PREFIX_BRIDGED
            # A broken driver default would let a big packet through that no switch takes.
            lines.append(f"link set {port.interface} mtu {lab.plan.host_mtu}")
            if lab.variant.bgp_hosts:
                lines.append(f"address add {address.ip}/32 dev {port.interface}")
                continue
            lines.append(f"address add {address.ip}/{prefix} dev {port.interface}")
            if lab.variant.routed_hosts:
                way = f"default via {address.gateway} dev {port.interface}"
            else:
                way = f"198.18.0.0/{HOST_PREFIX_BRIDGED} dev {port.interface}"
            lines.append(f"route add {way} src {address.ip} table {table}")
            lines.append(f"rule add from {address.ip} table {table}")
            if lab.variant.routed_hosts and port.index == 0:
                lines.append(f"route add {way} src {address.ip}")
        ip_batch(namespace, lines)
