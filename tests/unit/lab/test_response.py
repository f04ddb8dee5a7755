# SPDX-License-Identifier: Apache-2.0
"""When real switches had repaired, read off the packets that they did not give back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.fabric.faults import resolve_faults
from emu.fabric.response import responses
from emu.lab.response import Swallowed, lab_responses
from emu.sim.scenario import Scenario, make_scenario
from emu.spec import load_experiment

US = 1_000_000
AT, END = 100 * US, 200 * US
EXPERIMENT = """
kind: experiment
name: failing
topology: {topology}
workload: {{trace: {{file: {trace}, format: flows}}}}
designs: [l3]
faults: [{faults}]
stop: {{drain: 1ms}}
"""
LINK = "{kind: link-down, link: leaf1-spine0, at: 100us, for: 100us}"
LATER = "{kind: link-down, link: leaf0-spine1, at: 150us}"
SILENT = "{kind: link-degraded, link: leaf1-spine0, at: 100us, loss: 0.5}"


Make = Callable[..., Scenario]


@pytest.fixture
def scenario(repository: Path, tmp_path: Path) -> Make:
    """A scenario with these faults."""

    def make(*faults: str) -> Scenario:
        topology = repository / "topologies" / "lab-2x2x4.yaml"
        trace = repository / "tests" / "lab" / "tiny.csv"
        file = tmp_path / "failing.yaml"
        file.write_text(EXPERIMENT.format(topology=topology, trace=trace, faults=", ".join(faults)))
        (variant,) = load_experiment(file).variants()
        return make_scenario(variant, 1)

    return make


def answers(made: Scenario, swallowed: Swallowed, **more: bool) -> list[tuple[int | None, ...]]:
    told = {"injected": False, "whole": True, **more}
    found = lab_responses(made, made.plan.timeline, swallowed, **told)
    return [(r.detected_ps, r.repaired_ps, r.converged_ps, r.restored_ps) for r in found]


def test_a_switch_has_repaired_when_it_has_swallowed_its_last_packet(scenario: Make) -> None:
    lost = [("leaf1", 101 * US), ("spine0", 130 * US), ("leaf1", 104 * US)]
    before_and_after = [("leaf0", 99 * US), ("leaf0", END + 1)]
    assert answers(scenario(LINK), lost + before_and_after) == [(AT, 104 * US, 130 * US, None)]


def test_traffic_that_lost_nothing_saw_the_repair_at_once(scenario: Make) -> None:
    assert answers(scenario(LINK), []) == [(AT, AT, AT, None)]


def test_a_packet_counts_for_the_last_fault_before_it(scenario: Make) -> None:
    lost = [("spine0", 120 * US), ("spine1", 170 * US)]
    assert answers(scenario(LINK, LATER), lost) == [
        (AT, 120 * US, 120 * US, None),
        (150 * US, 170 * US, 170 * US, None),
    ]


def test_messages_that_never_arrive_leave_it_open_when_all_had_converged(
    scenario: Make,
) -> None:
    found = answers(scenario(LINK), [("spine0", 120 * US)], whole=False)
    assert found == [(AT, 120 * US, None, None)]


def test_a_fault_that_keeps_its_carriers_is_noticed_by_nobody(scenario: Make) -> None:
    found = answers(scenario(SILENT), [("spine0", 120 * US)])
    assert found == [(None, None, None, None)]


@pytest.mark.parametrize("fault", [LINK, SILENT])
def test_injected_repairs_are_those_of_the_plan(scenario: Make, fault: str) -> None:
    made = scenario(fault)
    planned = responses(made.fabric, made.plan, resolve_faults(made.fabric, made.spec.faults))
    found = lab_responses(made, [], [], injected=True, whole=True)
    assert found == planned
    assert found[0].start_ps == AT
