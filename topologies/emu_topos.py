# SPDX-License-Identifier: Apache-2.0
"""A leaf-spine for plain Mininet.

    sudo mn --custom topologies/emu_topos.py --topo leafspine,leaves=2,spines=2,hosts=2 \\
        --switch ovs,datapath=user --controller remote

with a controller of ``controllers/`` beside it, for example ``python controllers/run.py l3``.
Hosts and addresses are those of ``emu lab``: host K of leaf L has 198.18.L.(10+K), and its
default route goes to 198.18.L.1, which the controller's leaf answers for.
"""

from __future__ import annotations

from typing import Any

from mininet.node import Host
from mininet.topo import Topo


class RoutedHost(Host):  # type: ignore[misc]
    """A host whose checksums are whole, as the userspace datapath forwards them as they are."""

    def config(self, **params: Any) -> Any:
        """Mininet's: called when the host's interfaces are there."""
        result = super().config(**params)
        interface = self.defaultIntf()
        self.cmd(f"ethtool -K {interface} tx off rx off")
        self.cmd("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1")
        if "gateway" in params:
            self.cmd(f"ip route replace default via {params['gateway']} dev {interface}")
        return result


class LeafSpine(Topo):  # type: ignore[misc]
    """``leaves`` leaves with ``hosts`` hosts each, all joined by ``spines`` spines."""

    def build(self, leaves: int = 2, spines: int = 2, hosts: int = 2) -> None:
        """Mininet's: lays the cables."""
        number = 0
        for leaf in range(leaves):
            # Datapath ids as in emu lab: leaves first.
            self.addSwitch(f"leaf{leaf}", dpid=f"{leaf + 1:016x}", protocols="OpenFlow13")
            for place in range(hosts):
                self.addHost(
                    f"h{number}",
                    cls=RoutedHost,
                    ip=f"198.18.{leaf}.{10 + place}/24",
                    gateway=f"198.18.{leaf}.1",
                )
                self.addLink(f"h{number}", f"leaf{leaf}")
                number += 1
        for spine in range(spines):
            name = f"spine{spine}"
            self.addSwitch(name, dpid=f"{leaves + spine + 1:016x}", protocols="OpenFlow13")
            for leaf in range(leaves):
                self.addLink(f"leaf{leaf}", name)


topos = {"leafspine": LeafSpine}
