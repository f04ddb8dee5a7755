# SPDX-License-Identifier: Apache-2.0
"""Streams of small UDP packets between two hosts, to see for how long a path is gone."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

from emu.lab.namespaces import socket_in

if TYPE_CHECKING:
    from emu.lab.lab import Lab

FLOWS = 16
"""Streams with source ports of their own: some take the path that will die."""
PERIOD_S = 0.002
PORT = 7007


class ProbeStream:
    """FLOWS streams from one host to another, one packet per period each.

    Use as a context manager; ask for outages after a fault, while it runs.
    """

    def __init__(self, lab: Lab, source: str, target: str) -> None:
        self._stop = threading.Event()
        address = lab.plan.addresses[lab.plan.fabric.ports[lab.find(target).ports[0]].node]
        self._receiver = socket_in(
            lab.paths.namespace(lab.find(target).namespace), socket.AF_INET, socket.SOCK_DGRAM
        )
        self._receiver.bind((address.ip, PORT))
        self._receiver.settimeout(0.2)
        space = lab.paths.namespace(lab.find(source).namespace)
        self._senders = [socket_in(space, socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
        for number, sender in enumerate(self._senders):
            sender.bind(("", 30000 + number))
            sender.connect((address.ip, PORT))
        self._arrivals: list[list[tuple[float, float]]] = [[] for _ in range(FLOWS)]
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._send, self._receive)
        ]

    def __enter__(self) -> ProbeStream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        for used in (*self._senders, self._receiver):
            used.close()

    def _send(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            for number, sender in enumerate(self._senders):
                try:
                    sender.send(struct.pack("!Id", number, time.monotonic()))
                except OSError:
                    # An ICMP error of an earlier packet, or no route for now: a lost probe.
                    continue
            due += PERIOD_S
            time.sleep(max(0.0, due - time.monotonic()))

    def _receive(self) -> None:
        while not self._stop.is_set():
            try:
                number, sent = struct.unpack("!Id", self._receiver.recv(64))
            except (TimeoutError, OSError):
                continue
            self._arrivals[number].append((sent, time.monotonic()))

    def silence_s(self, since: float) -> float:
        """For how long the most silent stream has had nothing arrive, now."""
        now = time.monotonic()
        last = [arrivals[-1][1] if arrivals else since for arrivals in self._arrivals]
        return max(now - max(moment, since) for moment in last)

    def outage_s(self, since: float) -> float:
        """The longest gap between packets sent that arrived, over all streams.

        By the times of sending, so that neither queues nor a late receiver count; the gap
        has the period of the stream taken off. Zero when nothing was lost.
        """
        longest = 0.0
        for arrivals in self._arrivals:
            sent = sorted(moment for moment, _ in arrivals if moment >= since - 0.1)
            gaps = [b - a for a, b in itertools.pairwise(sent)]
            longest = max([longest, *gaps])
        # Less than two lost packets is the machine's own unsteadiness.
        return longest - PERIOD_S if longest > 3 * PERIOD_S else 0.0

    def forget(self) -> None:
        """Drop what has arrived so far."""
        for arrivals in self._arrivals:
            arrivals.clear()
