# SPDX-License-Identifier: Apache-2.0
"""`emu doctor`: what this machine can run, what is missing, how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from emu._api import available_cores
from emu.cli.console import EXIT_FAILED, note, print_json, print_table


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    what: str
    state: str
    needed_for: str
    ok: bool
    required: bool
    hint: str


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(epilog="Example: emu doctor --json")(doctor)


def _tool(name: str, needed_for: str, package: str, *, required: bool = False) -> Finding:
    path = shutil.which(name)
    hint = "" if path else f"sudo apt-get install {package}"
    return Finding(name, path or "missing", needed_for, path is not None, required, hint)


def _engine() -> Finding:
    found = importlib.util.find_spec("emu.core._core") is not None
    return Finding(
        "engine",
        "built" if found else "not built",
        "emu run, emu bench",
        found,
        True,
        "" if found else "make build",
    )


def _memory() -> Finding:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ok = gib >= 4
    hint = "" if ok else "use fewer --jobs, or a smaller topology"
    return Finding("memory", f"{gib:.1f} GiB", "8192-port fabrics (4 GiB)", ok, False, hint)


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    ok = free >= 2
    return Finding(
        "disk", f"{free:.1f} GB free", "runs and reports (2 GB)", ok, False, "" if ok else "df -h ."
    )


def _lab() -> list[Finding]:
    from emu.lab.requirements import EXTRA_TOOLS, TOOLS, find_tool, missing_modules

    findings = []
    root = os.geteuid() == 0
    hint = "" if root else "run emu lab with sudo"
    findings.append(Finding("root", "yes" if root else "no", "emu lab", root, False, hint))
    for tool in (*TOOLS, *EXTRA_TOOLS):
        path = find_tool(tool)
        hint = "" if path else f"sudo apt-get install {tool.package}"
        needed = f"emu lab: {tool.needed_for}"
        name = tool.program.rpartition("/")[2]
        findings.append(Finding(name, path or "missing", needed, path is not None, False, hint))
    missing = missing_modules()
    state, hint = "installed", ""
    if missing:
        state, hint = "missing: " + ", ".join(missing), f"pip install {' '.join(missing)}"
    findings.append(Finding("lab packages", state, "emu lab", not missing, False, hint))
    return findings


def _findings() -> list[Finding]:
    return [
        Finding("python", platform.python_version(), "everything", True, True, ""),
        _engine(),
        Finding("cores", str(available_cores()), "emu run --jobs", True, False, ""),
        _memory(),
        _disk(),
        _tool(os.environ.get("CXX", "g++"), "make build", "g++"),
        _tool("make", "make report, make test", "make"),
        _tool("git", "working on emu", "git"),
        _tool("chromium", "the browser tests", "chromium"),
        _tool("chromedriver", "the browser tests", "chromium-driver"),
        _tool("tshark", "the tests of emu pcap", "tshark"),
        *_lab(),
    ]


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine can run, what is missing, and the command that installs it."""
    findings = _findings()
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            ["what", "state", "needed for"],
            [[f.what, f.state, f.needed_for] for f in findings],
        )
        for finding in findings:
            if finding.hint:
                note(f"hint: {finding.what}: {finding.hint}")
    if any(f.required and not f.ok for f in findings):
        sys.exit(EXIT_FAILED)
