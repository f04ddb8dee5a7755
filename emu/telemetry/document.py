# SPDX-License-Identifier: Apache-2.0
"""The run directory as a page: written from the schema, so that it cannot disagree with it."""

from __future__ import annotations

from collections.abc import Iterable

from emu.telemetry.schema import (
    COUNTER_KEYS,
    EVENT_KINDS,
    RUN_KEYS,
    SCHEMA_VERSION,
    TABLES,
)

__all__ = ["schema_markdown"]

_INTRODUCTION = f"""# The run directory

`<out>/<variant>/seed-<n>/` holds one run: one variant, one seed, one backend. It appears under
its name only when it is whole; until then it is `.seed-<n>.partial-<pid>`. The same experiment,
seed and version give the same bytes, except for `timing.json`, which holds wall-clock figures.
A column's unit is the end of its name, and its meaning is also inside the file
(`pyarrow.parquet.read_schema(file).field(column).metadata`). This is schema {SCHEMA_VERSION}.

With captures (`record.captures`, `emu run --capture`) it also holds `captures/`: one pcapng file
per port, `leaf0-Ethernet4.pcapng` for leaf0:Ethernet4, and `addresses.json`, which says what has
which MAC and IP address, tunnel end and queue pair number. `captures` of run.json lists the files.
A frame that leaves the port has the time of its first bit, one that arrives that of its last; the
comment of each packet has it in picoseconds. `first_tx_ps` of a flow is when its first packet
leaves its NIC; `end_ps` and `acked_ps` are when the last one (its acknowledgement) has arrived,
plus the NIC's `latency_rx`. FCS and preamble are not in the files.

Read it with `emu.telemetry.Run(path)`: `.meta` is run.json, `.flows`, `.transfers` and so on are
pandas data frames.

<!-- Written by `python -m emu.telemetry.document`; a test compares. -->
"""


def schema_markdown() -> str:
    """Markdown text of the page."""
    parts = [_INTRODUCTION]
    for table in TABLES.values():
        lines = [
            f"| `{f.name}` | {f.type} | {_cell(f.metadata[b'doc'].decode())} |"
            for f in table.schema
        ]
        head = ["| column | type | meaning |", "|---|---|---|"]
        parts.append(f"## {table.filename}\n\n{table.doc}\n\n" + "\n".join([*head, *lines]))
    parts.append("## Kinds of events\n\n" + _rows("kind", EVENT_KINDS.items()))
    keys = ((k, doc) for k, (_, doc) in RUN_KEYS.items())
    parts.append("## run.json\n\n" + _rows("key", keys))
    parts.append("## counters in run.json\n\n" + _rows("key", COUNTER_KEYS.items()))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _rows(head: str, items: Iterable[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {_cell(doc)} |" for name, doc in items]
    return "\n".join([f"| {head} | meaning |", "|---|---|", *lines])


def _cell(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(schema_markdown(), end="")
