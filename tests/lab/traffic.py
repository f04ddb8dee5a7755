# SPDX-License-Identifier: Apache-2.0
"""Traffic between hosts of a lab, and where it went."""

from __future__ import annotations

import socket
import time
from typing import Any

from emu.lab.namespaces import interfaces, socket_in


def spread(lab: Any, source: str, target: str, ports: list[str], flows: int = 64) -> list[int]:
    """Packets that each of some switch ports sent more, while `flows` UDP flows were sent."""
    before = _sent(lab, ports)
    sender = lab.find(source)
    address = lab.plan.addresses[lab.plan.fabric.ports[lab.find(target).ports[0]].node]
    for number in range(flows):
        with socket_in(lab.paths.namespace(sender.namespace), socket.AF_INET) as udp:
            udp.bind(("", 20000 + number))
            udp.sendto(b"emu", (address.ip, 4791))
    deadline = time.monotonic() + 10
    while True:
        counts = [now - then for now, then in zip(_sent(lab, ports), before, strict=True)]
        if sum(counts) >= flows or time.monotonic() > deadline:
            return counts
        time.sleep(0.05)


def _sent(lab: Any, ports: list[str]) -> list[int]:
    by_name = {port.interface: port for port in lab.plan.ports}
    counters = {
        space: interfaces(lab.paths.namespace(space))
        for space in {by_name[name].namespace for name in ports}
    }
    return [counters[by_name[name].namespace][name]["tx_packets"] for name in ports]


def wait_until(condition: Any, patience_s: float = 30.0) -> bool:
    """Poll until something holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
