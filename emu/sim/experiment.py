# SPDX-License-Identifier: Apache-2.0
"""Runs all variants and seeds of an experiment on several processes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import emu
from emu.errors import RunError
from emu.sim.check import check_experiment
from emu.sim.code import code_sha256
from emu.sim.threads import share_of_cores
from emu.spec import ExperimentSpec, Variant
from emu.telemetry import (
    EXPERIMENT_FILE,
    RunStatus,
    canonical_json,
    read_status,
    remove_dead_partials,
)


@dataclass(frozen=True)
class RunProgress:
    """How far one run is, and how many of all are done.

    ``state``: "running", "done", or "kept" (found whole by --resume).
    """

    variant: str
    seed: int
    state: Literal["running", "done", "kept"]
    fabric_ps: int
    packets: int
    fraction: float
    runs_done: int
    runs_total: int


@dataclass(frozen=True)
class Task:
    variant: Variant
    seed: int
    directory: Path
    fingerprint: str
    stream: Path | None = None
    threads: int | None = 1
    share: int = 1


class Update(NamedTuple):
    """What a run says of itself."""

    variant: str
    seed: int
    fabric_ps: int
    packets: int
    fraction: float


OnProgress = Callable[[RunProgress], None]
Change = Callable[[Variant], Variant | None]


def run_experiment(
    spec: ExperimentSpec,
    out: Path,
    *,
    jobs: int = 1,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    change: Change | None = None,
    stream: Path | None = None,
    threads: int | None = 1,
    cores: int = 1,
) -> list[Path]:
    """Run every variant with every seed; one directory ``out/<variant>/seed-<n>`` each.

    Parameters
    ----------
    spec : ExperimentSpec
        A checked experiment.
    out : Path
        Folder for the runs.
    jobs : int
        Processes.
    resume : bool
        Keep runs that are whole and were made from the same inputs; do the rest.
    on_progress : callable, optional
        Receives a RunProgress now and then.
    change : callable, optional
        Gets each variant and returns what to run in its place; None leaves it out.
    stream : Path, optional
        File, FIFO or Unix socket that gets all runs as JSON lines (docs/telemetry.md).
    threads : int, optional
        Threads of each run; None: as many as help, of the cores that runs at the same time
        leave over. No result depends on it.
    cores : int
        Cores that there are for all of this.

    Raises
    ------
    emu.errors.InputError
        If the stream cannot be written.
    emu.errors.RunError
        If the folder is in use, cannot be written, or a worker process died.
    """
    check_experiment(spec)
    make_folder(out)
    tasks = [replace(task, stream=stream) for task in make_tasks(spec, out, change)]
    done = kept_runs(tasks, spec, out, resume)
    announce(tasks, spec, out)
    if stream is not None:
        from emu.telemetry.stream import prepare_stream

        prepare_stream(stream)
    tell = on_progress or (lambda _: None)
    todo = [task for task in tasks if task.directory not in done]
    share = share_of_cores(cores, min(jobs, len(todo)))
    todo = [replace(task, threads=threads, share=share) for task in todo]
    total, finished = len(tasks), 0
    for task in tasks:
        if task.directory in done:
            finished += 1
            packets, fabric_ps = done[task.directory]
            tell(
                RunProgress(
                    task.variant.id, task.seed, "kept", fabric_ps, packets, 1.0, finished, total
                )
            )
    if len(todo) == 1:
        _run_here(todo[0], tell, finished, total)
    elif todo:
        from emu.sim.pool import run_all

        run_all(todo, min(jobs, len(todo)), tell, finished, total)
    return [task.directory for task in tasks]


def make_folder(out: Path) -> None:
    """Learn that a folder cannot be written before hours are spent, not after."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{out}: cannot be made: {error.strerror or error}",
            hint="choose another folder with --out",
        ) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise RunError(f"{out}: cannot be written", hint="choose another folder with --out")


def announce(tasks: list[Task], spec: ExperimentSpec, out: Path) -> None:
    """Say which runs there will be, so that no report takes a part of them for the whole."""
    runs = sorted(task.directory.relative_to(out).as_posix() for task in tasks)
    text = canonical_json({"experiment": spec.name, "runs": runs})
    try:
        (out / EXPERIMENT_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error.strerror or error}") from None


def make_tasks(spec: ExperimentSpec, out: Path, change: Change | None = None) -> list[Task]:
    """Every variant with every seed, and the digest of all that shapes its result."""
    trace = spec.workload.trace
    inputs = hashlib.sha256(emu.__version__.encode())
    for file in [trace.path] if trace.path.is_file() else sorted(trace.path.rglob("*")):
        if file.is_file():
            inputs.update(file.read_bytes())
    tasks = []
    for given in spec.variants():
        variant = given if change is None else change(given)
        if variant is None:
            continue
        digest = inputs.copy()
        digest.update(variant.spec.fingerprint().encode())
        for seed in spec.seeds:
            directory = out / variant.id / f"seed-{seed}"
            tasks.append(Task(variant, seed, directory, digest.hexdigest()))
    return tasks


def kept_runs(
    tasks: list[Task], spec: ExperimentSpec, out: Path, resume: bool
) -> dict[Path, tuple[int, int]]:
    """Whole runs of the same inputs, with their packets and fabric time.

    Runs that this experiment made from other inputs or by other code are removed, so
    that no report mixes them in; runs of another experiment are never touched.
    """
    found = sorted(path.parent for path in out.glob("*/seed-*/run.json"))
    if found and not resume:
        raise RunError(
            f"{out}: holds {len(found)} runs already",
            hint="add --resume to keep those that fit, or choose another folder with --out",
        )
    wanted = {task.directory: task for task in tasks}
    kept: dict[Path, tuple[int, int]] = {}
    for directory in found:
        meta = _read_json(directory / "run.json")
        if meta.get("experiment", spec.name) != spec.name:
            raise RunError(
                f"{out}: holds runs of the experiment {meta['experiment']!r}",
                hint="choose another folder with --out",
            )
        task = wanted.get(directory)
        whole = read_status(directory) is RunStatus.COMPLETE
        same_code = _read_json(directory / "timing.json").get("code_sha256") == code_sha256()
        same_inputs = task is not None and meta.get("spec_sha256") == task.fingerprint
        if whole and same_code and same_inputs:
            kept[directory] = (int(meta["packets"]), int(meta["fabric_ps"]))
        else:
            shutil.rmtree(directory, ignore_errors=True)
            if not any(directory.parent.iterdir()):
                directory.parent.rmdir()
    return kept


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def run_command(spec: ExperimentSpec) -> str:
    return f"emu run experiments/{spec.name}.yaml"


def _run_here(task: Task, tell: OnProgress, finished: int, total: int) -> None:
    """One run needs no process of its own, which would import everything once more."""

    def running(update: Update) -> None:
        tell(progress_of("running", update, finished, total))

    try:
        last = work(task, running)
    finally:
        remove_dead_partials(task.directory)
    tell(progress_of("done", last, finished + 1, total))


def progress_of(
    state: Literal["running", "done"], update: Update, finished: int, total: int
) -> RunProgress:
    fraction = 1.0 if state == "done" else update.fraction
    return RunProgress(
        update.variant, update.seed, state, update.fabric_ps, update.packets, fraction,
        finished, total,
    )  # fmt: skip


def work(task: Task, tell: Callable[[Update], None]) -> Update:
    from emu.sim.run import run_variant

    last = Update(task.variant.id, task.seed, 0, 0, 0.0)

    def report(fabric_ps: int, packets: int, fraction: float) -> None:
        nonlocal last
        last = Update(task.variant.id, task.seed, fabric_ps, packets, fraction)
        tell(last)

    run_variant(
        task.variant,
        task.seed,
        task.directory,
        report=report,
        command=run_command(task.variant.spec),
        fingerprint=task.fingerprint,
        stream=task.stream,
        threads=task.threads,
        share=task.share,
    )
    return last
