# SPDX-License-Identifier: Apache-2.0
"""A run as a stream of JSON lines, for programs: what is counted, and what really happened.

Each line is one of the models below; `docs/schema/stream.schema.json` is their JSON Schema. Lines
of several runs may be mixed: `run` says to which a line belongs.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from emu.docstrings import describe_fields
from emu.errors import InputError, RunError

__all__ = [
    "STREAM_SCHEMA",
    "StreamEnd",
    "StreamEvent",
    "StreamLine",
    "StreamPort",
    "StreamRun",
    "StreamSample",
    "StreamWriter",
    "prepare_stream",
    "stream_json_schema",
]

STREAM_SCHEMA = 1
"""Version of the lines."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class StreamPort(_Line):
    """A port of the fabric."""

    name: str
    """leaf0:Ethernet4"""
    node: str
    peer: str
    """The port at the other end of its cable."""
    link: str
    """leaf0-spine1[0]: its cable, as events name it."""
    tier: Literal["endpoint", "leaf", "spine", "super-spine"]
    rate_bps: int


class StreamRun(_Line):
    """The first line of a run."""

    type: Literal["run"] = "run"
    schema_version: int = STREAM_SCHEMA
    run: str
    """l3/seed-1: under this name in every line of the run."""
    experiment: str
    design: str
    seed: int
    sample_interval_ps: int
    ports: list[StreamPort]


class PortCounters(_Line):
    """One port at one moment; counts are since the run began."""

    name: str
    up: bool
    """Whether the link carries anything; a lossy link is up."""
    in_packets: int
    in_octets: int
    in_errors: int
    """Frames that arrived with a wrong checksum."""
    in_discards: int
    out_packets: int
    out_octets: int
    out_discards: int
    ecn_marked_packets: int
    pfc_rx_frames: int
    pfc_tx_frames: int
    paused_us: int
    """Time in which some priority was paused, summed over priorities."""
    queue_bytes: int
    """In all egress queues of the port now."""


class StreamSample(_Line):
    """Ports that did something since the sample before."""

    type: Literal["sample"] = "sample"
    run: str
    t_ps: int
    ports: list[PortCounters]


class StreamEvent(_Line):
    """The truth: what happened to the fabric and what its control plane did. Not for detectors."""

    type: Literal["event"] = "event"
    run: str
    t_ps: int
    kind: str
    """As in events.parquet."""
    phase: Literal["start", "end", "step"]
    node: str
    port: str
    detail: str


class StreamEnd(_Line):
    """The last line of a run."""

    type: Literal["end"] = "end"
    run: str
    t_ps: int


StreamLine = Annotated[
    StreamRun | StreamSample | StreamEvent | StreamEnd, Field(discriminator="type")
]
"""Any line."""


def stream_json_schema() -> dict[str, Any]:
    """JSON Schema of one line."""
    describe_fields(_Line)
    schema: dict[str, Any] = TypeAdapter(StreamLine).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of emu run --stream",
        **schema,
    }


def prepare_stream(path: Path) -> None:
    """Make the file that runs append to; a socket that somebody listens on stays as it is.

    Raises
    ------
    InputError
        If the place cannot be written, or nobody listens on the socket.
    """
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            _connect(path).close()
        elif not path.exists() or path.is_file():
            path.write_bytes(b"")
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}", file=str(path), hint=_hint(error)
        ) from None


def _hint(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "start the program that listens on it first"
    if isinstance(error, FileNotFoundError):
        return "the folder does not exist"
    return ""


def _connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.connect(str(path))
    except OSError:
        client.close()
        raise
    return client


class StreamWriter:
    """One run's end of the stream.

    Parameters
    ----------
    path : Path
        A Unix socket that somebody listens on, a FIFO or a file, which is appended to: runs on
        several processes share it, each line in one write.

    Raises
    ------
    RunError
        If it cannot be opened, or later when whoever reads has gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._file = -1
        try:
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                self._socket = _connect(path)
            else:
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._failed(error) from None

    def write(self, line: _Line) -> None:
        """Send one line, whole."""
        data = line.model_dump_json().encode() + b"\n"
        try:
            if self._socket is not None:
                self._socket.sendall(data)
                return
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close this end."""
        if self._socket is not None:
            self._socket.close()
        elif self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _failed(self, error: OSError) -> RunError:
        why = error.strerror or str(error)
        if isinstance(error, BrokenPipeError | ConnectionError):
            why = "whoever read it has gone"
        return RunError(f"{self._path}: the stream cannot be written: {why}")
