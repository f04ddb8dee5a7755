# SPDX-License-Identifier: Apache-2.0
"""How real switches answered each fault, as their packets show it.

The simulator's runs say when forwarding changes, because a plan says so. Nobody tells when a
real control plane has changed the tables of a real switch; the traffic manager knows which
packets went into a switch and did not come out. So here a switch has repaired when it has
swallowed its last packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emu.fabric import forwarding as fw
from emu.fabric.faults import ResolvedFault, resolve_faults
from emu.fabric.response import Response, is_about, responses
from emu.sim.scenario import Scenario

Swallowed = Sequence[tuple[str, int]]
"""Switch and fabric time, in picoseconds, of packets that a switch did not give back."""


def lab_responses(
    scenario: Scenario,
    applied: Sequence[fw.Update],
    swallowed: Swallowed,
    *,
    injected: bool,
    whole: bool,
) -> list[Response]:
    """The answer to each fault, in the order of the experiment.

    Parameters
    ----------
    scenario : Scenario
        What was run.
    applied : sequence of Update
        What the traffic manager did to links and ports.
    swallowed : sequence of (str, int)
        Packets that no switch gave back.
    injected : bool
        Repairs were made at the times of the plan, which then says everything.
    whole : bool
        Every message arrived in the end. Where one did not, some switch may swallow to this day.

    Notes
    -----
    Detected: the first carrier falls, which both ends of a link see at once; a fault that leaves
    the carriers up is noticed by nobody here. Repaired: the first switch has swallowed its last
    packet; converged: the last one has. No packet was swallowed at all: repaired when detected,
    as far as traffic could tell. Packets count for the last fault that began before them; when a
    mended link is used again they do not show.
    """
    faults = resolve_faults(scenario.fabric, scenario.spec.faults)
    if injected:
        return responses(scenario.fabric, scenario.plan, faults)
    starts = sorted({fault.start_ps for fault in faults})
    return [
        _response(fault, applied, _of_fault(fault, starts, swallowed), whole) for fault in faults
    ]


def last_by_switch(swallowed: Swallowed) -> dict[str, int]:
    """When each switch swallowed its last packet, of those that swallowed any.

    >>> last_by_switch([("leaf0", 3), ("spine0", 9), ("leaf0", 5)])
    {'leaf0': 5, 'spine0': 9}
    """
    last: dict[str, int] = {}
    for switch, at_ps in swallowed:
        last[switch] = max(last.get(switch, 0), at_ps)
    return last


def _of_fault(fault: ResolvedFault, starts: Iterable[int], swallowed: Swallowed) -> Swallowed:
    """Packets from the fault on until another begins, or it ends."""
    later = [start for start in starts if start > fault.start_ps]
    ends = [*later, *([] if fault.end_ps is None else [fault.end_ps])]
    return [
        (switch, at_ps)
        for switch, at_ps in swallowed
        if at_ps >= fault.start_ps and all(at_ps < end for end in ends)
    ]


def _response(
    fault: ResolvedFault, applied: Sequence[fw.Update], lost: Swallowed, whole: bool
) -> Response:
    carriers = [
        update.at_ps
        for update in applied
        if isinstance(update, fw.LinkState) and not update.up and is_about(update, fault.name)
    ]
    detected = min(carriers, default=None)
    repaired = converged = detected
    if detected is not None and lost:
        last = [max(at_ps, detected) for at_ps in last_by_switch(lost).values()]
        repaired, converged = min(last), max(last)
    return Response(
        fault.name,
        fault.kind,
        fault.start_ps,
        fault.end_ps,
        detected,
        repaired,
        converged if whole else None,
        None,
    )
