# SPDX-License-Identifier: Apache-2.0
"""What both FRR variants share: eBGP without addresses on every fabric link, kernel multipath.

Numbering follows RFC 7938: one AS for all spines, one for all super-spines, one per leaf. A
route that has been through a spine is refused by any other spine, so paths never lead down
and up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.fabric.graph import NodeKind
from emu.lab.frr import Router
from emu.lab.namespaces import ip_batch, set_sysctls

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.lab.plan import LabNode

AS_SUPER_SPINE, AS_SPINE, AS_FIRST_LEAF = 64900, 65000, 65101
BRIDGE = "br0"

BFD_INTERVAL_MS, BFD_MULTIPLIER = 100, 3
"""Slower than in hardware: FRR's bfdd is a process among others."""
HOLD_S, KEEPALIVE_S = 9, 3
"""FRR's `datacenter` defaults, named because measurements depend on them."""


def asn(lab: Lab, node: LabNode) -> int:
    """AS number of a switch."""
    if node.kind is NodeKind.LEAF:
        return AS_FIRST_LEAF + [leaf.name for leaf in lab.plan.leaves].index(node.name)
    return AS_SPINE if node.kind is NodeKind.SPINE else AS_SUPER_SPINE


def prepare_switch(lab: Lab, node: LabNode) -> None:
    """Loopback, forwarding and the kernel's multipath hash of one switch."""
    namespace = lab.paths.namespace(node.namespace)
    set_sysctls(
        namespace,
        {
            "net.ipv4.ip_forward": 1,
            "net.ipv6.conf.all.forwarding": 1,
            # The hash takes ports too. The default, addresses only, would put all queue
            # pairs between two hosts on one uplink.
            "net.ipv4.fib_multipath_hash_policy": 1,
            "net.ipv4.conf.all.rp_filter": 0,
            "net.ipv4.conf.default.rp_filter": 0,
            # A dead uplink leaves the kernel's choice at once, before zebra says so.
            "net.ipv4.conf.all.ignore_routes_with_linkdown": 1,
            "net.ipv4.conf.default.ignore_routes_with_linkdown": 1,
        },
    )
    ip_batch(namespace, [f"address add {node.loopback}/32 dev lo"])


def bridge_hosts(lab: Lab, node: LabNode, *, ipv6: bool = False) -> list[str]:
    """Put a leaf's host ports into one bridge; returns their names."""
    namespace = lab.paths.namespace(node.namespace)
    ports = [port.interface for port in lab.plan.host_ports(node)]
    if not ipv6:
        settings: dict[str, str | int] = {f"net.ipv6.conf.{port}.disable_ipv6": 1 for port in ports}
        set_sysctls(namespace, settings)
    lines = [f"link add {BRIDGE} mtu {lab.plan.host_mtu} type bridge stp_state 0 forward_delay 0"]
    lines += [f"link set {port} master {BRIDGE}" for port in ports]
    lines.append(f"link set {BRIDGE} up")
    ip_batch(namespace, lines)
    return ports


def zebra_configuration(node: LabNode) -> str:
    """zebra's file."""
    return "\n".join(
        [
            "frr defaults datacenter",
            f"hostname {node.name}",
            # After a link flap zebra 8.4 takes a nexthop group for installed from which the
            # kernel has removed a member, and the second path never comes back. Without
            # groups, routes carry their nexthops themselves.
            "no zebra nexthop kernel enable",
            "",
        ]
    )


def bgp_configuration(
    lab: Lab, node: LabNode, networks: list[str], *, evpn: bool, vtep: bool = False
) -> str:
    """bgpd's file: every fabric link a session, found by router advertisements."""
    bfd = lab.options.get("bfd") == "on"
    lines = [
        "frr defaults datacenter",
        f"hostname {node.name}",
        f"router bgp {asn(lab, node)}",
        f" bgp router-id {node.loopback}",
        " bgp bestpath as-path multipath-relax",
        " no bgp default ipv4-unicast",
        " no bgp ebgp-requires-policy",
        " neighbor FABRIC peer-group",
        " neighbor FABRIC remote-as external",
        f" neighbor FABRIC timers {KEEPALIVE_S} {HOLD_S}",
        " neighbor FABRIC timers connect 1",
        " neighbor FABRIC advertisement-interval 0",
    ]
    if bfd:
        lines.append(" neighbor FABRIC bfd")
        lines.append(f" neighbor FABRIC bfd {BFD_MULTIPLIER} {BFD_INTERVAL_MS} {BFD_INTERVAL_MS}")
    for port in lab.plan.fabric_ports(node):
        if not _is_peer_link(lab, port.id):
            lines.append(f" neighbor {port.interface} interface peer-group FABRIC")
    lines += [" address-family ipv4 unicast", "  neighbor FABRIC activate", "  maximum-paths 64"]
    lines += [f"  network {network}" for network in networks]
    lines.append(" exit-address-family")
    if evpn:
        lines += [" address-family l2vpn evpn", "  neighbor FABRIC activate"]
        lines += ["  advertise-all-vni"] if vtep else []
        lines.append(" exit-address-family")
    return "\n".join([*lines, ""])


def _is_peer_link(lab: Lab, port: int) -> bool:
    return lab.plan.fabric.links[lab.plan.fabric.ports[port].link].kind == "peer"


def router(lab: Lab, node: LabNode) -> Router:
    """The router of a switch, running or about to."""
    namespace = lab.paths.namespace(node.namespace)
    return Router(
        node.name, namespace, lab.paths.folder / "frr" / node.name, lab.options.get("bfd") == "on"
    )
