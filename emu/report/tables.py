# SPDX-License-Identifier: Apache-2.0
"""Tables of the report: for the page, for Markdown and as CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from emu.report.analysis.bootstrap import Interval
from emu.report.analysis.kpi import KPIS
from emu.report.dataset import Case, Dataset
from emu.report.numerals import BYTES, TIME, Scale, interval_text, number
from emu.report.results import CellResult, headline_columns, seeds

__all__ = [
    "Entry",
    "Head",
    "Row",
    "Table",
    "common_notes",
    "cost_table",
    "headline_table",
    "kpi_table",
    "runs_frame",
]

_NONE = Scale(("", 1.0))
_SCALES = {
    "time": TIME,
    "bytes": BYTES,
    "count": _NONE,
    "ratio": Scale(("slowdown ×", 1.0)),
    "rate": Scale(("GB/s", 1.0)),
    "percent": Scale(("%", 1.0)),
}


@dataclass(frozen=True)
class Head:
    """Column head: name, unit and the definition it leads to."""

    name: str
    unit: str = ""
    term: str = ""
    note: str = ""
    style: int | None = None


@dataclass(frozen=True)
class Entry:
    """One number (or word) with its interval and the runs it comes from."""

    text: str
    interval: str = ""
    mark: str = ""
    """best | tied | empty"""
    href: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    label: str
    entries: list[Entry]
    style: int | None = None
    unit: str = ""
    tip: str = ""
    aside: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    ident: str
    title: str
    heads: list[Head]
    rows: list[Row]
    frame: pd.DataFrame
    corner: str = "Design"
    notes: list[str] = field(default_factory=list)


def headline_table(case: Case, rows: Sequence[CellResult], tail_q: float) -> Table:
    """The table that answers the question, for one case."""
    columns = headline_columns(list(rows), tail_q)
    heads, records = [], []
    cells: list[list[Entry]] = [[] for _ in rows]
    for column in columns:
        unit, factor = _unit(column.kind, column.values)
        heads.append(Head(column.name, unit, column.term, column.note))
        group = column.best(seeds(list(rows)))
        for i, value in enumerate(column.values):
            cells[i].append(_entry(value, factor, i, group, rows[i]))
            records.append(
                {
                    "case": case.title,
                    "design": rows[i].design.label,
                    "measure": column.name,
                    "unit": _stored_unit(column.kind),
                    "value": value.value,
                    "low": value.low,
                    "high": value.high,
                    "best": i in group,
                }
            )
    table_rows = [Row(r.design.label, cells[i], r.design.style) for i, r in enumerate(rows)]
    return Table(f"answer-{case.slug}", case.title, heads, table_rows, pd.DataFrame(records))


def kpi_table(case: Case, rows: Sequence[CellResult]) -> Table:
    """KPIs under the draft's names, one column per design."""
    heads = [Head(r.design.label, style=r.design.style) for r in rows]
    table_rows, records = [], []
    for k, kpi in enumerate(KPIS):
        values = [r.kpis[k] for r in rows]
        entries = [
            Entry(number(v.value), interval_text(v), "", f"#{r.cell.slug}")
            for v, r in zip(values, rows, strict=True)
        ]
        name = f"{kpi.name} {kpi.part}".strip()
        table_rows.append(Row(name, entries, unit=kpi.unit, tip=kpi.meaning, aside=kpi.counter))
        records += [
            {
                "case": case.title,
                "kpi": kpi.name,
                "part": kpi.part,
                "unit": kpi.unit,
                "design": r.design.label,
                "value": v.value,
                "low": v.low,
                "high": v.high,
                "sonic_counter": kpi.counter,
            }
            for v, r in zip(values, rows, strict=True)
        ]
    return Table(f"kpi-{case.slug}", case.title, heads, table_rows, pd.DataFrame(records), "KPI")


def cost_table(case: Case, rows: Sequence[CellResult]) -> Table:
    """What each mechanism cost."""
    headers = [_share(r) for r in rows]
    links = [len(r.cell.runs[0].links) for r in rows]
    blocked = [len(r.cell.runs[0].meta["blocked_links"]) for r in rows]
    flooded = [r.counter("flooded_bytes") for r in rows]
    holes = [r.counter("blackholed_packets") for r in rows]
    unit, factor = _unit("bytes", flooded)
    heads = [
        Head("Header bytes", "% of wire bytes", "header"),
        Head("Blocked links", "of all links", "blocked"),
        Head("Flooded", unit, "flooded"),
        Head("Black-holed", "packets", "blackholed"),
    ]
    table_rows, records = [], []
    shared = common_notes(rows)
    for i, result in enumerate(rows):
        href = f"#{result.cell.slug}"
        notes = [str(n) for n in result.cell.runs[0].meta["notes"] if n not in shared]
        table_rows.append(
            Row(
                result.design.label,
                [
                    Entry(number(headers[i]), "", "", href),
                    Entry(f"{blocked[i]} / {links[i]}", "", "", href),
                    Entry(
                        number(flooded[i].value / factor),
                        interval_text(flooded[i], factor),
                        "",
                        href,
                    ),
                    Entry(number(holes[i].value), interval_text(holes[i]), "", href),
                ],
                result.design.style,
                aside="; ".join(notes),
            )
        )
        records.append(
            {
                "case": case.title,
                "design": result.design.label,
                "header_percent": headers[i],
                "blocked_links": blocked[i],
                "links": links[i],
                "flooded_bytes": flooded[i].value,
                "blackholed_packets": holes[i].value,
                "notes": "; ".join(notes),
            }
        )
    return Table(f"cost-{case.slug}", case.title, heads, table_rows, pd.DataFrame(records))


def common_notes(rows: Sequence[CellResult]) -> list[str]:
    """Notes that all designs share: about the workload, not about a mechanism."""
    if len(rows) < 2:
        return []
    first, *others = ([str(n) for n in r.cell.runs[0].meta["notes"]] for r in rows)
    return [note for note in first if all(note in other for other in others)]


def runs_frame(data: Dataset) -> pd.DataFrame:
    """One row per run: what every number of the report can be traced to."""
    return pd.DataFrame(
        [
            {
                "design": run.meta["design_label"],
                "labels": json.dumps(run.labels, sort_keys=True),
                "seed": run.seed,
                "variant": run.meta["variant"],
                "backend": run.meta["backend"],
                "transfers": len(run.transfers),
                "packets": run.meta["packets"],
                "packet_hops": run.meta["packet_hops"],
                "fabric_ms": run.meta["fabric_ps"] / 1e9,
                "offered_load": run.meta["offered_load"],
                "emu_version": run.meta["emu_version"],
                "scenario_sha256": run.meta["scenario_sha256"],
                "command": run.meta["command"],
            }
            for run in data.runs
        ]
    )


def _unit(kind: str, values: Sequence[Interval]) -> tuple[str, float]:
    return _SCALES[kind].choose(v.value for v in values if v.known)


def _stored_unit(kind: str) -> str:
    return {"time": "ps", "bytes": "bytes", "count": "1", "ratio": "1", "rate": "GB/s"}[kind]


def _entry(
    value: Interval, factor: float, index: int, group: set[int], result: CellResult
) -> Entry:
    mark = "" if index not in group else "best" if len(group) == 1 else "tied"
    scaled = value.value / factor if math.isfinite(value.value) else value.value
    return Entry(number(scaled), interval_text(value, factor), mark, f"#{result.cell.slug}")


def _share(result: CellResult) -> float:
    shares = [
        100 * float(r.counters["header_bytes"]) / total
        for r in result.cell.runs
        if (total := float(r.ports["tx_bytes"].sum())) > 0
    ]
    return sum(shares) / len(shares) if shares else math.nan
