# SPDX-License-Identifier: Apache-2.0
"""Mininet's nodes and links over the lab's named namespaces.

Mininet keeps a node's namespace alive by a shell, and the lab would end with the process that
made it. Here a namespace has a name, a node enters it, and its shell starts with the first
command, so that a node can be had again by any later process. Whatever Mininet starts goes
through the lab's launcher and so stands in the state file.
"""

from __future__ import annotations

from typing import Any

from mininet.link import Intf, Link
from mininet.node import Node

from emu.lab.launch import Launcher
from emu.lab.namespaces import create_veth, enter


class LabNode(Node):  # type: ignore[misc]
    """A Mininet node in a namespace that exists already."""

    def __init__(self, name: str, namespace: str, launcher: Launcher) -> None:
        self.namespace = namespace
        self._launcher = launcher
        self._begun = False
        # inNamespace makes Mininet create a namespace and move interfaces into it.
        super().__init__(name, inNamespace=False)

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: N802 (Mininet's name)
        """Nothing yet: see ``_begin``."""

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            super().startShell()

    def _popen(self, cmd: list[str], **params: Any) -> Any:
        """Every process of a Mininet node begins here."""
        return self._launcher.popen(f"{self.name}-shell", enter(self.namespace, cmd), **params)

    def sendCmd(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        """Mininet's: send a command to the node's shell."""
        self._begin()
        super().sendCmd(*args, **kwargs)

    def cmd(self, *args: Any, **kwargs: Any) -> str:
        """Mininet's: run a command in the node and return its output."""
        self._begin()
        return str(super().cmd(*args, **kwargs))

    def popen(self, *args: Any, **kwargs: Any) -> Any:
        """Mininet's: start a program in the node."""
        self._begin()
        return super().popen(*args, **kwargs)

    def terminate(self) -> None:
        """End the shell; the namespace stays."""
        if self._begun:
            super().terminate()


class LabLink(Link):  # type: ignore[misc]
    """A virtual cable between two nodes, or between a node and the traffic manager."""

    def __init__(
        self, node1: LabNode, node2: LabNode, name1: str, name2: str,
        mac1: str, mac2: str, mtu: int,
    ) -> None:  # fmt: skip
        create_veth(node1.namespace, name1, mac1, node2.namespace, name2, mac2, mtu)
        super().__init__(node1, node2, intfName1=name1, intfName2=name2)

    @classmethod
    def makeIntfPair(cls, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        """Nothing: the pair was made in its namespaces before."""


__all__ = ["Intf", "LabLink", "LabNode"]
