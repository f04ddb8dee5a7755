# SPDX-License-Identifier: Apache-2.0
"""Runs an experiment on the lab: one lab per variant, its seeds one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from emu.errors import InputError, RunError
from emu.lab.lab import Lab
from emu.lab.lateness import verdict
from emu.lab.launch import run
from emu.lab.static_flows import StaticRules
from emu.lab.traffic import DILATION_DEFAULT, HOLD_DEFAULT_MS, TrafficOptions, ask, socket_path
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
from emu.spec import ExperimentSpec, Variant

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LabOptions:
    """What an experiment file does not say because the simulator has no use for it."""

    dilation: float = DILATION_DEFAULT
    hold_ms: float = HOLD_DEFAULT_MS
    control: str | None = None
    """Who forwards: ``controller``, ``frr``, ``static``, ...; the design's first if None."""
    controls: Mapping[str, str] = field(default_factory=dict)
    """The same for single designs, by their key."""
    runtime: str = "os-ken"


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
    _check_stop(spec)
    make_folder(out)
    tasks = make_tasks(spec, out)
    kept = kept_runs(tasks, spec, out, resume)
    announce(tasks, spec, out)
    todo = [task for task in tasks if task.directory not in kept]
    done = len(kept)
    progress = on_progress or (lambda _: None)
    for _, group in groupby(todo, key=lambda task: task.variant.id):
        some = list(group)
        with _lab(some[0].variant, options, tell) as lab:
            _run_seeds(lab, some, done, len(tasks), progress, tell)
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
    _check_stop(spec)
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


def _check_stop(spec: ExperimentSpec) -> None:
    if spec.stop.transfers is not None:
        raise InputError(
            "stop.transfers: the lab ends with the last message", hint="use stop.at or stop.drain"
        )


def _run_seeds(
    lab: Lab, tasks: Sequence[Task], done: int, total: int, progress: OnProgress, tell: Tell
) -> None:
    for task in tasks:
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
    traffic = TrafficOptions(variant, options.dilation, options.hold_ms)
    return Lab.up(
        variant.spec.topology,
        variant.design.key,
        options.controls.get(variant.design.key, options.control),
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
    }
    if lab.variant.routed_hosts:
        request["next_hop"] = gateway_macs(lab)
    if lab.variant.control == "static":
        folder = lab.switches[0].folder
        StaticRules(make_scenario(task.variant, task.seed), lab.plan, folder).install()
        request["static"] = str(folder)
    return ask(socket_path(lab), request)


def gateway_macs(lab: Lab) -> list[str]:
    """By endpoint: the MAC address at which its host found its gateway.

    Raises
    ------
    emu.errors.RunError
        When a host has not found it.
    """
    out = []
    for address in lab.plan.addresses:
        port = lab.plan.ports[address.port]
        namespace = lab.paths.namespace(port.namespace)
        show = ["ip", "-n", namespace, "-j", "neigh", "show", address.gateway, "dev"]
        found = json.loads(run([*show, port.interface]) or "[]")
        macs = [entry["lladdr"] for entry in found if "lladdr" in entry]
        if not macs:
            raise RunError(f"{port.node} has not found its gateway {address.gateway}")
        out.append(macs[0])
    return out
