# SPDX-License-Identifier: Apache-2.0
"""Tables about routing: tails, what each policy wins over ECMP, and what it asks of NICs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Interval, span_interval
from emu.report.dataset import Case
from emu.report.numerals import interval_text, number
from emu.report.results import Results
from emu.report.routing.comparison import Comparison
from emu.report.tables import Entry, Head, Row, Table
from emu.telemetry import Run

__all__ = ["gains", "matrix", "price"]

_EMPTY = Entry("–", "", "empty", "#routing")


def matrix(results: Results) -> Table:
    """Tail of the slowdown, routing by design."""
    heads = [Head(d.label, style=d.style) for d in results.data.designs]
    rows, records = [], []
    for case in results.data.cases:
        found = {r.design.label: r for r in results.row(case)}
        entries = []
        for design in results.data.designs:
            result = found.get(design.label)
            if result is None:
                entries.append(_EMPTY)
                continue
            tail = result.slowdown.tail
            entries.append(
                Entry(number(tail.value), interval_text(tail), "", f"#{result.cell.slug}")
            )
            records.append(_record(case, design.label, "tail_slowdown", tail))
        rows.append(Row(case.title, entries))
    title = f"{results.data.tail_name} of slowdown, routing × design"
    return Table("routing-tail", title, heads, rows, pd.DataFrame(records), "Routing")


def gains(comparison: Comparison) -> Table:
    """Tail over ECMP's on the same design and the same transfers."""
    results = comparison.results
    heads = [Head(d.label, style=d.style) for d in results.data.designs]
    rows, records = [], []
    for case in results.data.cases:
        if comparison.bases.get(case.slug, case) is case:
            continue
        entries = []
        for design in results.data.designs:
            ratio = comparison.gain(design, case)
            if ratio is None or not ratio.known:
                entries.append(_EMPTY)
                continue
            mark = "best" if ratio.high < 1 else ""
            entries.append(Entry(number(ratio.value), interval_text(ratio), mark, "#routing-tail"))
            records.append(_record(case, design.label, "tail_over_ecmp", ratio))
        rows.append(Row(case.title, entries))
    title = f"{results.data.tail_name} over that of ECMP: same design, same faults"
    return Table("routing-gain", title, heads, rows, pd.DataFrame(records), "Routing")


def price(results: Results) -> Table:
    """Evenness, reordering, and what the NICs need for it."""
    heads = [
        Head("Busiest uplink", "of the mean"),
        Head("Jain", "1 is even"),
        Head("Early packets", "% of data"),
        Head("Earliest", "packets"),
        Head("Reorder buffer", "KB, peak"),
        Head("State", "bytes per QP"),
        Head("Sent again", "% of data"),
    ]
    rows, records = [], []
    for case in results.data.cases:
        for result in results.row(case):
            runs = result.cell.runs
            values = {
                "uplinks_max_over_mean": result.evenness.max_over_mean,
                "uplinks_jain": result.evenness.jfi,
                "early_percent": _over(runs, _early_percent),
                "early_max_packets": _over(runs, lambda r: float(r.qps["early_max_packets"].max())),
                "reorder_peak_kbytes": _over(
                    runs, lambda r: float(r.qps["reorder_peak_bytes"].max()) / 1e3
                ),
                "reorder_state_bytes": _over(
                    runs, lambda r: float(r.qps["reorder_state_bytes"].max())
                ),
                "sent_again_percent": _over(runs, _again_percent),
            }
            href = f"#{result.cell.slug}"
            rows.append(
                Row(
                    f"{case.title}, {result.design.label}",
                    [Entry(number(v.value), interval_text(v), "", href) for v in values.values()],
                    result.design.style,
                )
            )
            records += [_record(case, result.design.label, k, v) for k, v in values.items()]
    title = "Evenness of the uplinks, and the price at the NIC"
    return Table("routing-price", title, heads, rows, pd.DataFrame(records), "Routing, design")


def _over(runs: Sequence[Run], measure: Callable[[Run], float]) -> Interval:
    return span_interval(np.asarray([measure(run) for run in runs], float))


def _early_percent(run: Run) -> float:
    return 100 * float(run.qps["early_packets"].sum()) / max(1.0, float(run.flows["packets"].sum()))


def _again_percent(run: Run) -> float:
    payload = float(run.flows["payload_bytes"].sum())
    return 100 * float(run.flows["retransmitted_bytes"].sum()) / max(1.0, payload)


def _record(case: Case, design: str, measure: str, value: Interval) -> dict[str, object]:
    return {
        "routing": case.title,
        "design": design,
        "measure": measure,
        "value": value.value,
        "low": value.low,
        "high": value.high,
    }
