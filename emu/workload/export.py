# SPDX-License-Identifier: Apache-2.0
"""Writing traces in emu's own forms: what any reader read, normalised.

Requests become the form of :mod:`emu.workload.readers.requests`, flow lists that of
:mod:`emu.workload.readers.flows`; the suffix of the file decides between CSV (plain or
``.csv.gz``) and parquet. What is written reads back as the same trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

from emu.errors import InputError
from emu.workload.readers import ReadOptions, read_trace, servegen
from emu.workload.readers.flows import NIC_PRIORITY
from emu.workload.trace import PS_PER_US, FlowTrace, RequestTrace

SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Imported:
    """What was written where."""

    out: Path
    format: str
    rows: int
    skipped: dict[str, int]
    notes: tuple[str, ...]


def import_trace(
    path: str | Path,
    out: str | Path,
    format: str = "auto",  # noqa: A002 - the word users know from the spec
    options: ReadOptions | None = None,
) -> Imported:
    """Reads any known format and writes emu's own.

    Raises
    ------
    TraceError
        When the trace cannot be read.
    InputError
        When the output cannot be written, or its suffix is not known.
    """
    out = _checked(Path(out))
    trace = read_trace(path, format, options)
    frame = _requests(trace, out) if isinstance(trace, RequestTrace) else _flows(trace)
    _write(frame, out)
    return Imported(out, trace.format, len(trace), trace.skipped, trace.notes)


def synth(
    path: str | Path, out: str | Path, requests: int, *, start_ps: int = 0, seed: int = 1
) -> Imported:
    """Draws ``requests`` requests from ServeGen client descriptions and writes them.

    ``start_ps`` is counted from the first request of the day that is described.
    """
    options = ReadOptions(limit=requests, start_ps=start_ps, seed=seed, spread_ps=0)
    return import_trace(path, out, servegen.NAME, options)


def _checked(out: Path) -> Path:
    if not out.name.endswith(SUFFIXES):
        raise InputError(
            f"{out.name} has no known suffix", field="out", hint=f"one of {', '.join(SUFFIXES)}"
        )
    return out


def _write(frame: pd.DataFrame, out: Path) -> None:
    try:
        if out.suffix == ".parquet":
            frame.to_parquet(out, index=False)
        elif out.suffix == ".gz":
            # Without the time of writing: the same trace gives the same bytes.
            frame.to_csv(out, index=False, compression={"method": "gzip", "mtime": 1})
        else:
            frame.to_csv(out, index=False)
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}",
            field="out",
            hint="give a folder that exists and may be written to",
        ) from None


def _us(time_ps: int) -> str:
    """Exact microseconds, without an exponent."""
    return f"{(Decimal(time_ps) / PS_PER_US).normalize():f}"


def _requests(trace: RequestTrace, out: Path) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "arrival_us": [_us(t) for t in trace.arrival_ps.tolist()],
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
        }
    )
    if trace.has_prefixes:
        blocks = [trace.blocks(row).tolist() for row in range(len(trace))]
        frame["block_tokens"] = trace.block_tokens
        frame["hash_ids"] = (
            blocks if out.suffix == ".parquet" else [" ".join(map(str, ids)) for ids in blocks]
        )
    return frame


def _flows(trace: FlowTrace) -> pd.DataFrame:
    priority = [None if p == NIC_PRIORITY else str(p) for p in trace.priority.tolist()]
    return pd.DataFrame(
        {
            "start_us": [_us(t) for t in trace.start_ps.tolist()],
            "src": trace.src,
            "dst": trace.dst,
            "bytes": trace.size_bytes,
            "transfer": trace.group,
            "priority": priority,
            "verb": ["read" if read else "write" for read in trace.read],
        }
    )
