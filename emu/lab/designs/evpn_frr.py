# SPDX-License-Identifier: Apache-2.0
"""evpn/l2vni with FRR and kernel VXLAN: the leaves are VTEPs, all hosts share one segment."""

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
from emu.lab.launch import run
from emu.lab.namespaces import enter, ip_batch, set_sysctls
from emu.lab.plan import LabNode
from emu.lab.reach import announce_hosts, wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab

VNI = 10
VXLAN_PORT = 4789
MARK = 1


def start(lab: Lab) -> None:
    """Underlay and overlay are the same sessions: loopbacks as IPv4 routes, MACs as EVPN."""
    vteps = {address.leaf for address in lab.plan.addresses}
    for node in lab.plan.switches:
        prepare_switch(lab, node)
        if node.name in vteps:
            _make_vtep(lab, node)
        router(lab, node).start(
            lab.launcher,
            zebra_configuration(node),
            bgp_configuration(
                lab, node, [f"{node.loopback}/32"], evpn=True, vtep=node.name in vteps
            ),
        )


def _make_vtep(lab: Lab, node: LabNode) -> None:
    namespace = lab.paths.namespace(node.namespace)
    ports = bridge_hosts(lab, node)
    ip_batch(
        namespace,
        [
            f"link add vxlan{VNI} mtu {lab.plan.host_mtu} type vxlan id {VNI} "
            f"local {node.loopback} dstport {VXLAN_PORT} tos inherit nolearning",
            f"link set vxlan{VNI} addrgenmode none master {BRIDGE}",
            # ARP is answered from what BGP has brought; MACs come from BGP alone.
            f"link set vxlan{VNI} type bridge_slave neigh_suppress on learning off",
            f"link set vxlan{VNI} up",
        ],
    )
    # A host that announces its address gets into the leaf's neighbour table, and from there
    # into BGP: the route then has the address too, and other leaves can answer ARP for it.
    set_sysctls(namespace, {f"net.ipv4.conf.{BRIDGE}.arp_accept": 1})
    # The kernel's VXLAN device keeps the route to a VTEP for all packets without a mark
    # (ip_tunnel_dst_cache_usable), so all flows between two VTEPs would take one uplink.
    # With any mark it asks for the route of each packet, and the multipath hash sees the
    # outer source port, which is a hash of the inner headers.
    chains = "".join(
        f'chain in{number} {{ type filter hook ingress device "{port}" priority 0; '
        f"meta mark set {MARK}; }}\n"
        for number, port in enumerate(ports)
    )
    table = f"table netdev emu {{\n{chains}}}\n"
    run(enter(namespace, ["nft", "-f", "-"]), text=table)


def settle(lab: Lab) -> None:
    """Sessions up, hosts announced, all pairs reachable."""
    wait_until_reachable(lab)
    announce_hosts(lab)


VARIANT = Variant(
    design="evpn/l2vni",
    control="frr",
    title="FRR with BGP EVPN and kernel VXLAN",
    shared_switches=False,
    routed_hosts=False,
    start=start,
    settle=settle,
    options={"bfd": "off"},
)
