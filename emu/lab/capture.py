# SPDX-License-Identifier: Apache-2.0
"""Captures of a running lab's ports, one pcapng file each, by emu's own writer."""

from __future__ import annotations

import select
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from emu.errors import InputError
from emu.lab.lab import Lab
from emu.lab.namespaces import socket_in
from emu.lab.plan import LabPort
from emu.spec.nearest import hint_for
from emu.wire.convert import convert

ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python has no name for it."""
SNAP_BYTES = 65_535
PCAP_NANOSECONDS = 0xA1B23C4D
LINK_ETHERNET = 1
BUFFER_BYTES = 8 << 20


def find_port(lab: Lab, name: str) -> LabPort:
    """A port by its interface (`leaf0-p2`), or a host's NIC by `h0`, `h0.1` or `h0:eth1`."""
    names: dict[str, LabPort] = {}
    for port in lab.plan.ports:
        if lab.plan.by_name[port.node].is_host:
            names[f"{port.node}.{port.index}"] = port
            names[f"{port.node}:{port.interface}"] = port
            names.setdefault(port.node, port)
        else:
            names[port.interface] = port
    if name not in names:
        raise InputError(f"no port {name!r}: {hint_for(name, names)}")
    return names[name]


def capture(
    lab: Lab,
    ports: Sequence[str],
    out: Path,
    seconds: float | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[Path, int]:
    """Write what passes the ports, in both directions, until the time is over.

    Parameters
    ----------
    lab : Lab
        A lab that is up.
    ports : sequence of str
        See ``find_port``.
    out : Path
        Folder for the files, ``<port>.pcapng``; made if it is not there.
    seconds : float, optional
        Wall time; without it until ``stopped`` says so or Ctrl-C.
    stopped : callable
        Asked about ten times a second.

    Returns
    -------
    dict of Path to int
        Packets in each file.
    """
    chosen = {name: find_port(lab, name) for name in ports}
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=out, prefix=".raw-")))
        taps: dict[socket.socket, tuple[str, IO[bytes]]] = {}
        counts = dict.fromkeys(chosen, 0)
        for name, port in chosen.items():
            tap = stack.enter_context(_tap(lab, port))
            raw: IO[bytes] = stack.enter_context((folder / f"{_file_name(name)}.pcap").open("wb"))
            raw.write(
                struct.pack("<IHHiIII", PCAP_NANOSECONDS, 2, 4, 0, 0, SNAP_BYTES, LINK_ETHERNET)
            )
            taps[tap] = (name, raw)
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while not stopped() and (deadline is None or time.monotonic() < deadline):
                for tap in select.select(list(taps), [], [], 0.1)[0]:
                    name, file = taps[tap]
                    counts[name] += _take(tap, file)
        except KeyboardInterrupt:
            # The usual way to end a capture: what is there is written.
            pass
        written = {}
        for name, file in taps.values():
            file.flush()
            target = out / f"{_file_name(name)}.pcapng"
            convert(str(folder / f"{_file_name(name)}.pcap"), str(target))
            written[target] = counts[name]
        return written


def _file_name(port: str) -> str:
    return port.replace(":", "-")


def _tap(lab: Lab, port: LabPort) -> socket.socket:
    """A packet socket on the port's interface, with the kernel's time stamps."""
    tap: socket.socket = socket_in(
        lab.paths.namespace(port.namespace), socket.AF_PACKET, socket.SOCK_RAW, 0
    )
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    # Only now: a socket with a protocol but no interface would hear the whole namespace.
    tap.bind((port.interface, ETH_P_ALL))
    tap.setblocking(False)
    return tap


def _take(tap: socket.socket, file: IO[bytes]) -> int:
    """Write what waits in a socket; returns the number of packets."""
    taken = 0
    while taken < 1000:
        try:
            data, extra, _, _ = tap.recvmsg(SNAP_BYTES, 64)
        except BlockingIOError:
            break
        seconds = nanoseconds = 0
        for level, kind, value in extra:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", value[:16])
        file.write(struct.pack("<IIII", seconds, nanoseconds, len(data), len(data)) + data)
        taken += 1
    return taken
