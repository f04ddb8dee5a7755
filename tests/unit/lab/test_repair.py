# SPDX-License-Identifier: Apache-2.0
"""What the lab's control planes needed becomes the simulator's timers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from emu.lab import repair
from emu.lab.repair import TIMERS, repairs, with_repairs
from emu.spec import Variant, load_experiment
from emu.spec.timers import TimersSpec

US = 1_000_000
EXPERIMENT = Path(__file__).resolve().parents[3] / "experiments" / "lab-report.yaml"


def run_that_lost(**last_us: float) -> Any:
    """A run whose link leaf3-spine0 died at 950 us and whose switches lost packets until then."""
    events = pd.DataFrame([{"t_ps": 950 * US, "kind": "link-state", "phase": "start",
                            "port": "leaf3-spine0"}])  # fmt: skip
    link = {"name": "leaf3-spine0", "a_node": "leaf3", "a_tier": "leaf", "b_node": "spine0",
            "b_tier": "spine"}  # fmt: skip
    last = {name: round(at * US) for name, at in last_us.items()}
    meta = {"lab": {"swallowed_last_ps": last, "late": False}}
    return SimpleNamespace(events=events, links=pd.DataFrame([link]), meta=meta)


def failing(label: str) -> Variant:
    """The variant of that design with the failure."""
    return next(
        v for v in load_experiment(EXPERIMENT).variants()
        if v.design.label == label and v.spec.faults
    )  # fmt: skip


def test_a_repair_lasts_until_the_last_packet_that_a_switch_lost() -> None:
    runs = [run_that_lost(leaf3=952.5, spine0=963), run_that_lost(leaf3=953.5, leaf0=900)]
    assert repairs(runs) == {"near": 3 * US, "far": 13 * US, "any": 8_250_000}
    assert repairs([run_that_lost()]) == {}


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("l3 frr", {"bgp_local_repair": 3 * US, "bgp_remote_withdraw_per_hop": 13 * US}),
        ("stretched-l2 rstp ovs", {"rstp_local": 13 * US}),
        ("stretched-l2 mlag controller", {"lacp_member": 13 * US, "mlag_failover": 13 * US}),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 8000.0])
def test_the_simulator_repairs_when_the_lab_did(
    label: str, wanted: dict[str, int], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run_that_lost(leaf3=953, spine0=963)]
    monkeypatch.setattr(repair, "_runs", lambda *_: runs)
    before = failing(label)
    after = with_repairs(before, Path("lab"), [1], scale)
    assert after.id == before.id
    changed = {
        name: value
        for name, value in after.spec.timers.model_dump().items()
        if value != before.spec.timers.model_dump()[name]
    }
    assert set(changed) == {"loss_of_signal", *wanted}
    assert after.spec.timers.loss_of_signal == 0
    for name, value in wanted.items():
        assert getattr(after.spec.timers, name) == value * scale


def test_without_a_failure_nothing_changes() -> None:
    (plain, *_) = load_experiment(EXPERIMENT).variants()
    assert with_repairs(plain, Path("lab"), [1]) is plain


def test_every_design_of_the_report_has_its_timers() -> None:
    designs = {design.key for design in load_experiment(EXPERIMENT).designs}
    assert designs <= set(TIMERS)
    names = {name for timers in TIMERS.values() for name, _ in timers}
    assert names <= set(TimersSpec.names())
