# SPDX-License-Identifier: Apache-2.0
"""CaptureSpec: which ports a run captures, and which of their frames."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Bool, Formed, Int, Name, Priority, Spec
from emu.units import Time, format_time

_NODE = r"[A-Za-z][A-Za-z0-9_-]*(\.\d+)?"
PortName = Annotated[
    str,
    Formed(
        rf"{_NODE}(:{_NODE}(\[\d+\])?)?",
        "a port such as leaf0:Ethernet4, leaf0:spine1 (what links it to that node), "
        "h3.0:p0, or a node whose ports are all meant",
    ),
]
HEADER_OVERHEADS = (50, 54)
"""Tunnel bytes that are headers: VXLAN over IPv4, and the same with an 802.1Q tag outside."""


class CaptureSpec(Spec):
    """Ports whose frames are kept, both directions. In a file a port's name is enough.

    A frame has to pass every filter.
    """

    ports: Annotated[tuple[PortName, ...], Field(min_length=1)]
    """leaf0:Ethernet4, leaf0:spine1 or leaf0:h3.0 (ports by what they lead to), leaf0 (all)."""
    direction: Literal["both", "rx", "tx"] = "both"
    """rx: what arrives at the port; tx: what it sends."""
    hosts: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """From or to one of these: names of hosts or NICs, globs or ranges; null: all."""
    flows: Annotated[tuple[Annotated[Int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Numbers as in flows.parquet: their data, acknowledgements, requests and notifications."""
    priorities: Annotated[tuple[Priority, ...], Field(min_length=1)] | None = None
    """Traffic class in which the frame travels here; null: all."""
    pfc: Bool = True
    """PFC frames of those priorities, which belong to no host and no flow."""
    start: Time = 0
    stop: Annotated[Time, Field(gt=0)] | None = None
    """Frames from start up to, not including, stop."""
    payload: Literal["snapped", "pattern"] = "snapped"
    """snapped: headers on disk, the length kept; pattern: whole frames, whose payload is the
    flow's number and a count in words of 8 bytes, so that the ICRC can be verified."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            value = {"ports": value}
        if isinstance(value, dict) and isinstance(value.get("ports"), str):
            value = {**value, "ports": [value["ports"]]}
        return value

    @model_validator(mode="after")
    def _window_opens(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(
                f"stop is {format_time(self.stop)} and start {format_time(self.start)}: "
                "nothing lies between them"
            )
        return self
