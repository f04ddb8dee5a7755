# SPDX-License-Identifier: Apache-2.0
"""The engine numbers ports node by node; the fabric by link. This maps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emu.fabric.graph import Fabric


@dataclass(frozen=True)
class PortMap:
    """Engine port of a fabric port, and back."""

    to_engine: npt.NDArray[np.int64]
    to_fabric: npt.NDArray[np.int64]

    def engine_ports(self, ports: tuple[int, ...]) -> list[int]:
        """Engine numbers of fabric ports."""
        return [int(self.to_engine[port]) for port in ports]


def map_ports(fabric: Fabric) -> PortMap:
    """Numbers all ports in the order of nodes, then of ports within the node."""
    to_fabric = np.array(
        [port for node in fabric.nodes for port in fabric.ports_of(node.id)], dtype=np.int64
    )
    to_engine = np.empty_like(to_fabric)
    to_engine[to_fabric] = np.arange(len(to_fabric))
    return PortMap(to_engine, to_fabric)


def tier_of(fabric: Fabric, port: int) -> str:
    """Tier of the node that a port belongs to, as tables and streams word it."""
    kind: str = fabric.nodes[fabric.ports[port].node].kind.value
    return kind.replace("_", "-")
