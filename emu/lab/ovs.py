# SPDX-License-Identifier: Apache-2.0
"""An Open vSwitch of our own: database, daemon and sockets in the lab's folder.

The machine's service, if there is one, is not touched: two vswitchds share nothing as long as
each has its own database and run directory and, as here, the userspace datapath.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from emu.errors import RunError
from emu.lab.launch import Launcher, log_tail, run
from emu.lab.namespaces import enter

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


@dataclass(frozen=True)
class BridgePort:
    """One port of a bridge."""

    name: str
    ofport: int
    options: tuple[str, ...] = ()
    """More columns of the interface, such as type=vxlan."""


@dataclass(frozen=True)
class Bridge:
    """One switch."""

    name: str
    datapath_id: int
    ports: tuple[BridgePort, ...]
    controller: str = ""
    """Such as tcp:127.0.0.1:6653; without one the bridge learns by itself."""
    rstp_priority: int | None = None
    """Bridge priority, when it speaks RSTP."""
    mac: str = ""


REVALIDATE_MS = 100
"""The least that Open vSwitch 3.1 takes (ovs-vswitchd.conf.db(5), max-revalidator)."""


@dataclass
class OpenVSwitch:
    """One pair of ovsdb-server and ovs-vswitchd, serving the bridges of one namespace."""

    folder: Path
    namespace: str
    """Name on the machine."""
    role: str = "ovs"
    bridges: list[Bridge] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """With these, Open vSwitch's own tools (ovs-ofctl, ovs-appctl) find this instance."""
        place = str(self.folder)
        return {"OVS_RUNDIR": place, "OVS_LOGDIR": place, "OVS_DBDIR": place}

    @property
    def _database(self) -> str:
        return f"unix:{self.folder / 'db.sock'}"

    def start(self, launcher: Launcher) -> None:
        """Start both daemons and wait until the switch answers."""
        self.folder.mkdir(parents=True)
        database = self.folder / "conf.db"
        run(["ovsdb-tool", "create", str(database), str(SCHEMA)])
        environment = {**os.environ, **self.environment}
        server = ["ovsdb-server", str(database), f"--remote=p{self._database}"]
        server += [f"--unixctl={self.folder / 'ovsdb.ctl'}", "-vconsole:warn"]
        launcher.daemon(f"{self.role}-ovsdb", server, env=environment)
        self._wait(self.folder / "db.sock", f"{self.role}-ovsdb", launcher)
        run(["ovs-vsctl", f"--db={self._database}", "--no-wait", "init"])
        switch = ["ovs-vswitchd", self._database]
        switch += [f"--unixctl={self.folder / 'vswitchd.ctl'}", "-vconsole:warn"]
        launcher.daemon(f"{self.role}-vswitchd", enter(self.namespace, switch), env=environment)
        self._wait(self.folder / "vswitchd.ctl", f"{self.role}-vswitchd", launcher)

    def _wait(self, path: Path, role: str, launcher: Launcher, patience_s: float = 30.0) -> None:
        deadline = time.monotonic() + patience_s
        while not path.exists():
            if time.monotonic() > deadline:
                log = launcher.paths.logs / f"{role}.log"
                raise RunError(f"{role} does not start: {log_tail(log)}", hint=f"see {log}")
            time.sleep(0.02)

    def vsctl(self, *words: str, timeout_s: float = 60.0) -> str:
        """ovs-vsctl on this instance's database."""
        return run(
            ["ovs-vsctl", f"--db={self._database}", f"--timeout={timeout_s:g}", *words],
            timeout_s=timeout_s + 5,
        )

    def appctl(self, *words: str) -> str:
        """ovs-appctl on this instance's vswitchd."""
        return run(["ovs-appctl", "-t", str(self.folder / "vswitchd.ctl"), *words])

    def ofctl(self, *words: str) -> str:
        """ovs-ofctl with OpenFlow 1.3 on a bridge of this instance."""
        environment = {**os.environ, **self.environment}
        return run(["ovs-ofctl", "-O", "OpenFlow13", *words], env=environment)

    def add(self, bridges: list[Bridge]) -> None:
        """Make bridges with their ports, all in one transaction."""
        words: list[str] = []
        for bridge in bridges:
            words += _bridge_words(bridge)
        self.vsctl(*words[1:])
        self.bridges += bridges

    def renew_counters(self) -> None:
        """Renew what flows, ports and groups have counted as often as this version can.

        Counters of packets that the datapath forwards by itself are brought up by revalidators,
        every half second unless told otherwise: a controller that looks as often as that would
        see the traffic of the interval before.
        """
        self.vsctl("set", "Open_vSwitch", ".", f"other_config:max-revalidator={REVALIDATE_MS}")

    def remove_files(self) -> None:
        """The folder; after the daemons have ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _bridge_words(bridge: Bridge) -> list[str]:
    """What ovs-vsctl has to do for one bridge; each command begins with ``--``."""
    name = bridge.name
    columns = [
        "datapath_type=netdev",
        f"fail_mode={'secure' if bridge.controller else 'standalone'}",
        "protocols=OpenFlow13",
        f"other_config:datapath-id={bridge.datapath_id:016x}",
        # A tap device of the bridge itself would hold a random MAC.
        *([f'other_config:hwaddr="{bridge.mac}"'] if bridge.mac else []),
    ]
    if bridge.rstp_priority is not None:
        columns += [
            "rstp_enable=true",
            f"other_config:rstp-priority={bridge.rstp_priority}",
            # The smallest that the standard allows; a lab has no reason to wait longer.
            "other_config:rstp-forward-delay=4",
        ]
    words = ["--", "add-br", name, "--", "set", "bridge", name, *columns]
    for port in bridge.ports:
        words += ["--", "add-port", name, port.name]
        words += ["--", "set", "interface", port.name, f"ofport_request={port.ofport}"]
        words += port.options
    if bridge.controller:
        words += ["--", "set-controller", name, bridge.controller]
        words += ["--", "set", "controller", name, "connection-mode=out-of-band"]
        words += ["inactivity_probe=30000", "max_backoff=1000"]
    return words
