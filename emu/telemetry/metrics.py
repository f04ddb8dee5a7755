# SPDX-License-Identifier: Apache-2.0
"""Serves the live counters of all runs under way to Prometheus, on loopback by default."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from emu.errors import InputError
from emu.telemetry.live import LiveView, find_live, read_live
from emu.telemetry.openmetrics import CONTENT_TYPES, Family, metric_name, render, sai_family
from emu.telemetry.sai import sai_name

__all__ = ["live_families", "parse_address", "serve_metrics"]

LOOPBACK = "127.0.0.1"


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `[HOST]:PORT`; without a host it is loopback.

    >>> parse_address(":9464")
    ('127.0.0.1', 9464)
    """
    match = re.fullmatch(r"(?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):)?(\d{1,5})", text)
    if match is None or not 0 <= int(match[2]) <= 65535:
        raise InputError(
            f"--metrics {text!r} is not an address",
            hint="[HOST]:PORT, such as :9464 (loopback) or 0.0.0.0:9464 (everybody)",
        )
    return (match[1] or LOOPBACK).strip("[]"), int(match[2])


def live_families(folder: Path) -> list[Family]:
    """Metrics of every run under way at or below a folder."""
    families: dict[str, Family] = {}
    for path in find_live(folder):
        found = read_live(path)
        if found is not None:
            _add_run(families, *found)
    return list(families.values())


def _add_run(families: dict[str, Family], view: LiveView, rows: list[list[Any]]) -> None:
    run = {"experiment": view.experiment, "variant": view.variant, "seed": str(view.seed)}

    def put(name: str, kind: Literal["counter", "gauge"], doc: str, value: float) -> None:
        families.setdefault(name, Family(name, kind, doc)).add(run, value)

    put("emu_fabric_seconds", "counter", "fabric time that has passed", view.t_ps / 1e12)
    put("emu_run_progress_ratio", "gauge", "share of the run that is done", view.fraction)
    put("emu_run_packets", "counter", "packets simulated", view.packets)
    put("emu_run_dropped_packets", "counter", "packets dropped, all reasons", view.drops)
    put("emu_transfers", "gauge", "transfers of the run", view.transfers)
    put("emu_transfers_done", "counter", "transfers that have ended", view.transfers_done)
    for kind, name, index, counter, value in rows:
        family = families.setdefault(metric_name(counter)[0], sai_family(counter))
        labels = {**run, **sai_labels(kind, name, index, counter)}
        family.add(labels, value * metric_name(counter)[1])


def sai_labels(kind: str, name: str, index: int, counter: str) -> dict[str, str]:
    """Labels of a counter: node, port and queue or priority."""
    if kind == "buffer-pool":
        return {"node": name}
    labels = {"node": name.split(":")[0], "port": name}
    if kind == "queue":
        return {**labels, "queue": str(index)}
    if kind == "priority-group":
        return {**labels, "priority_group": str(index)}
    priority = sai_name(counter)[1]
    return labels if priority < 0 else {**labels, "priority": str(priority)}


@contextmanager
def serve_metrics(address: str, folder: Path) -> Iterator[str]:
    """Serve /metrics while the block runs; yields the URL.

    Parameters
    ----------
    address : str
        `[HOST]:PORT`; port 0 takes one that is free.
    folder : Path
        Where runs are being written.

    Raises
    ------
    InputError
        If the address is none, or somebody else has it.
    """
    host, port = parse_address(address)
    try:
        server = ThreadingHTTPServer((host, port), _handler(folder))
    except OSError as error:
        raise InputError(
            f"--metrics {address}: {error.strerror or error}", hint="choose another port"
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET /metrics."""

        def do_GET(self) -> None:
            """One scrape."""
            if self.path.split("?")[0] not in ("/metrics", "/"):
                self.send_error(404, "only /metrics is here")
                return
            wanted = "openmetrics" in self.headers.get("Accept", "")
            form: Literal["openmetrics", "text"] = "openmetrics" if wanted else "text"
            body = "".join(render(live_families(folder), form)).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPES[form])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002
            """Nobody asks for a line per scrape."""

    return Handler
