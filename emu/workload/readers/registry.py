# SPDX-License-Identifier: Apache-2.0
"""Which reader reads a file, and what is done to every trace after reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emu.spec.nearest import hint_for
from emu.workload.readers import (
    azure,
    burstgpt,
    flows,
    mooncake,
    qwen_bailian,
    requests,
    servegen,
)
from emu.workload.readers.options import ReadOptions
from emu.workload.readers.quantised import quantisation_step_ps, spread
from emu.workload.readers.rows import open_text, unreadable
from emu.workload.readers.table import is_parquet, parquet_columns, resembles
from emu.workload.trace import PS_PER_S, FlowTrace, RequestTrace

_LFS_POINTER = "version https://git-lfs.github.com/spec/"

Reader = Callable[[Path, ReadOptions], RequestTrace | FlowTrace]


@dataclass(frozen=True)
class Format:
    """One readable format."""

    name: str
    summary: str
    detect: Callable[[list[str]], bool]
    read: Reader


FORMATS: dict[str, Format] = {
    module.NAME: Format(module.NAME, module.SUMMARY, module.detect, module.read)
    for module in (mooncake, azure, burstgpt, qwen_bailian, servegen, requests, flows)
}


def detect_format(path: Path) -> str:
    """Name of the format, from the first lines of the file.

    Raises
    ------
    TraceError
        When nothing known reads such a file.
    """
    if servegen.is_description(path):
        return servegen.NAME
    if is_parquet(path):
        return _detect_parquet(path)
    with open_text(path) as text:
        head = [line for _, line in zip(range(5), text, strict=False) if line.strip()]
    if not head:
        unreadable(path, "the file is empty", "a trace has at least one row")
    if head[0].startswith(_LFS_POINTER):
        unreadable(
            path, "a Git LFS pointer, not the file", "run `git lfs pull` where it comes from"
        )
    for name, fmt in FORMATS.items():
        if fmt.detect(head):
            return name
    # A header with a slip in it: the reader says where the slip is.
    for module in (azure, burstgpt, requests, flows):
        if resembles(head[0], module.FORMS):
            return str(module.NAME)
    return unreadable(
        path,
        f"unknown trace format; it begins with '{head[0].strip()[:60]}'",
        "known: " + "; ".join(f"{f.name} ({f.summary})" for f in FORMATS.values()),
    )


def _detect_parquet(path: Path) -> str:
    names = parquet_columns(path)
    for module in (requests, flows):
        if module.detect_columns(names):
            return str(module.NAME)
    return unreadable(
        path,
        f"unknown parquet columns: {', '.join(names)[:80]}",
        f"known: {requests.NAME} ({requests.SUMMARY}); {flows.NAME} ({flows.SUMMARY})",
    )


def read_trace(
    path: str | Path,
    format: str = "auto",  # noqa: A002 - the word users know from the spec
    options: ReadOptions | None = None,
) -> RequestTrace | FlowTrace:
    """Reads a trace file; see :class:`ReadOptions`.

    Raises
    ------
    TraceError
        Naming the file, the row and what is allowed.
    """
    path, options = Path(path), options or ReadOptions()
    name = detect_format(path) if format == "auto" else format
    if name not in FORMATS:
        unreadable(path, f"unknown trace format '{name}'", hint_for(name, FORMATS))
    trace = FORMATS[name].read(path, options)
    if isinstance(trace, RequestTrace):
        trace = _window(_spread(trace, options), options)
    if len(trace) == 0:
        unreadable(
            path,
            f"no usable row ({trace.rows_read} read, {sum(trace.skipped.values())} skipped)",
            "a trace has at least one row; check start, limit and skip_bad",
        )
    return trace


def _spread(trace: RequestTrace, options: ReadOptions) -> RequestTrace:
    step = options.spread_ps
    if step is None:
        step = trace.stamp_step_ps or quantisation_step_ps(trace.arrival_ps)
    if step == 0 or len(trace) == 0:
        return trace
    arrival = spread(trace.arrival_ps, step, options.seed)
    order = np.argsort(arrival, kind="stable").astype(np.int64)
    note = f"arrival stamps spread by U(0, {step / PS_PER_S:g} s)"
    if options.spread_ps is None:
        note += f": the trace is quantised to {step / PS_PER_S:g} s"
    moved = trace.take(order, arrival[order] - arrival.min())
    return replace(moved, notes=(*trace.notes, note))


def _window(trace: RequestTrace, options: ReadOptions) -> RequestTrace:
    first = int(np.searchsorted(trace.arrival_ps, options.start_ps))
    last = len(trace) if options.limit is None else min(len(trace), first + options.limit)
    if (first, last) == (0, len(trace)):
        return trace
    rows = np.arange(first, last, dtype=np.int64)
    arrival = trace.arrival_ps[rows]
    return trace.take(rows, arrival - (arrival[0] if len(rows) else 0))
