# SPDX-License-Identifier: Apache-2.0
"""Numbers and addresses that nodes have in the HPCC simulator."""

from __future__ import annotations

import re

from emu.fabric.graph import Fabric

_NUMBER = re.compile(r"(\d+)$")


def node_number(fabric: Fabric, node: int) -> int:
    """Number of a node where a file had one: the digits at the end of its name.

    An endpoint has the number of its host; a name without digits gives the node's id.
    """
    name = fabric.nodes[node].name
    if node < fabric.n_endpoints:
        name = fabric.hosts[fabric.nodes[node].host].name
    found = _NUMBER.search(name)
    return int(found[1]) if found else node


def address(number: int) -> int:
    """IPv4 address of a host: 11.0.0.1 and up, its number in the two middle bytes
    (``node_id_to_ip`` of scratch/third.cc)."""
    return 0x0B000001 + (number // 256) * 0x10000 + (number % 256) * 0x100
