# SPDX-License-Identifier: Apache-2.0
"""Do the hosts reach each other? Asked with ordinary pings."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from typing import TYPE_CHECKING

from emu.errors import RunError
from emu.lab.namespaces import enter, socket_in

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.lab.plan import LabAddress

PING = ["ping", "-n", "-q", "-c", "1", "-W", "1"]
AT_ONCE = 16
PATIENCE_S = 90.0


def _namespace(lab: Lab, address: LabAddress) -> str:
    node = lab.plan.by_name[lab.plan.ports[address.port].node]
    return lab.paths.namespace(node.namespace)


def _ping_all(
    lab: Lab, pairs: list[tuple[LabAddress, LabAddress]]
) -> list[tuple[LabAddress, LabAddress]]:
    """Pairs without an answer to one ping, a few at a time."""
    silent = []
    for first in range(0, len(pairs), AT_ONCE):
        some = pairs[first : first + AT_ONCE]
        running = [
            lab.launcher.popen(
                "ping",
                enter(_namespace(lab, a), [*PING, "-I", a.ip, b.ip]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for a, b in some
        ]
        codes = [process.wait() for process in running]
        silent += [pair for pair, code in zip(some, codes, strict=True) if code != 0]
    return silent


def all_pairs(lab: Lab) -> list[tuple[LabAddress, LabAddress]]:
    """Every endpoint with every other, in both directions."""
    addresses = lab.plan.addresses
    return [(a, b) for a in addresses for b in addresses if a is not b]


def announce_hosts(lab: Lab) -> None:
    """Each endpoint says once whose address it has, for switches and controllers to learn.

    An unsolicited ARP reply (RFC 5944, 4.6, "gratuitous ARP"): unlike a request nobody is
    tempted to answer it.
    """
    for address in lab.plan.addresses:
        port = lab.plan.ports[address.port]
        with socket_in(_namespace(lab, address), socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((port.interface, 0))
            raw.send(gratuitous_arp(port.mac, address.ip))


def gratuitous_arp(mac: str, ip: str) -> bytes:
    """The frame in which a MAC claims an address."""
    sender = bytes.fromhex(mac.replace(":", ""))
    owner = socket.inet_aton(ip)
    ethernet = b"\xff" * 6 + sender + struct.pack("!H", 0x0806)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + sender + owner + b"\xff" * 6 + owner
    return (ethernet + body).ljust(60, b"\0")


def unreachable_pairs(lab: Lab) -> list[tuple[str, str]]:
    """Pairs of addresses without an answer, now."""
    return [(a.ip, b.ip) for a, b in _ping_all(lab, all_pairs(lab))]


def wait_until_reachable(lab: Lab, patience_s: float = PATIENCE_S) -> None:
    """Every endpoint answers every other.

    Raises
    ------
    RunError
        When some do not within ``patience_s``; names a few.
    """
    deadline = time.monotonic() + patience_s
    silent = all_pairs(lab)
    while True:
        silent = _ping_all(lab, silent)
        if not silent:
            return
        if time.monotonic() > deadline:
            some = ", ".join(f"{a.ip} to {b.ip}" for a, b in silent[:4])
            raise RunError(f"{len(silent)} pairs do not reach each other: {some}")
        time.sleep(0.2)
