# SPDX-License-Identifier: Apache-2.0
"""How a design answers each fault: who notices when, and when its switches forward anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emu.fabric.faults import ResolvedFault
from emu.fabric.forwarding import (
    FlushMacs,
    ForwardingPlan,
    PortDetected,
    SetEndpointGroup,
    SetFib,
    SetFlood,
    SetFloodTunnels,
    SetGroup,
    SetPortGroup,
    SetTunnel,
    Update,
)
from emu.fabric.graph import Fabric

__all__ = ["Response", "is_about", "responses"]

_FORWARDING = (
    SetGroup,
    SetFib,
    SetTunnel,
    SetPortGroup,
    SetFlood,
    SetFloodTunnels,
    FlushMacs,
    SetEndpointGroup,
)


@dataclass(frozen=True)
class Response:
    """One fault and the moments of its repair, in fabric picoseconds; None: it never comes.

    Attributes
    ----------
    detected_ps
        The first node next to the fault notices.
    repaired_ps
        The first node forwards differently because of it.
    converged_ps
        The last one does, of all changes before the fault ends.
    restored_ps
        The last change after the fault has ended.
    """

    name: str
    kind: str
    start_ps: int
    end_ps: int | None
    detected_ps: int | None
    repaired_ps: int | None
    converged_ps: int | None
    restored_ps: int | None


def responses(
    fabric: Fabric, plan: ForwardingPlan, faults: Sequence[ResolvedFault]
) -> list[Response]:
    """The plan's answer to each fault, in the order given."""
    return [_response(fabric, plan, fault) for fault in faults]


def _response(fabric: Fabric, plan: ForwardingPlan, fault: ResolvedFault) -> Response:
    own = [update for update in plan.timeline if is_about(update, fault.name)]
    noticed = [
        update.at_ps
        for update in own
        if isinstance(update, PortDetected) and not update.up and not _dies(fabric, update, fault)
    ]
    detected = min(noticed, default=None)
    # What the fault itself changes, such as a wrong route, is no repair of it.
    changes = [
        update.at_ps
        for update in own
        if isinstance(update, _FORWARDING) and detected is not None and update.at_ps >= detected
    ]
    before = [at for at in changes if fault.end_ps is None or at < fault.end_ps]
    after = [at for at in changes if fault.end_ps is not None and at >= fault.end_ps]
    return Response(
        fault.name,
        fault.kind,
        fault.start_ps,
        fault.end_ps,
        detected,
        min(before, default=None),
        max(before, default=None),
        max(after, default=None),
    )


def is_about(update: Update, fault: str) -> bool:
    """Whether an update happens because of the fault of that name.

    Reasons name the fault last: ``bgp withdraw: link-down-0``.
    """
    return update.reason == fault or update.reason.endswith((f": {fault}", f" {fault}"))


def _dies(fabric: Fabric, update: PortDetected, fault: ResolvedFault) -> bool:
    """A switch that dies notices nothing: its ports are said to be down with it."""
    return fault.kind == "switch-down" and fabric.ports[update.port].node == fault.switch
