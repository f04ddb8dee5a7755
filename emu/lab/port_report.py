# SPDX-License-Identifier: Apache-2.0
"""Telemetry for controllers: what each switch port carries and what waits for it, as a file.

Controllers of real switches see the lab in wall time, so rates are those of the slowed links:
a 400G port at a dilation of 10,000 has a ``rate_bps`` of 40,000,000. The file is written under
another name and renamed, so that a reader sees one moment or the one before, never half of
each.

    {"version": 1, "fabric_ps": ..., "wall_ns": ..., "interval_s": ..., "dilation": ...,
     "ports": {"leaf0-p2": {"rate_bps": ..., "sent_bps": ..., "sent_bytes": ..., "queue_bytes": ...,
               "ecn_marked": ..., "pfc_tx": ..., "pfc_rx": ..., "paused": ..., "drops": ...}}}

``queue_bytes`` is of that moment and ``sent_bytes`` of all time since the run began, for who looks
more rarely than the file is written; everything else is of the interval before it, ``paused`` as
a share of it (of the priority that was paused longest).
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emu.errors import RunError
from emu.fabric.graph import Fabric
from emu.lab.feed import Snapshot, read_feed
from emu.sim.ports import map_ports

TELEMETRY_FILE = "telemetry.json"
"""In the lab's folder."""
INTERVAL_S = 0.1
"""As often as the traffic manager renews its counters."""
CPU_SHARE_MAX = 0.02
"""Of one core: a report that takes longer comes more rarely."""


@dataclass(frozen=True)
class ReportPort:
    """A switch port of the report."""

    name: str
    engine_port: int
    rate_bps: int
    """In the fabric's time."""


def report_ports(fabric: Fabric, interfaces: dict[int, str]) -> tuple[ReportPort, ...]:
    """The ports of a report; ``interfaces`` names those of switches by fabric port."""
    to_engine = map_ports(fabric).to_engine
    return tuple(
        ReportPort(name, int(to_engine[port]), fabric.ports[port].rate_bps)
        for port, name in interfaces.items()
    )


def port_report(
    ports: tuple[ReportPort, ...], dilation: float, before: Snapshot, after: Snapshot
) -> dict[str, Any]:
    """The report of the interval between two looks.

    Counters begin at zero with every run: where they have fallen, all that is there now
    belongs to the interval.
    """
    began_anew = after.header["fabric_ps"] < before.header["fabric_ps"]
    elapsed_ns = after.header["wall_ns"] - before.header["wall_ns"]
    elapsed_ps = after.header["fabric_ps"] - (0 if began_anew else before.header["fabric_ps"])
    if began_anew or before.rows.shape != after.rows.shape:
        before = Snapshot(before.header, after.rows * 0)
    change = Snapshot(after.header, after.rows - before.rows)
    of_ports = [port.engine_port for port in ports]

    def total(name: str) -> list[int]:
        sums: list[int] = change.column(name)[of_ports].sum(axis=1).tolist()
        return sums

    paused = change.column("paused_ps")[of_ports].max(axis=1, initial=0).tolist()
    queued = after.column("queue_bytes")[of_ports].sum(axis=1).tolist()
    ever = after.column("tx_bytes")[of_ports].sum(axis=1).tolist()
    columns = zip(
        ports, total("tx_bytes"), queued, total("ecn_marked_packets"), total("pfc_tx_frames"),
        total("pfc_rx_frames"), paused, total("drops_packets"), ever, strict=True,
    )  # fmt: skip
    return {
        "version": 1,
        "fabric_ps": after.header["fabric_ps"],
        "wall_ns": after.header["wall_ns"],
        "interval_s": elapsed_ns / 1e9,
        "dilation": dilation,
        "ports": {
            port.name: {
                "rate_bps": round(port.rate_bps / dilation),
                "sent_bps": sent * 8 * 10**9 // elapsed_ns if elapsed_ns > 0 else 0,
                "sent_bytes": all_sent,
                "queue_bytes": queue,
                "ecn_marked": ecn,
                "pfc_tx": pfc_tx,
                "pfc_rx": pfc_rx,
                "paused": round(stood / elapsed_ps, 4) if elapsed_ps > 0 else 0.0,
                "drops": drops,
            }
            for port, sent, queue, ecn, pfc_tx, pfc_rx, stood, drops, all_sent in columns
        },
    }


class PortReporter:
    """Writes the report again and again, from a thread that has little to do."""

    def __init__(
        self, feed: Path, out: Path, ports: tuple[ReportPort, ...], dilation: float
    ) -> None:
        self._feed, self._out, self._ports, self._dilation = feed, out, ports, dilation
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the report under way is written."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        before: Snapshot | None = None
        pause_s = INTERVAL_S
        while not self._stop.wait(pause_s):
            began = time.thread_time()
            try:
                after = read_feed(self._feed)
            except RunError:
                continue  # nothing is counted yet
            if before is not None and after.header["wall_ns"] == before.header["wall_ns"]:
                continue
            if before is not None:
                write_atomically(self._out, port_report(self._ports, self._dilation, before, after))
            before = after
            pause_s = max(INTERVAL_S, (time.thread_time() - began) / CPU_SHARE_MAX)


def write_atomically(path: Path, document: dict[str, Any]) -> None:
    """Replace a file as a whole."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    os.replace(temporary, path)
