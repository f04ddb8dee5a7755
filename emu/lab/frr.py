# SPDX-License-Identifier: Apache-2.0
"""FRR routers, each in the namespace of its switch, with files in the lab's folder."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emu.errors import RunError
from emu.lab.launch import Launcher, log_tail, run
from emu.lab.namespaces import enter

DAEMONS = Path("/usr/lib/frr")
USER = "frr"
"""The daemons give up root for this user, so their folder has to be its own."""


@dataclass
class Router:
    """zebra, bgpd and where wanted bfdd of one switch."""

    name: str
    namespace: str
    """Name on the machine."""
    folder: Path
    bfd: bool = False

    def start(self, launcher: Launcher, zebra: str, bgpd: str) -> None:
        """Write the configurations and start the daemons, zebra first.

        Each daemon stays in the foreground, so that its pid is the one in the state file.
        """
        self.folder.mkdir(parents=True)
        (self.folder / "zebra.conf").write_text(zebra, encoding="utf-8")
        (self.folder / "bgpd.conf").write_text(bgpd, encoding="utf-8")
        (self.folder / "bfdd.conf").write_text("", encoding="utf-8")
        for path in (self.folder, *self.folder.iterdir()):
            shutil.chown(path, USER, USER)
        self._daemon(launcher, "zebra")
        self._wait(launcher, "zebra", self.folder / "zserv.api")
        if self.bfd:
            self._daemon(launcher, "bfdd", [f"--bfdctl={self.folder / 'bfdd.sock'}"])
            self._wait(launcher, "bfdd", self.folder / "bfdd.vty")
        self._daemon(launcher, "bgpd")

    def _daemon(self, launcher: Launcher, daemon: str, more: list[str] | None = None) -> None:
        place = self.folder
        command = [str(DAEMONS / daemon), "-f", str(place / f"{daemon}.conf")]
        command += ["-i", str(place / f"{daemon}.pid"), "-z", str(place / "zserv.api")]
        # -P 0: no telnet port.
        command += ["--vty_socket", str(place), "-P", "0", "-u", USER, "-g", USER]
        command += ["--log", "stdout", *(more or [])]
        launcher.daemon(f"{daemon}-{self.name}", enter(self.namespace, command))

    def _wait(self, launcher: Launcher, daemon: str, path: Path, patience_s: float = 30.0) -> None:
        deadline = time.monotonic() + patience_s
        while not path.exists():
            if time.monotonic() > deadline:
                log = launcher.paths.logs / f"{daemon}-{self.name}.log"
                raise RunError(f"{daemon} of {self.name} does not start: {log_tail(log)}")
            time.sleep(0.02)

    def vtysh(self, *commands: str) -> str:
        """What the router's shell prints."""
        words = ["vtysh", "--vty_socket", str(self.folder)]
        for command in commands:
            words += ["-c", command]
        # Without a file of its own vtysh would read, and complain about, the machine's.
        return run(words, env={**os.environ, "VTYSH_PAGER": "cat"})

    def show(self, command: str) -> Any:
        """A ``show ... json`` command's document."""
        return json.loads(self.vtysh(f"{command} json"))
