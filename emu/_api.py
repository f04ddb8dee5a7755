# SPDX-License-Identifier: Apache-2.0
"""The three verbs of the Python API; each imports what it needs when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.spec import ExperimentSpec
    from emu.telemetry import Run

__all__ = ["available_cores", "load", "report", "run"]


def available_cores() -> int:
    """Number of cores that this process may use, which in a container is less than exist."""
    return len(os.sched_getaffinity(0))


def load(path: str | Path) -> ExperimentSpec:
    """Read and check an experiment file.

    Parameters
    ----------
    path : str or Path
        A YAML file with `kind: experiment`.

    Returns
    -------
    ExperimentSpec
        Frozen; `variants()` lists what it would run.

    Raises
    ------
    emu.errors.SpecError
        With every fault of the file: line, column, field and what is allowed.
    """
    from emu.spec import load_experiment

    return load_experiment(Path(path))


def run(
    experiment: ExperimentSpec | str | Path,
    out: str | Path,
    *,
    jobs: int | None = None,
    threads: int | None = None,
    resume: bool = False,
) -> list[Run]:
    """Run every variant of an experiment with every seed.

    Parameters
    ----------
    experiment : ExperimentSpec, str or Path
        What `load` returned, or a path for it.
    out : str or Path
        Folder for the run directories, one per variant and seed.
    jobs : int, optional
        Processes to use; by default the cores this process may use.
    threads : int, optional
        Threads of each run; by default those that help: in large fabrics the cores that the
        processes leave over, otherwise one. No result depends on it.
    resume : bool
        Keep runs that are whole and do the rest. The result is the same, byte for byte,
        as that of an uninterrupted run.

    Returns
    -------
    list of Run
        In the order of variants, then seeds.

    Raises
    ------
    emu.errors.RunError
        If a run fails or `out` cannot be used.
    """
    from emu.sim import run_experiment
    from emu.telemetry import Run

    spec = load(experiment) if isinstance(experiment, str | Path) else experiment
    with _main_module_hidden():
        cores = available_cores()
        directories = run_experiment(
            spec, Path(out), jobs=jobs or cores, resume=resume, threads=threads, cores=cores
        )
    return [Run(directory) for directory in directories]


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep worker processes from importing the caller's script.

    They need nothing of it, and a script without `if __name__ == "__main__":` would begin anew
    in each of them.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, object] = {
        name: main.__dict__[name] for name in ("__file__", "__spec__") if name in vars(main)
    }
    main.__dict__.pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


def report(runs: Iterable[Run | str | Path], out: str | Path) -> Path:
    """Compare runs and write `index.html`, `report.md`, tables and figures.

    Parameters
    ----------
    runs : iterable of Run, str or Path
        Runs of one experiment, or folders that hold them.
    out : str or Path
        Folder for the report; made if need be.

    Returns
    -------
    Path
        The report's `index.html`.
    """
    from emu.report import build
    from emu.telemetry import Run

    folders = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    return build(folders, Path(out))
