# SPDX-License-Identifier: Apache-2.0
"""What both FRR variants share: eBGP without addresses on every fabric link, kernel multipath.

Numbering follows RFC 7938: one AS for all spines, one for all super-spines, one per leaf. A
route that has been through a spine is refused by any other spine, so paths never lead down
and up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.fabric.graph import NodeKind
from emu.lab.frr import Router
from emu.lab.namespaces import ip_batch, set_sysctls

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.lab.plan import LabNode

AS_SUPER_SPINE, AS_SPINE, AS_FIRST_LEAF = 64900, 65000, 65101
AS_FIRST_HOST = 4_200_000_000
"""Private numbers of four bytes (RFC 6996)."""
BRIDGE = "br0"
FABRIC, HOSTS = "FABRIC", "HOSTS"
"""Peer groups. A leaf's hosts are told the default route alone."""

BFD_INTERVAL_MS, BFD_MULTIPLIER = 100, 3
"""Slower than in hardware: FRR's bfdd is a process among others."""
HOLD_S, KEEPALIVE_S = 9, 3
"""FRR's `datacenter` defaults, named because measurements depend on them."""


def asn(lab: Lab, node: LabNode) -> int:
    """AS number of a switch, or of a host that speaks BGP."""
    if node.is_host:
        return AS_FIRST_HOST + node.number
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
            *_header(node),
            # After a link flap zebra 8.4 takes a nexthop group for installed from which the
            # kernel has removed a member, and the second path never comes back. Without
            # groups, routes carry their nexthops themselves.
            "no zebra nexthop kernel enable",
            "",
        ]
    )


def bgp_configuration(
    lab: Lab,
    node: LabNode,
    networks: list[str],
    *,
    evpn: bool,
    vtep: bool = False,
    hosts: Sequence[str] = (),
) -> str:
    """bgpd's file of a switch: every fabric link a session, found by router advertisements.

    ``hosts`` are the ports behind which a host speaks BGP.
    """
    fabric = [port.interface for port in lab.plan.routed_ports(node)]
    lines = _header(node)
    lines += ["ip prefix-list DEFAULT seq 5 permit 0.0.0.0/0"] if hosts else []
    lines += _speaker(lab, node, node.loopback) + _sessions(lab, FABRIC, fabric)
    lines += _sessions(lab, HOSTS, hosts) if hosts else []
    lines += [" address-family ipv4 unicast", f"  neighbor {FABRIC} activate"]
    if hosts:
        lines += [f"  neighbor {HOSTS} {said}" for said in ("activate", "default-originate")]
        lines.append(f"  neighbor {HOSTS} prefix-list DEFAULT out")
    lines += ["  maximum-paths 64", *(f"  network {network}" for network in networks)]
    lines.append(" exit-address-family")
    if evpn:
        lines += [" address-family l2vpn evpn", f"  neighbor {FABRIC} activate"]
        lines += ["  advertise-all-vni"] if vtep else []
        lines.append(" exit-address-family")
    return "\n".join([*lines, ""])


def host_bgp_configuration(lab: Lab, host: LabNode) -> str:
    """bgpd's file of a host: a session with the leaf of each NIC, and its own addresses."""
    ports = lab.plan.ports_of(host)
    addresses = [lab.plan.addresses[lab.plan.fabric.ports[port.id].node].ip for port in ports]
    lines = _header(host) + _speaker(lab, host, addresses[0])
    lines += _sessions(lab, FABRIC, [port.interface for port in ports])
    lines += [" address-family ipv4 unicast", f"  neighbor {FABRIC} activate"]
    lines += [f"  network {address}/32" for address in addresses]
    return "\n".join([*lines, " exit-address-family", ""])


def _header(node: LabNode) -> list[str]:
    return ["frr defaults datacenter", f"hostname {node.name}"]


def _speaker(lab: Lab, node: LabNode, router_id: str) -> list[str]:
    return [
        f"router bgp {asn(lab, node)}",
        f" bgp router-id {router_id}",
        " bgp bestpath as-path multipath-relax",
        " no bgp default ipv4-unicast",
        " no bgp ebgp-requires-policy",
    ]


def _sessions(lab: Lab, group: str, ports: Sequence[str]) -> list[str]:
    """A peer group and its sessions."""
    lines = [
        f" neighbor {group} peer-group",
        f" neighbor {group} remote-as external",
        f" neighbor {group} timers {KEEPALIVE_S} {HOLD_S}",
        f" neighbor {group} timers connect 1",
        f" neighbor {group} advertisement-interval 0",
    ]
    if lab.options.get("bfd") == "on":
        lines.append(f" neighbor {group} bfd")
        lines.append(f" neighbor {group} bfd {BFD_MULTIPLIER} {BFD_INTERVAL_MS} {BFD_INTERVAL_MS}")
    return lines + [f" neighbor {port} interface peer-group {group}" for port in ports]


def router(lab: Lab, node: LabNode) -> Router:
    """The router of a switch or host, running or about to."""
    namespace = lab.paths.namespace(node.namespace)
    return Router(
        node.name, namespace, lab.paths.folder / "frr" / node.name, lab.options.get("bfd") == "on"
    )
