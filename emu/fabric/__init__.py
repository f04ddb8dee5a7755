# SPDX-License-Identifier: Apache-2.0
"""Physical fabrics and the designs that forward over them."""

from emu.fabric.build import build_fabric
from emu.fabric.graph import Fabric, Host, Link, Node, NodeKind, Port

__all__ = ["Fabric", "Host", "Link", "Node", "NodeKind", "Port", "build_fabric"]
