# SPDX-License-Identifier: Apache-2.0
"""Routing policies side by side: what each wins over ECMP, how even it is, what it asks of NICs.

Shown only where the runs differ in their routing; a case then is a policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import Interval, span_interval
from emu.report.analysis.slowdown import paired_ratio
from emu.report.analysis.wording import listed
from emu.report.dataset import Case
from emu.report.numerals import BYTES, interval_text, number, spoken
from emu.report.results import CellResult, Results
from emu.report.tables import Entry, Head, Row, Table
from emu.telemetry import Run

__all__ = ["PUBLISHED", "Routing", "compare_routing"]

_EMPTY = Entry("–", "", "empty", "#routing")


@dataclass(frozen=True)
class Published:
    """A result from elsewhere, and why ours need not equal it."""

    claim: str
    source: str
    policies: tuple[str, ...]
    difference: str


PUBLISHED = (
    Published(
        "CONGA: flow completion times 5 times better than ECMP's with one link failed",
        "Alizadeh et al., SIGCOMM 2014, abstract",
        ("flowlet",),
        "TCP with many short flows leaves gaps; a queue pair that moves a KV cache does not, so "
        "that flowlets have few moments to move; no link fails here",
    ),
    Published(
        "ConWeave: mean completion time -42.3 %, p99 -66.8 %",
        "SIGCOMM 2023, abstract",
        ("flowlet", "adaptive"),
        "ConWeave reroutes within a flow and puts it in order again in the switch; here the NIC "
        "bears the order",
    ),
    Published(
        "Spectrum-X: 95 % against 60 % of the throughput",
        "a vendor's claim, second-hand",
        ("adaptive",),
        "throughput of collectives at full load; here transfers arrive at a serving system's load, "
        "so that links are idle between them",
    ),
    Published(
        "More queue pairs and their source ports in the hash: up to +40 % on all-reduce over ECMP",
        "Meta, SIGCOMM 2024, second-hand",
        (),
        "collectives of few large flows; a transfer here is many queue pairs already",
    ),
    Published(
        "STrack: up to 6 times on synthetic traffic, 27.4 % on collectives over RoCEv2",
        "arXiv 2407.15266",
        ("spray",),
        "a transport of its own with its own congestion control; here DCQCN stays",
    ),
)


@dataclass(frozen=True)
class Routing:
    """The section's tables and sentences."""

    sentences: list[str]
    tables: list[Table]
    frame: pd.DataFrame
    published: list[tuple[Published, str]]


def compare_routing(results: Results) -> Routing | None:
    """The section, or None where all runs have one routing."""
    if len({_key(run) for run in results.data.runs}) < 2:
        return None
    base = next((c for c in results.data.cases if _is_base(results.row(c))), None)
    if base is None:
        return None
    gains = {
        (result.design.label, case.slug): ratio
        for case in results.data.cases
        if case is not base
        for result in results.row(case)
        if (ratio := _gain(results, result, base)) is not None
    }
    tables = [_matrix(results), _gains(results, base, gains), _price(results)]
    frame = pd.concat(
        [table.frame.assign(table=table.ident) for table in tables], ignore_index=True
    )
    return Routing(
        _sentences(results, base, gains), tables, frame, _beside_ours(results, base, gains)
    )


def _key(run: Run) -> str:
    spec = run.meta["spec"]
    return f"{spec.get('routing')} {spec.get('transport', {}).get('receiver')}"


def _is_base(rows: Sequence[CellResult]) -> bool:
    runs = [run for row in rows for run in row.cell.runs]
    return bool(runs) and all(run.meta["spec"]["routing"]["policy"] == "ecmp" for run in runs)


def _policy(results: Results, case: Case) -> str:
    """The policy of a case, where its NICs bear reordering."""
    specs = [run.meta["spec"] for row in results.row(case) for run in row.cell.runs]
    found = {s["routing"]["policy"] for s in specs if s["transport"]["receiver"] != "go-back-n"}
    return str(found.pop()) if len(found) == 1 else ""


def _gain(results: Results, result: CellResult, base: Case) -> Interval | None:
    ecmp = results.of(base, result.design.key)
    if ecmp is None or ecmp.design.label != result.design.label:
        return None
    return paired_ratio(result.samples, ecmp.samples, results.data.tail_q)


def _matrix(results: Results) -> Table:
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


def _gains(results: Results, base: Case, gains: dict[tuple[str, str], Interval]) -> Table:
    """Tail over ECMP's on the same design and the same transfers."""
    heads = [Head(d.label, style=d.style) for d in results.data.designs]
    rows, records = [], []
    for case in results.data.cases:
        if case is base:
            continue
        entries = []
        for design in results.data.designs:
            ratio = gains.get((design.label, case.slug))
            if ratio is None or not ratio.known:
                entries.append(_EMPTY)
                continue
            mark = "best" if ratio.high < 1 else ""
            entries.append(Entry(number(ratio.value), interval_text(ratio), mark, "#routing-tail"))
            records.append(_record(case, design.label, "tail_over_ecmp", ratio))
        rows.append(Row(case.title, entries))
    title = f"{results.data.tail_name} over that of {base.title} on the same design"
    return Table("routing-gain", title, heads, rows, pd.DataFrame(records), "Routing")


def _price(results: Results) -> Table:
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


def _over(runs: Sequence[Run], measure: object) -> Interval:
    assert callable(measure)
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


def _sentences(results: Results, base: Case, gains: dict[tuple[str, str], Interval]) -> list[str]:
    """Per design where a policy helps, where it does not, and where there is none to have."""
    said = []
    cases = [c for c in results.data.cases if c is not base]
    for design in results.data.designs:
        own = [(c, gains[design.label, c.slug]) for c in cases if (design.label, c.slug) in gains]
        own = [(c, ratio) for c, ratio in own if math.isfinite(ratio.value)]
        if not own:
            said.append(f"{design.label}: ECMP only; there is no other policy to have.")
            continue
        better = [f"{c.title} ({number(r.value)}×)" for c, r in own if r.high < 1]
        worse = [f"{c.title} ({number(r.value)}×)" for c, r in own if r.low > 1]
        level = [c.title for c, r in own if not r.high < 1 and not r.low > 1]
        parts = []
        if better:
            parts.append(f"shorter tails with {listed(better)}")
        if worse:
            parts.append(f"longer ones with {listed(worse)}")
        if level:
            parts.append(f"no difference to be told with {listed(level)}")
        said.append(f"{design.label}, against ECMP: {'; '.join(parts)}.")
    held = [
        (float(run.qps["reorder_peak_bytes"].max()), result.cell.case.title)
        for result in results.everything
        for run in result.cell.runs
        if run.qps["reorder_peak_bytes"].max() > 0
    ]
    if held:
        peak, title = max(held)
        said.append(f"The fullest reorder buffer held {spoken(peak, BYTES)} ({title}).")
    return said


def _beside_ours(
    results: Results, base: Case, gains: dict[tuple[str, str], Interval]
) -> list[tuple[Published, str]]:
    """Each published result with our tails over ECMP's, on every design that has the policy."""
    rows = []
    for published in PUBLISHED:
        ours = [
            f"{case.title}, {design.label}: {number(ratio.value)}× ({interval_text(ratio)})"
            for case in results.data.cases
            if case is not base and _policy(results, case) in published.policies
            for design in results.data.designs
            if (ratio := gains.get((design.label, case.slug))) is not None
        ]
        rows.append((published, "; ".join(ours) or "not among these runs"))
    return rows
