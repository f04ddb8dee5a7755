# SPDX-License-Identifier: Apache-2.0
"""Builds a Clos of two or three tiers from its parameters."""

from __future__ import annotations

from emu.fabric.cabling import Cabling, roles_of
from emu.fabric.graph import Fabric, Host, NodeKind
from emu.spec.clos import ClosSpec
from emu.spec.topology import TopologySpec


def homes_of_nic(clos: ClosSpec, host: int, nic: int) -> tuple[int, ...]:
    """Leaf numbers that a NIC is linked to, its first home first.

    Rack placement fills leaves (or pairs) host by host. Rail placement spreads the
    NICs of a host over the leaves (or pairs) of its group.
    """
    dual = clos.homing == "dual"
    if clos.placement == "rack":
        assert clos.hosts_per_leaf is not None
        unit = host // (clos.hosts_per_leaf * (2 if dual else 1))
    else:
        group = host // (clos.n_hosts // clos.rail_groups)
        unit = group * clos.nics_per_host + nic
    return (2 * unit, 2 * unit + 1) if dual else (unit,)


def build_clos(spec: TopologySpec) -> Fabric:
    """The fabric of ``spec.clos``: endpoints, leaves, spines, super-spines, then their cables."""
    clos = spec.clos
    assert clos is not None
    cabling = Cabling(spec)
    roles = roles_of(spec)
    hosts: list[Host] = []
    for h, name in enumerate(spec.host_names):
        pods = [homes_of_nic(clos, h, nic)[0] // clos.leaves for nic in range(clos.nics_per_host)]
        nics = [
            cabling.node(f"{name}.{nic}", NodeKind.ENDPOINT, h, pods[nic], nic)
            for nic in range(clos.nics_per_host)
        ]
        hosts.append(Host(h, name, roles.get(name, ""), nics))
    leaves = [
        cabling.node(f"leaf{i}", NodeKind.LEAF, pod=i // clos.leaves) for i in range(clos.n_leaves)
    ]
    spines = [
        cabling.node(f"spine{i}", NodeKind.SPINE, pod=i // clos.spines)
        for i in range(clos.n_spines)
    ]
    supers = [cabling.node(f"super{i}", NodeKind.SUPER_SPINE) for i in range(clos.super_spines)]

    for host in hosts:
        for nic, endpoint in enumerate(host.nics):
            for leaf in homes_of_nic(clos, host.id, nic):
                cabling.cable(
                    endpoint, leaves[leaf], clos.host_rate, clos.host_cable, clos.host_delay
                )

    def fabric_cable(a: int, b: int, count: int) -> None:
        for _ in range(count):
            cabling.cable(a, b, clos.fabric_rate, clos.fabric_cable, clos.fabric_delay)

    for i, leaf in enumerate(leaves):
        pod = i // clos.leaves
        for spine in spines[pod * clos.spines : (pod + 1) * clos.spines]:
            fabric_cable(leaf, spine, clos.links_per_spine)
    for i, spine in enumerate(spines):
        plane = i % clos.spines % clos.planes
        for top in supers[plane :: clos.planes]:
            fabric_cable(spine, top, clos.super_links)
    for pair in range(clos.n_leaves // 2):
        fabric_cable(leaves[2 * pair], leaves[2 * pair + 1], clos.peer_links)
    for pod in range(clos.pods):
        of_pod = spines[pod * clos.spines : (pod + 1) * clos.spines]
        for k in range(len(of_pod) // 2):
            fabric_cable(of_pod[2 * k], of_pod[2 * k + 1], clos.peer_links)
    return cabling.fabric(hosts)
