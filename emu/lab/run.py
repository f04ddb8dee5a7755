# SPDX-License-Identifier: Apache-2.0
"""Runs an experiment on the lab: one lab per variant, its seeds one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from emu.errors import RunError
from emu.lab.designs import find_variant, l3_adaptive
from emu.lab.dilation import GIVEN, choose_dilation
from emu.lab.lab import Lab
from emu.lab.lateness import verdict
from emu.lab.limits import check_variant, control_of, steered
from emu.lab.static_flows import StaticRules
from emu.lab.status import gateway_macs, watched
from emu.lab.traffic import HOLD_DEFAULT_MS, TrafficOptions, ask, socket_path
from emu.lab.whole import wait_until_whole
from emu.sim.check import check_experiment
from emu.sim.experiment import (
    OnProgress,
    RunProgress,
    Task,
    announce,
    kept_runs,
    make_folder,
    make_tasks,
    run_command,
)
from emu.sim.scenario import make_scenario
from emu.spec import ExperimentSpec, TopologySpec, Variant
from emu.spec.design import DesignSpec
from emu.telemetry import Run

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LabOptions:
    """What an experiment file does not say because the simulator has no use for it."""

    dilation: float | None = None
    """Wall time per fabric time; None: what this machine was measured to need."""
    hold_ms: float = HOLD_DEFAULT_MS
    control: str | None = None
    """Who forwards: ``controller``, ``frr``, ``static``, ...; if None, what the experiment says
    of the design, else the design's first."""
    controls: Mapping[str, str] = field(default_factory=dict)
    """The same for single designs, by their key."""
    runtime: str = "os-ken"
    dilation_origin: str = GIVEN

    def control_of(self, design: DesignSpec) -> str | None:
        """Who forwards for a design."""
        return self.controls.get(design.key, self.control or design.control)


def run_lab_experiment(
    spec: ExperimentSpec,
    out: Path,
    options: LabOptions,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    tell: Tell = lambda _: None,
) -> list[Path]:
    """Run every variant with every seed; one directory ``out/<variant>/seed-<n>`` each.

    Parameters are those of ``emu.sim.run_experiment``; ``tell`` gets a line about each step.

    Raises
    ------
    emu.errors.RunError
        When the machine lacks something, another lab is up, or the folder cannot be used.
    """
    check_experiment(spec)
    for variant in spec.variants():
        check_variant(variant, options.control_of(variant.design))
    make_folder(out)
    tasks = make_tasks(spec, out)
    kept = _fitting(kept_runs(tasks, spec, out, resume), tasks, options)
    announce(tasks, spec, out)
    todo = [task for task in tasks if task.directory not in kept]
    done = len(kept)
    if todo:
        options = _with_dilation(options, spec.topology, kept, tell)
    progress = on_progress or (lambda _: None)
    for _, group in groupby(todo, key=lambda task: task.variant.id):
        some = list(group)
        with _lab(some[0].variant, options, tell) as lab:
            _run_seeds(lab, some, done, len(tasks), progress, tell, whole=True)
            done += len(some)
    return [task.directory for task in tasks]


def run_standing(
    lab: Lab,
    out: Path,
    seeds: Sequence[int] = (),
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    tell: Tell = lambda _: None,
) -> list[Path]:
    """Replay the traffic of the variant that a lab stands with; the lab stays up.

    Parameters
    ----------
    lab : Lab
        One that is up, as ``stand`` builds it.
    out : Path
        Folder for the run directories.
    seeds : sequence of int
        Instead of the experiment's.

    Raises
    ------
    emu.errors.RunError
        When the lab has no traffic manager, or the folder cannot be used.
    """
    if lab.traffic is None:
        raise RunError(
            "this lab stands without the traffic manager, which makes the traffic",
            hint="emu lab down, then emu lab up EXPERIMENT.yaml",
        )
    variant = lab.traffic.variant
    spec = variant.spec.model_copy(update={"seeds": tuple(seeds) or variant.spec.seeds})
    make_folder(out)
    tasks = [
        replace(task, variant=variant, directory=out / variant.id / f"seed-{task.seed}")
        for task in make_tasks(spec, out)
    ]
    kept = kept_runs(tasks, spec, out, resume)
    announce(tasks, spec, out)
    todo = [task for task in tasks if task.directory not in kept]
    _run_seeds(lab, todo, len(kept), len(tasks), on_progress or (lambda _: None), tell)
    return [task.directory for task in tasks]


def _fitting(
    kept: Mapping[Path, tuple[int, int]], tasks: Sequence[Task], options: LabOptions
) -> dict[Path, tuple[int, int]]:
    """Those of the kept runs that were on time and made as the options say."""
    fitting = dict(kept)
    for task in tasks:
        if task.directory not in kept:
            continue
        lab = Run(task.directory).meta.get("lab", {})
        design = task.variant.design
        given = control_of(task.variant, options.control_of(design))
        control = find_variant(design.key, given).control
        other = options.dilation is not None and lab.get("dilation") != options.dilation
        if lab.get("late", True) or other or lab.get("control") != control:
            del fitting[task.directory]
    return fitting


def _with_dilation(
    options: LabOptions, topology: TopologySpec, kept: Mapping[Path, Any], tell: Tell
) -> LabOptions:
    """The one given; that of the runs which stay, so that all are alike; or the calibrated."""
    if options.dilation is not None:
        return options
    for directory in kept:
        lab = Run(directory).meta["lab"]
        origin = str(lab["dilation_origin"])
        return replace(options, dilation=float(lab["dilation"]), dilation_origin=origin)
    chosen = choose_dilation(topology, tell)
    tell(f"time dilation {chosen.value:g}, {chosen.origin}")
    return replace(options, dilation=chosen.value, dilation_origin=chosen.origin)


def _run_seeds(
    lab: Lab,
    tasks: Sequence[Task],
    done: int,
    total: int,
    progress: OnProgress,
    tell: Tell,
    *,
    whole: bool = False,
) -> None:
    """One seed after the other; ``whole``: each meets a fabric that no fault has touched."""
    for task in tasks:
        if whole and task is not tasks[0] and task.variant.spec.faults:
            lab.variant.settle(lab)
        if whole:
            wait_until_whole(lab)
        answer = _run_seed(lab, task)
        done += 1
        progress(
            RunProgress(
                task.variant.id, task.seed, "done", answer["fabric_ps"],
                answer["packets"], 1.0, done, total,
            )
        )  # fmt: skip
        tell(f"{task.variant.id}, seed {task.seed}: {verdict(answer['lab'])}")


@contextmanager
def _lab(variant: Variant, options: LabOptions, tell: Tell) -> Iterator[Lab]:
    lab = stand(variant, options, tell)
    try:
        yield lab
    finally:
        lab.down()


def stand(variant: Variant, options: LabOptions, tell: Tell = lambda _: None) -> Lab:
    """The lab of a variant, with its traffic manager in place; see ``Lab.up``."""
    control = options.control_of(variant.design)
    check_variant(variant, control)
    options = _with_dilation(options, variant.spec.topology, {}, tell)
    assert options.dilation is not None
    traffic = TrafficOptions(variant, options.dilation, options.hold_ms, options.dilation_origin)
    more: dict[str, str] = {}
    if steered(variant, control):
        more = l3_adaptive.options_of(variant.spec.routing.controller, traffic.dilation)
    return Lab.up(
        variant.spec.topology,
        variant.design.key,
        control_of(variant, control),
        options=more,
        runtime=options.runtime,  # type: ignore[arg-type]
        wiring="tm",
        traffic=traffic,
        tell=tell,
    )


def _run_seed(lab: Lab, task: Task) -> dict[str, Any]:
    request: dict[str, Any] = {
        "do": "run",
        "seed": task.seed,
        "directory": str(task.directory.resolve()),
        "command": f"{run_command(task.variant.spec)} --backend lab",
        "fingerprint": task.fingerprint,
        "control": lab.variant.control,
        "runs": lab.variant.title,
        "watch": watched(lab),
    }
    if lab.variant.routed_hosts:
        request["next_hop"] = gateway_macs(lab)
    if lab.variant.control == "static":
        folder = lab.switches[0].folder
        StaticRules(make_scenario(task.variant, task.seed), lab.plan, folder).install()
        request["static"] = str(folder)
    return ask(socket_path(lab), request)
