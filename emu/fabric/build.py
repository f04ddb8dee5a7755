# SPDX-License-Identifier: Apache-2.0
"""From a topology file's content to the graph."""

from __future__ import annotations

from emu.fabric.clos import build_clos
from emu.fabric.explicit import build_explicit
from emu.fabric.graph import Fabric
from emu.spec.topology import TopologySpec


def build_fabric(spec: TopologySpec) -> Fabric:
    """The physical fabric of a topology."""
    return build_clos(spec) if spec.clos is not None else build_explicit(spec)
