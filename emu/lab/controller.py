# SPDX-License-Identifier: Apache-2.0
"""Starts an app of ``controllers/`` under os-ken or Ryu and talks to its REST view."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import emu
from emu.errors import InputError, RunError
from emu.lab.launch import Launcher, log_tail, run
from emu.lab.namespaces import enter

Runtime = Literal["os-ken", "ryu"]
REPOSITORY = Path(emu.__file__).resolve().parent.parent
RYU_VENV_VARIABLE = "EMU_RYU_VENV"

OPENFLOW_PORT = 6653
REST_PORT = 8080

_GET = (
    "import sys, urllib.request as r; "
    "sys.stdout.write(r.urlopen(sys.argv[1], timeout=10).read().decode())"
)


def controllers_folder() -> Path:
    """Where the apps are: beside the package, in a source tree."""
    folder = REPOSITORY / "controllers"
    if not (folder / "run.py").is_file():
        raise InputError(
            f"there is no {folder}: controllers come with emu's source tree",
            hint="run emu from a checkout (make setup)",
        )
    return folder


def runtime_python(runtime: Runtime) -> Path:
    """The Python that has the runtime: ours for os-ken, a venv of its own for Ryu."""
    if runtime == "os-ken":
        return Path(sys.executable)
    folder = Path(os.environ.get(RYU_VENV_VARIABLE) or REPOSITORY / ".venv-ryu")
    python = folder / "bin" / "python"
    if not python.exists():
        raise RunError(
            f"Ryu is not installed in {folder}", hint="make ryu, or use --controller-runtime os-ken"
        )
    return python


@dataclass
class Controller:
    """One controller process."""

    app: str
    runtime: Runtime
    namespace: str
    """Name on the machine."""
    address: str = "127.0.0.1"
    switch: str = ""
    """The switch that it is for, where each has its own."""

    @property
    def target(self) -> str:
        """What a bridge's set-controller takes."""
        return f"tcp:{self.address}:{OPENFLOW_PORT}"

    @property
    def role(self) -> str:
        """Name of the process in the state file and of its log."""
        return f"controller-{self.app}" + (f"-{self.switch}" if self.switch else "")

    def start(self, launcher: Launcher, options: list[str]) -> None:
        """Start the app; its switches connect when they find it listening."""
        command = [str(runtime_python(self.runtime)), str(controllers_folder() / "run.py")]
        command += [self.app, "--runtime", self.runtime, "--listen", self.address]
        command += ["--port", str(OPENFLOW_PORT), "--rest-port", str(REST_PORT), *options]
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "EMU_SITE_PACKAGES": sysconfig.get_path("purelib"),
        }
        launcher.daemon(self.role, enter(self.namespace, command), env=environment)

    def get(self, path: str) -> Any:
        """One document of the REST view."""
        url = f"http://{self.address}:{REST_PORT}{path}"
        return json.loads(run(enter(self.namespace, [sys.executable, "-S", "-c", _GET, url])))

    def wait(self, launcher: Launcher, path: str, what: str, met: Any, patience_s: float) -> Any:
        """Poll a document until ``met(document)``; RunError with the log's end otherwise."""
        deadline = time.monotonic() + patience_s
        document = None
        while True:
            try:
                document = self.get(path)
                if met(document):
                    return document
            except RunError:
                pass
            if time.monotonic() > deadline:
                log = launcher.paths.logs / f"{self.role}.log"
                raise RunError(
                    f"the controller did not {what} within {patience_s:g} s; it has {document}; "
                    f"{log_tail(log)}"
                )
            time.sleep(0.2)
