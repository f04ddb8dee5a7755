# SPDX-License-Identifier: Apache-2.0
"""Labs for tests: real namespaces, switches and routers, under a name of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

REQUIRED = os.environ.get("EMU_LAB_REQUIRED") == "1"
"""CI says so: there a skipped lab test is a failed one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is a lab test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI promised everything, what is skipped has failed."""
    report = yield
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and EMU_LAB_REQUIRED is set: {report.longrepr}"
    return report


def lacking() -> str:
    """What this machine lacks for a lab, or nothing."""
    from emu.errors import RunError
    from emu.lab.requirements import check_machine

    try:
        check_machine()
    except RunError as error:
        return str(error).splitlines()[0]
    return ""


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """Skips, by name, where something is missing; fails where CI promised it."""
    missing = lacking()
    if missing and REQUIRED:
        pytest.fail(f"{missing}, and EMU_LAB_REQUIRED is set")
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="session", autouse=True)
def lab_name() -> Iterator[str]:
    """A name that no other lab on this machine has; whatever is left under it goes at the end."""
    from emu.lab.cleanup import clean
    from emu.lab.journal import lab_paths

    name = f"t{os.getpid()}"
    os.environ["EMU_LAB"] = name
    yield name
    clean(lab_paths(name))
    lab_paths(name).lock.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def start_lab(repository: Path) -> Iterator[Callable[..., Any]]:
    """Builds the 2-leaf, 2-spine, 4-host lab in some variant; it goes down with the module,
    or when the module builds the next one."""
    from emu.lab.cleanup import clean
    from emu.lab.journal import lab_paths
    from emu.lab.lab import Lab
    from emu.spec import load_topology

    labs: list[Lab] = []

    def end() -> None:
        while labs:
            labs.pop().leave()
        clean(lab_paths())

    def start(design: str, control: str | None = None, **more: Any) -> Lab:
        end()
        topology = load_topology(repository / "topologies" / "lab-2x2x4.yaml")
        lab = Lab.up(topology, design, control, **more)
        labs.append(lab)
        return lab

    yield start
    end()
