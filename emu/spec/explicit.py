# SPDX-License-Identifier: Apache-2.0
"""ExplicitSpec: a fabric as a list of nodes and links."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Formed, Int, Spec
from emu.spec.located import at
from emu.spec.nearest import hint_for
from emu.units import Length, Rate, Time

NodeName = Annotated[
    str,
    Formed(
        "[A-Za-z][A-Za-z0-9_-]{0,39}",
        "a node name: a letter, then up to 39 letters, digits, _ or -",
    ),
]
_HOST_END = re.compile(r"(.+)\.(\d+)")


class NodeSpec(Spec):
    """A host or a switch."""

    name: NodeName
    kind: Literal["host", "leaf", "spine", "super-spine"]
    nics: Annotated[Int, Field(ge=1, le=64)] = 1
    """Hosts only."""
    pod: Annotated[Int, Field(ge=0, le=1023)] = 0

    @model_validator(mode="after")
    def _nics_of_hosts(self) -> Self:
        if self.kind != "host" and self.nics != 1:
            raise ValueError(f"nics is {self.nics} on a {self.kind}: only hosts have NICs")
        return self


class LinkSpec(Spec):
    """A cable, or several alike between the same two nodes."""

    a: str
    """A switch, or ``host.nic`` such as h0.0."""
    b: str
    rate: Annotated[Rate, Field(gt=0)]
    cable: Length | None = None
    delay: Time | None = None
    count: Annotated[Int, Field(ge=1, le=256)] = 1

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.cable is None) == (self.delay is None):
            given = "neither" if self.cable is None else "both"
            raise ValueError(f"{given} of cable and delay are given: exactly one is wanted")
        return self


class ExplicitSpec(Spec):
    """Nodes and links one by one."""

    nodes: Annotated[tuple[NodeSpec, ...], Field(min_length=2, max_length=70_000)]
    links: Annotated[tuple[LinkSpec, ...], Field(min_length=1, max_length=1_000_000)]

    @model_validator(mode="after")
    def _graph(self) -> Self:
        nodes: dict[str, NodeSpec] = {}
        for index, node in enumerate(self.nodes):
            if node.name in nodes:
                raise at(("nodes", index, "name"), f"two nodes have the name {node.name!r}")
            nodes[node.name] = node
        homes: dict[tuple[str, int], list[str]] = {
            (node.name, nic): [] for node in self.nodes if node.kind == "host"
            for nic in range(node.nics)
        }  # fmt: skip
        neighbours: dict[str, set[str]] = {name: set() for name in nodes}
        for index, link in enumerate(self.links):
            ends = [self._end(nodes, index, side) for side in (link.a, link.b)]
            (a, a_nic), (b, b_nic) = ends
            if a == b:
                raise at(("links", index), f"both ends are at {a!r}")
            if a_nic is not None and b_nic is not None:
                raise at(("links", index), f"{link.a} and {link.b} are both hosts")
            for (host, nic), other in ((ends[0], b), (ends[1], a)):
                if nic is not None:
                    homes[host, nic] += [other] * link.count
            neighbours[a].add(b)
            neighbours[b].add(a)
        self._check_homes(nodes, homes)
        self._check_connected(neighbours)
        return self

    @staticmethod
    def _end(nodes: dict[str, NodeSpec], index: int, text: str) -> tuple[str, int | None]:
        """Node name and NIC number of a link's end."""
        if text in nodes:
            if nodes[text].kind == "host":
                raise at(("links", index), f"{text!r} is a host: name its NIC, as {text}.0")
            return text, None
        match = _HOST_END.fullmatch(text)
        if match is None or match[1] not in nodes or nodes[match[1]].kind != "host":
            raise at(("links", index), f"no node {text!r}: {hint_for(text, nodes)}")
        nic = int(match[2])
        if nic >= nodes[match[1]].nics:
            raise at(
                ("links", index),
                f"{match[1]} has {nodes[match[1]].nics} NIC(s), numbered from 0: "
                f"there is no {text}",
            )
        return match[1], nic

    @staticmethod
    def _check_homes(nodes: dict[str, NodeSpec], homes: dict[tuple[str, int], list[str]]) -> None:
        if not homes:
            raise ValueError("there is no host among the nodes")
        for (host, nic), leaves in homes.items():
            if not 1 <= len(leaves) <= 2:
                raise ValueError(
                    f"{host}.{nic} has {len(leaves)} links: a NIC has one, or two when dual-homed"
                )
            for leaf in leaves:
                if nodes[leaf].kind != "leaf":
                    raise ValueError(
                        f"{host}.{nic} is linked to the {nodes[leaf].kind} {leaf}: "
                        "hosts are linked to leaves"
                    )
            if len(set(leaves)) < len(leaves):
                raise ValueError(f"{host}.{nic} has both links to {leaves[0]}: two homes differ")
        if len({len(leaves) for leaves in homes.values()}) > 1:
            raise ValueError("some NICs have one home and some two: all must be alike")

    @staticmethod
    def _check_connected(neighbours: dict[str, set[str]]) -> None:
        first = next(iter(neighbours))
        seen, stack = {first}, [first]
        while stack:
            for name in neighbours[stack.pop()] - seen:
                seen.add(name)
                stack.append(name)
        apart = [name for name in neighbours if name not in seen]
        if apart:
            raise ValueError(f"the fabric falls apart: no path from {first} to {apart[0]}")
