# SPDX-License-Identifier: Apache-2.0
"""RoutingSpec: how a switch picks one of several equal next hops.

Each policy with options of its own has a section of its name, which is read only when the
policy is chosen: a matrix may vary the policy and leave the sections where they are.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Bool, Float, Int, Spec
from emu.units import Size, Time, format_time

Policy = Literal["ecmp", "flowlet", "adaptive", "spray", "pinned", "controller"]
PER_PACKET: tuple[Policy, ...] = ("adaptive", "spray")
"""Policies that send packets of one queue pair over several paths at a time."""


class EcmpSpec(Spec):
    """What an operator can turn at a hash: how it answers failures."""

    resilient: Bool = False
    """True: flows belong to buckets and buckets to next hops, so that the loss of a next hop
    moves its flows alone, and its return brings back the same ones."""
    buckets: Annotated[Int, Field(ge=2, le=1024)] = 64
    """resilient: buckets per group of next hops, as many as it has members at least."""
    weights: Literal["equal", "capacity"] = "equal"
    """capacity: a next hop gets flows in proportion to what is left of its way to the
    destination, as routes tell that carry their bandwidth; equal: a share each."""

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        if self.resilient and self.weights == "capacity":
            raise ValueError(
                "resilient is true and weights is capacity: new weights deal buckets out anew, so "
                "choose one of them"
            )
        return self


class FlowletSpec(Spec):
    """Dynamic load balancing at the leaf: a flow may move after a silence.

    Sources: CONGA (SIGCOMM 2014), LetFlow (NSDI 2017); switches offer gaps of 16 to 256 us.
    """

    gap: Annotated[Time, Field(gt=0)] = 50_000_000
    """Silence after which a flow's next packet may take another next hop. Above the
    difference of the paths' delays, queues included, it reorders nothing."""
    quantum: Annotated[Size, Field(gt=0)] = 16_384
    """Queue of grade 1; each doubling is one grade more, up to 7."""
    load_interval: Annotated[Time, Field(gt=0)] = 20_000_000
    """Least time over which the load of a port is measured; eighths of its rate are grades."""
    load_weight: Annotated[Int, Field(ge=0, le=255)] = 1
    """Weight of the load's grade in a port's quality."""
    queue_weight: Annotated[Int, Field(ge=0, le=255)] = 1
    """Weight of the queue's grade in a port's quality."""
    slots: Annotated[Int, Field(ge=16, le=65536)] = 4096
    """Flowlet entries per group of next hops; flows that share one move together."""


class RemoteSpec(Spec):
    """The global variant: what waits behind a next hop counts too."""

    interval: Annotated[Time, Field(ge=1_000_000)] = 5_000_000
    """Time between two publications of all switches' queue grades."""
    delay: Time = 10_000_000
    """Age at which others know them; a multiple of ``interval``."""

    @model_validator(mode="after")
    def _whole_intervals(self) -> Self:
        if self.delay % self.interval:
            raise ValueError(
                f"delay is {format_time(self.delay)} and interval {format_time(self.interval)}: "
                "delay must be a multiple of interval"
            )
        return self


class AdaptiveSpec(Spec):
    """Per packet by queue depth, for data packets only.

    Sources: DRILL (SIGCOMM 2017); vendors' adaptive routing.
    """

    quantum: Annotated[Size, Field(gt=0)] = 16_384
    """Queue of grade 1; each doubling is one grade more, up to 7."""
    remote: RemoteSpec | None = None
    """null: each switch knows its own queues and links only."""


ENTROPY_VALUES_MAX = 1 << 14
"""A RoCEv2 source port has its two upper bits set."""


class SpraySpec(Spec):
    """Per packet by the entropy value in its source port.

    Sources: DRB (CoNEXT 2013) for values in turn, REPS (arXiv 2407.21625) for feedback.
    """

    entropy: Literal["oblivious", "feedback"] = "oblivious"
    """oblivious: values in turn, whatever becomes of the packets; feedback: a value whose
    packet came through unmarked is used again, one that was marked or lost is not."""
    values: Annotated[Int, Field(ge=2, le=ENTROPY_VALUES_MAX)] = ENTROPY_VALUES_MAX
    """How many different values a sender uses."""
    kept: Annotated[Int, Field(ge=1, le=4096)] = 64
    """feedback: good values that a queue pair remembers."""
    freeze: Time = 1_000_000_000
    """feedback: for so long after a loss a sender uses old good values instead of new ones."""


class ControllerSpec(Spec):
    """A controller outside the switches: it reads counters now and then and moves slots, that
    is shares of the hash, from full uplinks to empty ones (emu/fabric/steering.py).

    Source: Planck (SIGCOMM 2014) reads a 10G switch in 0.3 to 4 ms and moves flows in
    milliseconds; it says that polling the counters of common switches takes hundreds.
    """

    interval: Annotated[Time, Field(gt=0)] = 5_000_000_000
    """Time between two looks at the counters of all ports and slots."""
    delay: Time = 2_000_000_000
    """Time from a look until the switches do what follows from it; at most ``interval``."""
    slots: Annotated[Int, Field(ge=2, le=1024)] = 64
    """Shares into which each group of next hops hashes its flows."""
    imbalance_min: Annotated[Float, Field(ge=0, le=10)] = 0.1
    """Difference between two uplinks, as a share of their rate, below which nothing moves."""
    moves_max: Annotated[Int, Field(ge=1, le=1024)] = 1
    """Slots of a group that are moved after one look."""
    hold_intervals: Annotated[Int, Field(ge=0, le=1000)] = 3
    """Looks for which a slot that was moved stays where it is."""

    @model_validator(mode="after")
    def _one_change_at_a_time(self) -> Self:
        if self.delay > self.interval:
            raise ValueError(
                f"delay is {format_time(self.delay)} and interval {format_time(self.interval)}: a "
                "controller that looks again before its last change is made answers the same news "
                "twice"
            )
        return self


class RoutingSpec(Spec):
    """How a switch picks one of several next hops."""

    policy: Policy = "ecmp"
    """ecmp: by a hash of the 5-tuple with a seed per switch; flowlet: as ecmp, but a flow that
    was silent for a while may move to a better port; adaptive: each data packet to the port
    with the shortest queue; spray: each data packet by its own entropy value; pinned: each
    queue pair on a path chosen with all transfers in view; controller: by the hash, and a
    controller moves shares of it from full ports to empty ones now and then."""
    polarised: Bool = False
    """True: every switch has the same seed, so that tiers repeat each other's choice."""
    ecmp: EcmpSpec = EcmpSpec()
    flowlet: FlowletSpec = FlowletSpec()
    adaptive: AdaptiveSpec = AdaptiveSpec()
    spray: SpraySpec = SpraySpec()
    controller: ControllerSpec = ControllerSpec()
    accept_retransmissions: Bool = False
    """True: packets of a queue pair may overtake each other although the NICs answer that with
    go-back-N, which sends again what had arrived."""
