# SPDX-License-Identifier: Apache-2.0
"""The scenarios whose figures must agree, run on both backends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from emu.lab.run import LabOptions, run_lab_experiment
from emu.sim import run_experiment
from emu.spec import load_experiment

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """One experiment file and who forwards in the lab."""

    name: str
    control: dict[str, str]
    """Design key to the control of the lab."""


SCENARIOS = (
    Scenario("one-flow", {"l3": "static"}),
    Scenario("two-into-one", {"l3": "static"}),
    Scenario("incast-4", {"l3": "static"}),
    Scenario("incast-8", {"l3": "static"}),
    Scenario("collision", {"l3": "static"}),
    Scenario("kv-replay", {"l3": "static"}),
    Scenario("designs", {"l3": "frr", "evpn/l2vni": "frr"}),
    Scenario("stretched-rstp", {"stretched-l2/rstp": "ovs"}),
    Scenario("link-failure", {"l3": "static"}),
)


def run_scenarios(
    folder: Path, out: Path, options: LabOptions, *, only: set[str] | None = None, tell: Tell
) -> list[tuple[str, Path, Path]]:
    """Run the scenarios of ``folder`` on both backends; what is whole already stays.

    Returns
    -------
    list of (str, Path, Path)
        Scenario, folder of the simulator's runs, folder of the lab's.
    """
    done = []
    for scenario in SCENARIOS:
        if only and scenario.name not in only:
            continue
        spec = load_experiment(folder / f"{scenario.name}.yaml")
        sim, lab = out / scenario.name / "sim", out / scenario.name / "lab"
        tell(f"{scenario.name}: simulator")
        run_experiment(spec, sim, jobs=1, resume=True)
        tell(f"{scenario.name}: lab")
        chosen = replace(options, controls=scenario.control)
        run_lab_experiment(spec, lab, chosen, resume=True, tell=tell)
        done.append((scenario.name, sim, lab))
    return done
