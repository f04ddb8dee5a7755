# SPDX-License-Identifier: Apache-2.0
"""The traffic manager of a lab, seen from the processes that command it.

It is a process of its own: it must be on time, so nothing else may run in it. From the moment
the cables lie it carries what hosts and switches send; on command it adds the RoCE traffic of
a scenario and writes the run directory.
"""

from __future__ import annotations

import json
import pickle
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emu.errors import RunError
from emu.lab.launch import log_tail
from emu.lab.namespaces import NETNS_FOLDER
from emu.lab.plan import TM_NAMESPACE
from emu.lab.port_report import TELEMETRY_FILE
from emu.spec import Variant

if TYPE_CHECKING:
    from emu.lab.lab import Lab

ROLE = "traffic"
HOLD_DEFAULT_MS = 50.0
"""A machine that does other things as well stops a switch for some milliseconds now and then;
fabric time then stands, and the run says how often and how long."""
_START_S = 60.0


@dataclass(frozen=True)
class TrafficOptions:
    """How the fabric's time relates to the wall's."""

    variant: Variant
    dilation: float
    """Wall time per fabric time: rates are divided by it, times multiplied."""
    hold_ms: float = HOLD_DEFAULT_MS
    """Longest that the fabric's clock waits for one packet to come out of a switch."""
    origin: str = "given"
    """Where the dilation comes from."""


@dataclass(frozen=True)
class TrafficConfig:
    """Everything that the process is given; pickled into the lab's folder."""

    options: TrafficOptions
    far_netns: str
    far: tuple[str, ...]
    """By fabric port: interface in ``far_netns``."""
    nics: tuple[tuple[int, str, str], ...]
    """Fabric port, path of the host's namespace, interface in it."""
    endpoint_mac: tuple[str, ...]
    endpoint_ip: tuple[str, ...]
    routed_hosts: bool
    socket: Path
    feed: Path
    telemetry: Path
    switch_ports: tuple[tuple[int, str], ...]
    """Fabric port and its interface: what the telemetry is about."""
    folder: Path
    """Where the experiment was given: relative paths in it begin here."""


def socket_path(lab: Lab) -> Path:
    """Where the process listens."""
    return lab.paths.folder / "traffic.sock"


def feed_path(lab: Lab) -> Path:
    """Live counters, see ``emu.lab.feed``."""
    return lab.paths.folder / "traffic.feed"


def traffic_options(lab: Lab) -> TrafficOptions:
    """What the process of a lab that is up was started with."""
    config: TrafficConfig = pickle.loads(_config_file(lab).read_bytes())
    return config.options


def _config_file(lab: Lab) -> Path:
    return lab.paths.folder / "traffic.pickle"


def start_traffic(lab: Lab, options: TrafficOptions) -> None:
    """Start the process and wait until it carries frames.

    Raises
    ------
    emu.errors.RunError
        With the end of its log when it does not start.
    """
    plan = lab.plan

    def path_of(namespace: str) -> str:
        return str(NETNS_FOLDER / lab.paths.namespace(namespace))

    config = TrafficConfig(
        options=options,
        far_netns=path_of(TM_NAMESPACE),
        far=tuple(port.tm_interface for port in plan.ports),
        nics=tuple(
            (p.id, path_of(p.namespace), p.interface)
            for p in plan.ports
            if plan.by_name[p.node].is_host
        ),
        endpoint_mac=tuple(plan.ports[a.port].mac for a in plan.addresses),
        endpoint_ip=tuple(a.ip for a in plan.addresses),
        routed_hosts=lab.variant.routed_hosts,
        socket=socket_path(lab),
        feed=feed_path(lab),
        telemetry=lab.paths.folder / TELEMETRY_FILE,
        switch_ports=tuple(
            (p.id, p.interface) for p in plan.ports if not plan.by_name[p.node].is_host
        ),
        folder=Path.cwd(),
    )
    file = _config_file(lab)
    file.touch(mode=0o600)
    file.write_bytes(pickle.dumps(config))
    process = lab.launcher.daemon(ROLE, [sys.executable, "-m", "emu.lab.tm", str(file)])
    deadline = time.monotonic() + _START_S
    while not config.socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            log = lab.paths.logs / f"{ROLE}.log"
            raise RunError(
                f"the traffic manager does not start: {log_tail(log)}", hint=f"see {log}"
            )
        time.sleep(0.05)


def ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one command and wait for its answer.

    Raises
    ------
    emu.errors.RunError
        When nobody listens, or the command failed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        try:
            stream.connect(str(path))
        except OSError as error:
            raise RunError(
                f"no traffic manager listens at {path}: {error.strerror or error}",
                hint="emu lab down, then start the lab anew",
            ) from None
        with stream.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            text = lines.readline()
    if not text:
        raise RunError("the traffic manager ended in the middle of a command")
    answer: dict[str, Any] = json.loads(text)
    if "error" in answer:
        raise RunError(answer["error"])
    return answer
