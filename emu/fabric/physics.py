# SPDX-License-Identifier: Apache-2.0
"""What faults do to the hardware, whatever the design: dead links, loss, silence.

Also when the ends of a link notice. The rest of a timeline is the design's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import (
    BlackHole,
    CodewordLoss,
    EcnMarking,
    FrameLimit,
    LinkLoss,
    LinkRate,
    LinkState,
    LosslessClasses,
    NicStorm,
    Note,
    PortDetected,
    ReceiverRate,
    SilentHost,
    Update,
)
from emu.fabric.graph import Fabric

Key = TypeVar("Key", bound=Hashable)

_ORDER = (
    LinkState,
    LinkLoss,
    CodewordLoss,
    FrameLimit,
    LinkRate,
    EcnMarking,
    LosslessClasses,
    BlackHole,
    ReceiverRate,
    NicStorm,
    SilentHost,
    PortDetected,
)


ETHERNET_BYTES = 18
"""Header and FCS around an IP packet."""


@dataclass(frozen=True)
class LinkChange:
    """A link goes down or comes back, or its ends notice that."""

    at_ps: int
    link: int
    up: bool
    cause: str
    """Name of the fault."""


def _down_windows(fault: ResolvedFault) -> Iterator[tuple[int, int | None]]:
    if fault.kind == "link-flap":
        for i in range(fault.count):
            start = fault.start_ps + i * fault.period_ps
            yield start, start + max(1, fault.period_ps // 2)
    elif fault.kind in ("link-down", "line-card-down", "switch-down"):
        yield fault.start_ps, fault.end_ps


def link_changes(faults: Sequence[ResolvedFault]) -> list[LinkChange]:
    """Every change of a link's state, by time; a link is up when no fault holds it down."""
    steps: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for fault in faults:
        for start, end in _down_windows(fault):
            for link in fault.links:
                steps[link].append((start, 1, fault.name))
                if end is not None:
                    steps[link].append((end, -1, fault.name))
    changes = []
    for link, marks in steps.items():
        # At equal times a new hold counts before an old one ends: no flash of life.
        marks.sort(key=lambda mark: (mark[0], -mark[1]))
        holds = 0
        for at_ps, step, cause in marks:
            before, holds = holds, holds + step
            if (before == 0) != (holds == 0):
                changes.append(LinkChange(at_ps, link, holds == 0, cause))
    return sorted(changes, key=lambda c: (c.at_ps, c.link))


def detected_changes(changes: Sequence[LinkChange], detection_ps: int) -> list[LinkChange]:
    """The changes that last for a time, when that time is over.

    So both ends of a link know of it after ``detection_ps``; a state that ends before
    that is not noticed.
    """
    by_link: dict[int, list[LinkChange]] = defaultdict(list)
    for change in changes:
        by_link[change.link].append(change)
    noticed = []
    for link, own in by_link.items():
        known_up = True
        for change, following in zip(own, [*own[1:], None], strict=True):
            at_ps = change.at_ps + detection_ps
            lasts = following is None or following.at_ps > at_ps
            if lasts and change.up != known_up:
                known_up = change.up
                noticed.append(LinkChange(at_ps, link, change.up, change.cause))
    return sorted(noticed, key=lambda c: (c.at_ps, c.link))


def physical_updates(
    fabric: Fabric, faults: Sequence[ResolvedFault], detection_ps: int
) -> list[Update]:
    """The part of the timeline that is the same in every design."""
    changes = link_changes(faults)
    updates: list[Update] = [LinkState(c.at_ps, c.cause, c.link, c.up) for c in changes]
    for change in detected_changes(changes, detection_ps):
        link = fabric.links[change.link]
        updates += [
            PortDetected(change.at_ps, change.cause, port, change.up) for port in (link.a, link.b)
        ]
    for fault in faults:
        if fault.kind == "switch-down":
            # Its buffers die with it; its neighbours have to notice.
            updates += [
                PortDetected(fault.start_ps, fault.name, port, False)
                for port in fabric.ports_of(fault.switch)
            ]
        updates.append(Note(fault.start_ps, "fault", f"{fault.kind} {fault.name} begins"))
        if fault.end_ps is not None:
            updates.append(Note(fault.end_ps, "fault", f"{fault.kind} {fault.name} ends"))
    updates += _degradations(fabric, faults)
    return updates


def _degradations(fabric: Fabric, faults: Sequence[ResolvedFault]) -> Iterator[Update]:
    """Faults that leave the links up."""
    plain = [fault for fault in faults if not fault.codeword_bytes]
    for (port, at_ps, cause), active in _levels(plain, "link-degraded", lambda f: f.ports):
        yield LinkLoss(at_ps, cause, port, _any(f.loss for f in active))
    coded = [fault for fault in faults if fault.codeword_bytes]
    for (port, at_ps, cause), active in _levels(coded, "link-degraded", lambda f: f.ports):
        lost = _any(f.codeword_loss for f in active)
        yield CodewordLoss(at_ps, cause, port, lost, coded[0].codeword_bytes)
    for (port, at_ps, cause), active in _levels(faults, "mtu-mismatch", lambda f: f.ports):
        mtu = min((f.mtu_bytes for f in active), default=0)
        yield FrameLimit(at_ps, cause, port, mtu + ETHERNET_BYTES if mtu else 0)
    for (switch, at_ps, cause), active in _levels(faults, "pfc-priority", lambda f: [f.switch]):
        row = switch - fabric.n_endpoints
        yield LosslessClasses(at_ps, cause, row, active[-1].priorities if active else None)
    for (link, at_ps, cause), active in _levels(faults, "slow-link", lambda f: f.links):
        share = min((f.share for f in active), default=1.0)
        yield LinkRate(at_ps, cause, link, share)
    for (switch, at_ps, cause), active in _levels(faults, "ecn-off", lambda f: [f.switch]):
        yield EcnMarking(at_ps, cause, switch - fabric.n_endpoints, not active)
    for (endpoint, at_ps, cause), active in _levels(faults, "slow-receiver", lambda f: f.endpoints):
        rate = min((f.rate_bps for f in active), default=0)
        yield ReceiverRate(at_ps, cause, endpoint, rate)
    for ((endpoint, priority), at_ps, cause), active in _levels(
        faults, "nic-storm", lambda f: [(e, f.priority) for e in f.endpoints]
    ):
        frames = active[-1].storm if active else None
        if frames is None:
            yield NicStorm(at_ps, cause, endpoint, False, priority)
        else:
            shape = (frames.quanta, frames.every or 0, frames.frame)
            yield NicStorm(at_ps, cause, endpoint, True, priority, *shape)
    for (endpoint, at_ps, cause), active in _levels(faults, "silent-host", lambda f: f.endpoints):
        yield SilentHost(at_ps, cause, endpoint, bool(active))
    for (port, at_ps, cause), active in _levels(
        faults, "black-hole", lambda f: fabric.ports_of(f.switch)
    ):
        everything = any(not f.endpoints for f in active)
        routes = None if everything else tuple(sorted({e for f in active for e in f.endpoints}))
        yield BlackHole(at_ps, cause, port, bool(active), routes if active else None)


def _any(chances: Iterable[float]) -> float:
    """Chance that one of several independent things happens."""
    return 1.0 - math.prod(1.0 - chance for chance in chances)


def _levels(
    faults: Sequence[ResolvedFault], kind: str, targets: Callable[[ResolvedFault], Iterable[Key]]
) -> Iterator[tuple[tuple[Key, int, str], list[ResolvedFault]]]:
    """For each target and each moment at which a fault on it begins or ends: the active ones."""
    by_target: dict[Key, list[ResolvedFault]] = defaultdict(list)
    for fault in faults:
        if fault.kind == kind:
            for target in targets(fault):
                by_target[target].append(fault)
    for target, own in by_target.items():
        edges = {f.start_ps: f.name for f in own}
        edges.update({f.end_ps: f.name for f in own if f.end_ps is not None})
        for at_ps in sorted(edges):
            active = [
                f for f in own if f.start_ps <= at_ps and (f.end_ps is None or at_ps < f.end_ps)
            ]
            yield (target, at_ps, edges[at_ps]), active


def in_order(updates: Iterable[Update]) -> list[Update]:
    """By time; at equal times physics, then detection, then what the design makes of it."""
    rank = {kind: i for i, kind in enumerate(_ORDER)}
    return sorted(updates, key=lambda u: (u.at_ps, rank.get(type(u), len(_ORDER))))
