# SPDX-License-Identifier: Apache-2.0
"""An experiment on both backends: everything that the page which compares them reads.

Each part stays when it is whole, so an interrupted call goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emu.lab.repair import changing, with_repairs
from emu.lab.run import LabOptions, run_lab_experiment
from emu.sim import run_experiment
from emu.spec import ExperimentSpec, Variant
from emu.telemetry import Run

Tell = Callable[[str], None]

SPREAD_SEEDS = 8
"""Seeds of the simulator that show how far hashes alone move a figure."""
AT_RATE_DRAIN_PS = 2_000_000_000_000
"""Long enough for the slowest control plane's wall time."""
AT_RATE_SAMPLE_PS = 100_000_000


@dataclass(frozen=True)
class Folders:
    """Where the runs are."""

    out: Path

    @property
    def lab(self) -> Path:
        return self.out / "lab"

    @property
    def sim(self) -> Path:
        """The simulator with the lab's repair times, in fabric time."""
        return self.out / "sim"

    @property
    def spread(self) -> Path:
        """The same with other seeds."""
        return self.out / "spread"

    @property
    def at_rate(self) -> Path:
        """Failures with the lab's repair times in wall time: a fabric that is not slowed down."""
        return self.out / "at-rate"


def run_both(
    spec: ExperimentSpec, out: Path, options: LabOptions, *, jobs: int, tell: Tell
) -> Folders:
    """Run the lab, then the simulator with the repair times that the lab showed.

    Raises
    ------
    emu.errors.RunError
        When the machine lacks something, or a part cannot be run.
    """
    folders = Folders(out)
    tell("the lab")
    lab = run_lab_experiment(spec, folders.lab, options, resume=True, tell=tell)
    if any(Run(path).meta["lab"]["late"] for path in lab):
        tell("some runs were late: once more")
        lab = run_lab_experiment(spec, folders.lab, options, resume=True, tell=tell)
    dilation = float(Run(lab[0]).meta["lab"]["dilation"])
    tell("the simulator")
    quiet = spec.record.model_copy(update={"captures": ()})
    slow = spec.record.model_copy(update={"captures": (), "sample_interval": AT_RATE_SAMPLE_PS})

    def same(variant: Variant) -> Variant:
        return with_repairs(variant, folders.lab, spec.seeds)

    def spread(variant: Variant) -> Variant:
        return changing(same(variant), record=quiet)

    def at_rate(variant: Variant) -> Variant | None:
        if not variant.spec.faults:
            return None
        timed = with_repairs(variant, folders.lab, spec.seeds, scale=dilation)
        topology = timed.spec.topology.model_copy(update={"nic": spec.topology.nic})
        stop = spec.stop.model_copy(update={"drain": AT_RATE_DRAIN_PS})
        return changing(timed, topology=topology, stop=stop, record=slow)

    run_experiment(spec, folders.sim, jobs=jobs, resume=True, change=same)
    seeds = tuple(range(1, max(SPREAD_SEEDS, *spec.seeds) + 1))
    wide = spec.model_copy(update={"seeds": seeds})
    run_experiment(wide, folders.spread, jobs=jobs, resume=True, change=spread)
    run_experiment(spec, folders.at_rate, jobs=jobs, resume=True, change=at_rate)
    return folders
