#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds links that lose packets without going down, from port counters alone, and is scored.

    emu run docs/detectors/grey-link.yaml --stream grey.ndjson --out runs/grey-link
    python docs/detectors/grey_link.py grey.ndjson

or as the run goes on, through a socket:

    python docs/detectors/grey_link.py --listen /tmp/grey.sock &
    emu run docs/detectors/grey-link.yaml --stream /tmp/grey.sock --out runs/grey-link

Needs nothing but Python. A detector of your own takes the place of `GreyLink`: it gets the first
line of a run and then its samples, never the events, which are the truth it is held against.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

Line = dict[str, Any]
TRUTH = "link-loss"
"""Kind of the events that this detector is to find."""


class GreyLink:
    """Compares what one end of a cable sent with what the other end has received.

    The difference is what was lost and what is on the wire. In a quiet moment, in which neither
    has counted anything since the sample before, nothing is on the wire: then a growing difference
    is packets that are gone. A cable that is never quiet is judged by the least difference of its
    last `window` samples, which has to grow by more than a wire holds (`wire` packets: a
    microsecond of 400 Gb/s is 12 of 4 KiB).

    Healthy optics lose a packet now and then, so a cable is reported from `least` packets and a
    `share` of what was sent. A port that is down is no grey failure: its cable is measured anew
    once it is up again.
    """

    def __init__(
        self, start: Line, least: int = 2, share: float = 2e-5, window: int = 8, wire: int = 16
    ) -> None:
        self.least, self.share, self.window, self.wire = least, share, window, wire
        self.peer = {port["name"]: port["peer"] for port in start["ports"]}
        self.now: dict[str, Line] = {}
        self.begin: dict[str, tuple[int, int]] = {}  # missing and sent when measured first
        self.recent: dict[str, deque[int]] = {}
        self.told: set[str] = set()

    def sample(self, t_ps: int, ports: list[Line]) -> list[str]:
        """Names of sending ports whose cable is found to lose packets now, each told once."""
        busy = {port["name"] for port in ports}
        self.now.update((port["name"], port) for port in ports)
        found = []
        for name, sender in self.now.items():
            receiver = self.now.get(self.peer[name])
            if receiver is None or name in self.told:
                continue
            if not (sender["up"] and receiver["up"]):
                self.begin.pop(name, None)
                self.recent.pop(name, None)
                continue
            missing = sender["out_packets"] - receiver["in_packets"]
            recent = self.recent.setdefault(name, deque(maxlen=self.window))
            recent.append(missing)
            quiet = not busy & {name, self.peer[name]}
            if not quiet and name not in self.begin:
                continue
            first, sent_then = self.begin.setdefault(name, (missing, sender["out_packets"]))
            lost = missing - first if quiet else min(recent) - first - self.wire
            enough = max(self.least, self.share * (sender["out_packets"] - sent_then))
            if lost >= enough and len(recent) == self.window:
                self.told.add(name)
                found.append(name)
        return found


def judge(lines: Iterable[Line], make: Any = GreyLink) -> Line:
    """Run a detector over a stream and hold what it finds against what happened.

    Returns
    -------
    dict
        faults, alarms, precision, recall, and time_to_detect_us of every fault that was found.
        A fault counts once, and so does every cable that alarms; precision is None without alarms
        and recall without faults.
    """
    detectors: dict[str, Any] = {}
    cable_of: dict[str, dict[str, str]] = {}
    truth: dict[tuple[str, str], int] = {}
    alarms: dict[tuple[str, str], int] = {}
    for line in lines:
        run = line["run"]
        if line["type"] == "run":
            detectors[run] = make(line)
            cable_of[run] = {port["name"]: port["link"] for port in line["ports"]}
        elif line["type"] == "event" and line["kind"] == TRUTH and line["phase"] == "start":
            truth.setdefault((run, line["port"]), line["t_ps"])
        elif line["type"] == "sample":
            for port in detectors[run].sample(line["t_ps"], line["ports"]):
                alarms.setdefault((run, cable_of[run][port]), line["t_ps"])
    hits = {key: alarms[key] - truth[key] for key in alarms.keys() & truth.keys()}
    hits = {key: after for key, after in hits.items() if after >= 0}
    return {
        "faults": len(truth),
        "alarms": len(alarms),
        "precision": round(len(hits) / len(alarms), 4) if alarms else None,
        "recall": round(len(hits) / len(truth), 4) if truth else None,
        "time_to_detect_us": sorted(round(after / 1e6, 1) for after in hits.values()),
    }


def read(path: str) -> Iterator[Line]:
    """Lines of a file, or of standard input for `-`."""
    with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
        for text in file:
            yield json.loads(text)


def listen(path: str) -> Iterator[Line]:
    """Lines of the first run that connects to a Unix socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile(encoding="utf-8") as file:
                lines = [json.loads(text) for text in file]
            if lines:  # emu looks whether somebody listens before it begins
                yield from lines
                return


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stream", nargs="?", default="-", help="what emu run --stream wrote")
    parser.add_argument("--listen", metavar="SOCKET", help="wait for emu run --stream SOCKET")
    given = parser.parse_args()
    lines = listen(given.listen) if given.listen else read(given.stream)
    print(json.dumps(judge(lines), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
