# SPDX-License-Identifier: Apache-2.0
"""Who notices a fault and when forwarding has changed, against times by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from emu.fabric.designs import DESIGNS
from emu.fabric.faults import resolve_faults
from emu.fabric.response import Response, responses
from emu.fabric.wrong_routes import add_wrong_routes
from emu.spec.design import DesignSpec
from emu.spec.fault import FaultSpec
from emu.spec.timers import TimersSpec

from .conftest import MakeClos

ANY_FAULT: TypeAdapter[FaultSpec] = TypeAdapter(FaultSpec)
MS = 10**9
DOWN = {"kind": "link-down", "link": "leaf0-spine0", "at": "20ms"}


def answer(make_clos: MakeClos, design: str, *faults: dict[str, Any]) -> list[Response]:
    fabric = make_clos(homing="dual", peer_links=1)
    found = resolve_faults(fabric, [ANY_FAULT.validate_python(fault) for fault in faults])
    spec = DesignSpec.model_validate(design)
    plan = DESIGNS[spec.name](fabric, spec, TimersSpec(), found, 1)
    return responses(fabric, add_wrong_routes(fabric, plan, found), found)


def test_a_dead_uplink_is_repaired_here_and_then_everywhere(make_clos: MakeClos) -> None:
    (found,) = answer(make_clos, "l3", DOWN)
    assert found.name == "link-down-0"
    assert found.start_ps == 20 * MS
    # Loss of signal 1 ms, shrinking the group 10 ms, one hop of BGP 50 ms.
    assert found.detected_ps == 21 * MS
    assert found.repaired_ps == 31 * MS
    assert found.converged_ps == 81 * MS
    assert (found.end_ps, found.restored_ps) == (None, None)


def test_what_comes_back_is_restored_after_the_end(make_clos: MakeClos) -> None:
    (found,) = answer(make_clos, "l3", {**DOWN, "for": "200ms"})
    assert found.converged_ps == 81 * MS
    assert found.end_ps == 220 * MS
    # Noticed 1 ms later, used again after 1 s, one hop of BGP.
    assert found.restored_ps == (220 + 1 + 1000 + 50) * MS


def test_two_faults_are_told_apart(make_clos: MakeClos) -> None:
    later = {"kind": "link-down", "link": "leaf3-spine1", "at": "400ms"}
    first, second = answer(make_clos, "l3", DOWN, later)
    assert first.converged_ps == 81 * MS
    assert second.detected_ps == 401 * MS


def test_a_dead_switch_does_not_notice_itself(make_clos: MakeClos) -> None:
    (found,) = answer(make_clos, "l3", {"kind": "switch-down", "switch": "spine0", "at": "20ms"})
    assert found.detected_ps == 21 * MS


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "black-hole", "switch": "spine0", "at": "20ms"},
        {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.1, "at": "20ms"},
        {"kind": "ecn-off", "switch": "leaf0", "at": "20ms"},
        {"kind": "wrong-route", "switch": "leaf0", "to": ["h4"], "via": "spine0", "at": "20ms"},
        {"kind": "nic-storm", "host": "h1", "at": "20ms"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_nobody_notices_what_leaves_the_light_on(
    make_clos: MakeClos, fault: dict[str, Any]
) -> None:
    (found,) = answer(make_clos, "l3", fault)
    assert (found.detected_ps, found.repaired_ps, found.converged_ps) == (None, None, None)
