# SPDX-License-Identifier: Apache-2.0
"""DialectSpec: where a run follows another simulator's model instead of the standards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from emu.spec.base import Int, Name, Spec, Text
from emu.spec.preset import expander
from emu.units import Size, Time


class FramingSpec(Spec):
    """Frames that are not RoCEv2's on Ethernet: every frame of a kind has one size."""

    header: Annotated[Size, Field(ge=1, le=1000)]
    """Around the payload of every data packet; there is no padding and no minimum."""
    ack: Annotated[Size, Field(ge=1, le=1000)]
    cnp: Annotated[Size, Field(ge=1, le=1000)]
    pfc: Annotated[Size, Field(ge=1, le=1000)]
    gap: Annotated[Size, Field(ge=0, le=1000)] = 0
    """Link time between two frames, preamble included."""


class DialectSpec(Spec):
    """Differences of another simulator's documented model; each default is emu's own.

    Meant for comparing results with that simulator, one difference at a time if need be.
    The preset ``hpcc-ns3`` is the RDMA simulator of HPCC.
    """

    name: Name = "inline"
    framing: FramingSpec | None = None
    """null: RoCEv2 frames with preamble and gap."""
    time_grain: Annotated[Time, Field(ge=1, le=1_000_000)] = 1
    """Link times are cut off to whole multiples; 1ps: exact, rounded up."""
    pauses: Literal["expire", "hold"] = "expire"
    """hold: a pause lasts until XON and is never repeated."""
    xoff: Literal["beyond-limit", "at-limit"] = "beyond-limit"
    """When a priority group pauses its sender: when a packet needs headroom, or as soon as
    its shared use reaches the limit."""
    xon: Literal["any-departure", "own-departure"] = "any-departure"
    """Which departures can let a group's sender go on: all of the switch (the limit rises
    with each), or those of the group's own packets."""
    marks_return: Literal["cnp", "ack"] = "cnp"
    """ack: a mark returns as a flag of the marked packet's acknowledgement; there are no
    CNPs and no gap between notifications."""
    turns: Literal["ready", "due"] = "ready"
    """Which queue pair of a NIC goes next. ready: in the order in which they became ready; one
    that has sent at line rate is ready at once. due: a paced one that falls due while it sends
    goes first."""
    hash: Literal["mix", "murmur3"] = "mix"
    """murmur3: switches hash addresses and ports with MurmurHash3, seeded with their node
    number; a node's number is the digits at the end of its name."""
    hash_dport: Annotated[Int, Field(ge=0, le=65535)] = 4791
    """Destination port that murmur3 hashes."""
    sources: dict[str, Text] = {}


Dialect = Annotated[DialectSpec, BeforeValidator(expander("dialect"))]
