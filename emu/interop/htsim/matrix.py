# SPDX-License-Identifier: Apache-2.0
"""A ``.cm`` file: ``src->dst [id n] start picoseconds size bytes`` a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu.errors import InputError
from emu.interop.words import Word, words_of

_REFUSED = {
    "trigger": "the flow starts when another ends",
    "send_done_trigger": "the end of the flow starts another",
    "recv_done_trigger": "the end of the flow starts another",
}


@dataclass(frozen=True)
class Connection:
    """One flow."""

    src: int
    dst: int
    start_ps: int
    size_bytes: int


def read_matrix(path: Path, hosts: int) -> list[Connection]:
    """Flows in order of start; InputError for damaged lines and what cannot be expressed."""
    connections, announced = [], None
    for line in words_of(path, comment="#"):
        key = line[0].text
        if key == "Nodes" and len(line) == 2:
            if line[1].integer("Nodes", 1, 10**6) > hosts:
                raise line[1].fault(f"{line[1].text} nodes, and the topology has {hosts} hosts")
        elif key == "Connections" and len(line) == 2:
            announced = line[1]
        elif key in ("Triggers", "Failures") and len(line) == 2:
            if line[1].integer(key, 0, 10**6):
                raise line[1].fault(f"{key.lower()} cannot be imported", f"import with {key} 0")
        elif "->" in key:
            connections.append(_connection(line, hosts))
        else:
            raise line[0].fault(f"{key[:40]!r} begins no line of a connection matrix")
    if announced is not None and announced.integer("Connections", 0, 10**7) != len(connections):
        raise announced.fault(
            f"{announced.text} connections are announced and {len(connections)} are there"
        )
    if not connections:
        raise InputError("has no connection", file=str(path))
    return sorted(connections, key=lambda c: c.start_ps)


def _connection(line: list[Word], hosts: int) -> Connection:
    first = line[0]
    ends = [
        Word(text, first.file, first.line, first.column).integer("a host", 0, hosts - 1)
        for text in first.text.split("->", 1)
    ]
    if ends[0] == ends[1]:
        raise first.fault(f"source and destination are both {ends[0]}")
    fields: dict[str, Word] = {}
    for i in range(1, len(line) - 1, 2):
        fields[line[i].text] = line[i + 1]
        if line[i].text in _REFUSED:
            raise line[i].fault(f"{line[i].text}: {_REFUSED[line[i].text]}",
                                "flows that depend on each other cannot be imported")  # fmt: skip
    for name in ("start", "size"):
        if name not in fields:
            raise first.fault(f"the connection has no {name}")
    size = fields["size"].integer("the size", 0, 2**40)
    if size == 0:
        raise fields["size"].fault("size 0 means a flow without end", "give its bytes")
    return Connection(ends[0], ends[1], int(fields["start"].decimal("the start")), size)
