# SPDX-License-Identifier: Apache-2.0
"""evpn/l2vni on Open vSwitch: VTEPs under ``controllers/evpn.py``, underlay under ``l3.py``.

A leaf has two bridges: the underlay bridge with the uplinks and, as its own interface, the
VTEP's address; and the overlay bridge with the host ports and the tunnel port. Each switch has
an Open vSwitch of its own, as all bridges of one share a tunnel route table. The management
network joins the switches' namespaces with the underlay's controller and the route reflector.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from emu.lab.controller import Controller
from emu.lab.designs.bridges import SETTLE_S, quiet_namespace
from emu.lab.designs.variant import Variant
from emu.lab.frr import Router
from emu.lab.namespaces import ip_batch, socket_in
from emu.lab.ovs import Bridge, BridgePort, OpenVSwitch
from emu.lab.plan import MANAGEMENT_NAMESPACE, LabNode
from emu.lab.reach import announce_hosts, gratuitous_arp, wait_until_reachable

if TYPE_CHECKING:
    from emu.lab.lab import Lab

VNI = 10
ASN = 65000
REFLECTOR = "198.19.128.1"
MANAGEMENT_PREFIX = 17
TUNNEL_OFPORT = 1000
OVERLAY_DPID = 0x10000
MARKS = 32
"""Marks 32 to 63 tell flows apart in the underlay; Open vSwitch wants a route for each."""


def start(lab: Lab) -> None:
    """Management network, route reflector, underlay with its controller, a VTEP per leaf."""
    _start_management(lab)
    _start_reflector(lab)
    underlay = lab.start_controller("l3", MANAGEMENT_NAMESPACE, [], REFLECTOR)
    vteps = _vteps(lab)
    for node in lab.plan.switches:
        quiet_namespace(lab, node.namespace)
        switch = lab.start_ovs(node.namespace)
        switch.add([_underlay_bridge(lab, node, underlay.target)])
        if node in vteps:
            _start_vtep(lab, node, switch)
    for node in vteps:
        _join_underlay(lab, node, vteps)


def _vteps(lab: Lab) -> list[LabNode]:
    leaves = {address.leaf for address in lab.plan.addresses}
    return [node for node in lab.plan.leaves if node.name in leaves]


def _start_management(lab: Lab) -> None:
    """A bridge in a namespace of its own, and a cable to every switch."""
    full = lab.make_namespace(MANAGEMENT_NAMESPACE)
    ip_batch(
        full,
        [
            "link add mgmt type bridge stp_state 0 forward_delay 0",
            "link set mgmt up",
            f"address add {REFLECTOR}/{MANAGEMENT_PREFIX} dev mgmt",
            # The reflector uses a route only if it can reach the VTEP in it. It never sends
            # there: this route only says that somebody else does.
            "route add 198.19.0.0/17 dev mgmt",
        ],
    )
    for node in lab.plan.switches:
        port = f"m{node.number}"
        number = f"{node.number >> 8:02x}:{node.number & 255:02x}"
        lab.make_cable(
            (
                (MANAGEMENT_NAMESPACE, port, f"02:e3:00:00:{number}"),
                (node.namespace, "mgmt0", f"02:e3:00:01:{number}"),
            ),
            1500,
        )
        ip_batch(full, [f"link set {port} master mgmt up"])
        ip_batch(
            lab.paths.namespace(node.namespace),
            ["link set mgmt0 up", f"address add {node.management}/{MANAGEMENT_PREFIX} dev mgmt0"],
        )


def _start_reflector(lab: Lab) -> None:
    """FRR as route reflector: every VTEP is its client."""
    lines = ["frr defaults datacenter", "hostname reflector", f"router bgp {ASN}"]
    lines += [f" bgp router-id {REFLECTOR}", " no bgp default ipv4-unicast"]
    for node in _vteps(lab):
        lines += [f" neighbor {node.management} remote-as {ASN}"]
        lines += [f" neighbor {node.management} timers connect 1"]
    lines += [" address-family l2vpn evpn"]
    for node in _vteps(lab):
        lines += [f"  neighbor {node.management} activate"]
        lines += [f"  neighbor {node.management} route-reflector-client"]
    lines += [" exit-address-family", ""]
    full = lab.paths.namespace(MANAGEMENT_NAMESPACE)
    router = Router("reflector", full, lab.paths.folder / "frr" / "reflector")
    router.start(lab.launcher, "frr defaults datacenter\nhostname reflector\n", "\n".join(lines))


def _underlay_bridge(lab: Lab, node: LabNode, controller: str) -> Bridge:
    ports = tuple(BridgePort(p.interface, p.ofport) for p in lab.plan.fabric_ports(node))
    return Bridge(node.name, node.datapath_id, ports, controller, mac=_vtep_mac(node))


def _vtep_mac(node: LabNode) -> str:
    """MAC of the underlay bridge's own interface; not its router MAC, which is l3.py's."""
    return f"02:e1:fe:00:{node.datapath_id >> 8:02x}:{node.datapath_id & 255:02x}"


def _router_mac(node: LabNode) -> str:
    """The MAC under which l3.py routes for a switch."""
    return f"02:e1:ff:00:{node.datapath_id >> 8:02x}:{node.datapath_id & 255:02x}"


def _start_vtep(lab: Lab, node: LabNode, switch: OpenVSwitch) -> None:
    """The overlay bridge and the app that controls it."""
    app = agent(lab, node)
    tunnel = BridgePort(
        "vxlan0",
        TUNNEL_OFPORT,
        (
            # No local_ip: Open vSwitch would want it to be local under every mark, and only
            # the kernel's routes are. The source address comes from the route.
            "type=vxlan",
            "options:remote_ip=flow",
            "options:key=flow",
        ),
    )  # fmt: skip
    hosts = tuple(BridgePort(p.interface, p.ofport) for p in lab.plan.host_ports(node))
    overlay = Bridge(
        f"{node.name[:12]}-o", OVERLAY_DPID + node.datapath_id, (*hosts, tunnel), app.target
    )
    switch.add([overlay])
    app.start(
        lab.launcher,
        [f"--vtep={node.loopback}", f"--vni={VNI}", f"--asn={ASN}", f"--reflector={REFLECTOR}",
         f"--bgp-address={node.management}", f"--entropy-marks={MARKS}"],
    )  # fmt: skip


def agent(lab: Lab, node: LabNode) -> Controller:
    """The VTEP's app of a leaf."""
    return Controller(
        "evpn", lab.runtime, lab.paths.namespace(node.namespace), "127.0.0.1", node.name
    )


def _join_underlay(lab: Lab, node: LabNode, vteps: list[LabNode]) -> None:
    """The VTEP's address on the underlay bridge, and the other VTEPs behind its router."""
    full = lab.paths.namespace(node.namespace)
    ip_batch(
        full,
        [
            f"link set {node.name} up mtu {lab.plan.fabric_mtu}",
            f"address add {node.loopback}/17 dev {node.name}",
        ],
    )
    switch = next(s for s in lab.switches if s.namespace == full)
    for mark in range(MARKS, 2 * MARKS):
        switch.appctl("ovs/route/add", "198.19.0.0/17", node.name, f"pkt_mark={mark}")
    for other in vteps:
        if other is not node:
            switch.appctl("tnl/neigh/set", node.name, other.loopback, _router_mac(node))


def settle(lab: Lab) -> None:
    """Underlay found, VTEPs known to each other, hosts announced, all pairs reachable."""
    plan = lab.plan
    wanted = sum(len(plan.fabric_ports(node)) for node in plan.switches)
    assert lab.controller is not None
    lab.controller.wait(
        lab.launcher, "/topology", "find all links",
        lambda topology: len(topology["links"]) == wanted, SETTLE_S,
    )  # fmt: skip
    vteps = _vteps(lab)
    for node in vteps:
        # The underlay learns a VTEP as it learns a host.
        with socket_in(
            lab.paths.namespace(node.namespace), socket.AF_PACKET, socket.SOCK_RAW
        ) as raw:
            raw.bind((node.name, 0))
            raw.send(gratuitous_arp(_vtep_mac(node), node.loopback))
    for node in vteps:
        agent(lab, node).wait(
            lab.launcher, "/vteps", "find the other VTEPs",
            lambda document: len(document["others"]) == len(vteps) - 1, SETTLE_S,
        )  # fmt: skip
        hosts = len(plan.host_ports(node))

        def met(topology: Any, hosts: int = hosts) -> bool:
            ports = [port for s in topology["switches"] for port in s["ports"]]
            return len([p for p in ports if p["edge"] and p["name"] != "vxlan0"]) == hosts

        agent(lab, node).wait(lab.launcher, "/topology", "see its hosts' ports", met, SETTLE_S)
    announce_hosts(lab)
    wait_until_reachable(lab)


VARIANT = Variant(
    design="evpn/l2vni",
    control="controller",
    title="Open vSwitch VTEPs under controllers/evpn.py, FRR as route reflector",
    shared_switches=False,
    routed_hosts=False,
    start=start,
    settle=settle,
)
