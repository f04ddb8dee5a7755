# SPDX-License-Identifier: Apache-2.0
"""FaultSpec: what breaks, when, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from emu.spec.base import Formed, Int, Name, Priority, Spec
from emu.spec.located import at
from emu.spec.nearest import hint_for
from emu.units import Fraction, Rate, Size, Time

NODE = r"[A-Za-z][A-Za-z0-9_-]*"
# Whether they exist is checked on the fabric.
LinkName = Annotated[
    str,
    Formed(
        rf"{NODE}(\.\d+)?-{NODE}(\[\d+\])?",
        "the name of a link such as leaf1-spine2, leaf1-spine2[0] or h3.0-leaf1",
    ),
]
NodeName = Annotated[str, Formed(NODE, "the name of a switch such as leaf1")]
HostName = Annotated[
    str, Formed(rf"{NODE}(\.\d+)?", "the name of a host such as h3, or of its NIC such as h3.0")
]
EndName = Annotated[
    str, Formed(rf"{NODE}(\.\d+)?", "the name of a switch such as leaf1, or of a NIC such as h3.0")
]
Duration = Annotated[Time, Field(gt=0)]


class FaultBase(Spec):
    """When a fault happens: ``at`` a time, or ``after`` another one."""

    name: Name | None = None
    """For ``after`` and for events; the kind and number when not given."""
    at: Time | None = None
    after: Name | None = None
    """Name of another fault: when it begins; ``name.end``: when it is over."""
    delay: Time = 0
    """Added to ``after``."""

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if (self.at is None) == (self.after is None):
            given = "neither" if self.at is None else "both"
            raise ValueError(f"{given} of at and after are given: exactly one is wanted")
        if self.delay and self.after is None:
            raise ValueError("delay belongs to after: add it to at instead")
        return self

    @property
    def span_ps(self) -> int | None:
        """How long the fault lasts; None: until the end of the run."""
        return getattr(self, "duration", None)


class LinkDown(FaultBase):
    """A link dies, and comes back after ``for`` if that is given."""

    kind: Literal["link-down"]
    link: LinkName
    duration: Duration | None = Field(None, alias="for")


class LinkFlap(FaultBase):
    """A link goes down for half of each period, ``count`` times."""

    kind: Literal["link-flap"]
    link: LinkName
    period: Duration
    count: Annotated[Int, Field(ge=1, le=10_000)]

    @property
    def span_ps(self) -> int | None:
        return self.period * self.count


class SwitchDown(FaultBase):
    """A switch dies, and comes back after ``for`` if that is given."""

    kind: Literal["switch-down"]
    switch: NodeName
    duration: Duration | None = Field(None, alias="for")


class LineCardDown(FaultBase):
    """A line card of a switch dies: the ports are spread over ``cards`` cards in their order,
    and those of one card lose their links."""

    kind: Literal["line-card-down"]
    switch: NodeName
    cards: Annotated[Int, Field(ge=2, le=64)] = 4
    card: Annotated[Int, Field(ge=0, le=63)] = 0
    """Which one, from 0 on."""
    duration: Duration | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _card_exists(self) -> Self:
        if self.card >= self.cards:
            raise ValueError(f"card is {self.card} of {self.cards}: they are numbered from 0")
        return self


class LinkDegraded(FaultBase):
    """A link loses packets at random: in both directions, or only what one end sends."""

    kind: Literal["link-degraded"]
    link: LinkName
    loss: Annotated[Fraction, Field(gt=0, le=1)] | None = None
    """Share of frames: the frame error rate that is left after forward error correction."""
    pre_fec_ber: Annotated[Fraction, Field(gt=0, le=0.1)] | None = None
    """Bit error ratio before correction, as optics report it: the loss of each frame follows
    from the code and from how many codewords the frame lies in."""
    fec: Literal["kp4", "kr4"] | None = None
    """kp4: RS(544,514), kr4: RS(528,514) (IEEE 802.3 clause 91); with a BER and null: kp4."""
    sender: EndName | None = None
    """Node at one end: only what it sends is lost, as with one bad laser."""
    duration: Duration | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.loss is None) == (self.pre_fec_ber is None):
            given = "neither" if self.loss is None else "both"
            raise ValueError(f"{given} of loss and pre_fec_ber are given: exactly one is wanted")
        if self.fec is not None and self.pre_fec_ber is None:
            raise at("fec", "fec belongs to pre_fec_ber: loss is what the code has left")
        return self


class SlowLink(FaultBase):
    """A link, or every link of a switch, runs at a share of its rate, both ways."""

    kind: Literal["slow-link"]
    link: LinkName | None = None
    switch: NodeName | None = None
    share: Annotated[Fraction, Field(gt=0, lt=1)] = 0.5
    duration: Duration | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.link is None) == (self.switch is None):
            given = "neither" if self.link is None else "both"
            raise ValueError(f"{given} of link and switch are given: exactly one is wanted")
        return self


class EcnOff(FaultBase):
    """A switch marks nothing, as one whose ECN profile was forgotten."""

    kind: Literal["ecn-off"]
    switch: NodeName
    duration: Duration | None = Field(None, alias="for")


class MtuMismatch(FaultBase):
    """A port was left with too small an MTU: it discards larger frames, so that data dies on
    the link while acknowledgements and pings pass."""

    kind: Literal["mtu-mismatch"]
    link: LinkName
    mtu: Annotated[Size, Field(ge=68, le=65_000)]
    """Largest IP packet that the port takes (outer headers included)."""
    receiver: EndName | None = None
    """Node at one end: only what reaches it is discarded; null: at both ends."""
    duration: Duration | None = Field(None, alias="for")


class PfcPriority(FaultBase):
    """A switch has PFC on for the wrong classes: it neither pauses the others nor obeys their
    pauses, and drops them when their queue is long."""

    kind: Literal["pfc-priority"]
    switch: NodeName
    priorities: Annotated[tuple[Priority, ...], Field(max_length=8)]
    """Classes that it treats as lossless instead of those of its profile."""
    duration: Duration | None = Field(None, alias="for")


class SameHashSeed(FaultBase):
    """Switches hash with one seed, as when all keep the vendor's default: tiers repeat each
    other's choice, and some of their links carry nothing."""

    kind: Literal["same-hash-seed"]
    switches: Annotated[tuple[Name, ...], Field(min_length=1)] = ("*",)
    """Names, globs or ranges; all take the seed of the first."""
    duration: Duration | None = Field(None, alias="for")


LOOP_MAX_PS = 100 * 10**9
"""100 ms. In a loop frames go round until it is over, and each turn is simulated."""


class BridgingLoop(FaultBase):
    """A port that the spanning tree blocks forwards, as when BPDUs are lost one way: what is
    flooded goes round until the loop is over. So that there is something to go round, each
    host's next ARP broadcast falls into its beginning."""

    kind: Literal["bridging-loop"]
    link: LinkName
    """A link that the tree blocks; its parallel links are one LAG with it."""
    duration: Annotated[Time, Field(gt=0, le=LOOP_MAX_PS)] = Field(alias="for")


class SlowReceiver(FaultBase):
    """A host takes data from its NIC at no more than ``rate``."""

    kind: Literal["slow-receiver"]
    host: HostName
    rate: Annotated[Rate, Field(gt=0)]
    duration: Duration | None = Field(None, alias="for")


class NicStorm(FaultBase):
    """A NIC sends PFC without end."""

    kind: Literal["nic-storm"]
    host: HostName
    priority: Priority = 3
    quanta: Annotated[Int, Field(ge=1, le=65535)] = 65535
    """How long one frame pauses, in 512 bit times."""
    every: Duration | None = None
    """Between two frames; null: half of a pause, so that it never ends."""
    frame: Literal["pfc", "no-class", "pause"] = "pfc"
    """no-class: PFC that enables no class. pause: the PAUSE of 802.3x, for a whole link. A
    switch obeys neither, for its classes alone are paused."""
    duration: Duration | None = Field(None, alias="for")


class BlackHole(FaultBase):
    """A switch loses packets without a sign: all, or those to some hosts."""

    kind: Literal["black-hole"]
    switch: NodeName
    to: Annotated[tuple[Name, ...], Field(min_length=1)] = ("*",)
    """Hosts: names, globs or ranges."""
    duration: Duration | None = Field(None, alias="for")


class SilentHost(FaultBase):
    """A host stops sending: its MAC entries expire before its ARP entries do."""

    kind: Literal["silent-host"]
    host: HostName
    duration: Duration | None = Field(None, alias="for")


class WrongRoute(FaultBase):
    """A static route that nobody meant: a switch sends what is for some hosts to ``via``,
    whatever its routing protocol says. In EVPN the route is that of the hosts' tunnel ends."""

    kind: Literal["wrong-route"]
    switch: NodeName
    to: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Hosts: names, globs or ranges."""
    via: NodeName
    """Name of a switch that ``switch`` has a link to."""
    duration: Duration | None = Field(None, alias="for")


FaultSpec = Annotated[
    LinkDown
    | LinkFlap
    | SwitchDown
    | LineCardDown
    | LinkDegraded
    | SlowLink
    | EcnOff
    | MtuMismatch
    | PfcPriority
    | SameHashSeed
    | BridgingLoop
    | SlowReceiver
    | NicStorm
    | BlackHole
    | SilentHost
    | WrongRoute,
    Field(discriminator="kind"),
]
FAULT_KINDS = (
    "link-down",
    "link-flap",
    "switch-down",
    "line-card-down",
    "link-degraded",
    "slow-link",
    "ecn-off",
    "mtu-mismatch",
    "pfc-priority",
    "same-hash-seed",
    "bridging-loop",
    "slow-receiver",
    "nic-storm",
    "black-hole",
    "silent-host",
    "wrong-route",
)


class FaultWindow(NamedTuple):
    """A fault with its time resolved."""

    name: str
    fault: FaultSpec
    start_ps: int
    end_ps: int | None


def fault_names(faults: Sequence[FaultSpec]) -> list[str]:
    """Name of each fault: its own, or kind and number; ValueError when two are alike."""
    names = [fault.name or f"{fault.kind}-{i}" for i, fault in enumerate(faults)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise at((i,), f"two faults have the name {name!r}")
    return names


def fault_windows(faults: Sequence[FaultSpec]) -> list[FaultWindow]:
    """Start and end of each fault, in the order given.

    Raises
    ------
    ValueError
        When ``after`` names no fault, waits for an end that never comes, or goes
        in a circle.
    """
    names = fault_names(faults)
    by_name = dict(zip(names, faults, strict=True))
    starts: dict[str, int] = {}

    def start(name: str, waiting: tuple[str, ...]) -> int:
        if name in starts:
            return starts[name]
        if name in waiting:
            circle = " -> ".join((*waiting, name))
            raise at((names.index(name), "after"), f"faults wait for each other: {circle}")
        fault = by_name[name]
        if fault.after is None:
            starts[name] = fault.at or 0
            return starts[name]
        other, at_end = fault.after, False
        if other not in by_name and other.endswith(".end"):
            other, at_end = other.removesuffix(".end"), True
        if other not in by_name:
            message = f"{other!r} is no fault: {hint_for(other, names)}"
            raise at((names.index(name), "after"), message)
        begin = start(other, (*waiting, name))
        span = by_name[other].span_ps
        if at_end and span is None:
            message = f"{name} waits for the end of {other}, which has none: give {other} `for`"
            raise at((names.index(name), "after"), message)
        starts[name] = begin + (span or 0 if at_end else 0) + fault.delay
        return starts[name]

    windows = []
    for name, fault in by_name.items():
        begin = start(name, ())
        span = fault.span_ps
        windows.append(FaultWindow(name, fault, begin, None if span is None else begin + span))
    return windows
