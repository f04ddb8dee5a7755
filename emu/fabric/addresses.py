# SPDX-License-Identifier: Apache-2.0
"""Which addresses the nodes of a fabric have when frames are real.

They come from 198.18.0.0/15, which RFC 2544 sets aside for tests of networks, and from the
locally administered MAC addresses (IEEE 802 §8: second bit of the first octet). The same
fabric always gets the same ones, so that a capture can be read without its run.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from emu.errors import RunError
from emu.fabric.graph import Fabric

GATEWAY_MAC = "02:02:00:00:00:01"
"""Every leaf answers for its subnet's gateway with this one (an anycast gateway)."""
ENDPOINTS_PER_LEAF_MAX = 240
LEAVES_MAX = 256
ENDPOINTS_MAX = 60_000
_FIRST_HOST = 10
_ROUTED = IPv4Address("198.18.0.0")
_BRIDGED = IPv4Address("198.19.0.0")
_BRIDGED_PREFIX = 16
_ROUTED_PREFIX = 24


def endpoint_mac(endpoint: int) -> str:
    """MAC address of a NIC; all of its ports share it."""
    return (
        f"02:00:00:{(endpoint >> 16) & 0xFF:02x}:{(endpoint >> 8) & 0xFF:02x}:{endpoint & 0xFF:02x}"
    )


def router_mac(row: int) -> str:
    """MAC address that a switch puts on packets it has routed; ``row`` as in the plan's tables."""
    return f"02:01:00:00:{row >> 8:02x}:{row & 0xFF:02x}"


@dataclass(frozen=True)
class Addresses:
    """Addresses of all endpoints of a fabric."""

    routed: bool
    """One subnet per leaf and a gateway; otherwise one subnet for all and none."""
    interfaces: tuple[IPv4Interface, ...]
    """By endpoint: its address and the length of its subnet's prefix."""
    gateways: tuple[IPv4Address | None, ...]
    """By endpoint: next hop to everybody else, None on one common subnet."""

    def ip(self, endpoint: int) -> IPv4Address:
        """Address of an endpoint."""
        return self.interfaces[endpoint].ip

    def next_hop_mac(self, src: int, dst: int) -> str:
        """Destination MAC address of what ``src`` sends to ``dst``."""
        same = self.ip(dst) in self.interfaces[src].network
        return endpoint_mac(dst) if same else GATEWAY_MAC


def assign_addresses(fabric: Fabric, routed: bool) -> Addresses:
    """Number the endpoints leaf by leaf (routed) or all in one subnet.

    An endpoint on two leaves belongs to the subnet of its first port.

    Raises
    ------
    emu.errors.RunError
        For more endpoints than the test range has room for.
    """
    if not routed:
        if fabric.n_endpoints > ENDPOINTS_MAX:
            raise RunError(
                f"{fabric.n_endpoints} NICs: one subnet of {_BRIDGED}/{_BRIDGED_PREFIX} "
                f"has room for {ENDPOINTS_MAX}"
            )
        bridged = tuple(
            IPv4Interface((int(_BRIDGED) + _FIRST_HOST + e, _BRIDGED_PREFIX))
            for e in fabric.endpoints
        )
        return Addresses(False, bridged, (None,) * fabric.n_endpoints)
    rows: dict[int, int] = {}
    counts: dict[int, int] = {}
    interfaces: list[IPv4Interface] = []
    gateways: list[IPv4Address | None] = []
    for endpoint in fabric.endpoints:
        leaf = fabric.peer_node(fabric.ports_of(endpoint)[0])
        row = rows.setdefault(leaf, len(rows))
        place = counts.get(leaf, 0)
        counts[leaf] = place + 1
        if row >= LEAVES_MAX or place >= ENDPOINTS_PER_LEAF_MAX:
            raise RunError(
                f"{fabric.nodes[leaf].name}: subnets of /{_ROUTED_PREFIX} have room for "
                f"{LEAVES_MAX} leaves of {ENDPOINTS_PER_LEAF_MAX} NICs"
            )
        subnet = int(_ROUTED) + (row << 8)
        interfaces.append(IPv4Interface((subnet + _FIRST_HOST + place, _ROUTED_PREFIX)))
        gateways.append(IPv4Address(subnet + 1))
    return Addresses(True, tuple(interfaces), tuple(gateways))
