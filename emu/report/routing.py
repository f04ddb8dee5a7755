# SPDX-License-Identifier: Apache-2.0
"""Routing policies side by side: what each wins over ECMP, how even it is, what it asks of NICs.

Shown only where the runs differ in their routing; a case then is a policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    broken: bool = False
    """It is about a fabric with a fault, so that ours is too."""


PUBLISHED = (
    Published(
        "CONGA: flow completion times 5 times better than ECMP's with one link failed",
        "Alizadeh et al., SIGCOMM 2014, abstract",
        ("flowlet",),
        "mean over TCP flows of all sizes, most of them short, at a load that the fabric that is "
        "left can hardly carry; here 2 of the 16 links to one leaf are gone, which leaves room, "
        "and a queue pair that moves a KV cache has no silences in which a flowlet could move",
        broken=True,
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
        ("ecmp",),
        "collectives of few large flows that wait for each other; a transfer here is several "
        "queue pairs already, and waits for its slowest",
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
    bases = _bases(results)
    if not bases:
        return None
    gains = {
        (result.design.label, case.slug): ratio
        for case in results.data.cases
        if (base := bases.get(case.slug)) is not None and base is not case
        for result in results.row(case)
        if (ratio := _gain(results, result, base)) is not None
    }
    tables = [_matrix(results), _gains(results, bases, gains), _price(results)]
    frame = pd.concat(
        [table.frame.assign(table=table.ident) for table in tables], ignore_index=True
    )
    return Routing(_sentences(results, gains), tables, frame, _beside_ours(results, gains))


def _key(run: Run) -> str:
    spec = run.meta["spec"]
    return f"{spec.get('routing')} {spec.get('transport', {}).get('receiver')}"


def _bases(results: Results) -> dict[str, Case]:
    """Slug of each case to the first case with ECMP and the same faults."""
    first: dict[str, Case] = {}
    for case in results.data.cases:
        rows = results.row(case)
        if _is_base(rows):
            first.setdefault(_faults(rows), case)
    return {
        case.slug: first[faults]
        for case in results.data.cases
        if (faults := _faults(results.row(case))) in first
    }


def _faults(rows: Sequence[CellResult]) -> str:
    return str(next((run.meta["spec"].get("faults") for r in rows for run in r.cell.runs), None))


def _is_base(rows: Sequence[CellResult]) -> bool:
    routings = [run.meta["spec"]["routing"] for row in rows for run in row.cell.runs]
    return bool(routings) and all(r["policy"] == "ecmp" and not _turned(r) for r in routings)


def _turned(routing: Mapping[str, Any]) -> bool:
    """Whether a knob of ECMP is not where it is by default."""
    ecmp = routing.get("ecmp") or {}
    return bool(ecmp.get("resilient")) or ecmp.get("weights", "equal") != "equal"


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


def _gains(
    results: Results, bases: Mapping[str, Case], gains: dict[tuple[str, str], Interval]
) -> Table:
    """Tail over ECMP's on the same design and the same transfers."""
    heads = [Head(d.label, style=d.style) for d in results.data.designs]
    rows, records = [], []
    for case in results.data.cases:
        if bases.get(case.slug, case) is case:
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
    title = f"{results.data.tail_name} over that of ECMP: same design, same faults"
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


def _sentences(results: Results, gains: dict[tuple[str, str], Interval]) -> list[str]:
    """Per design where a policy helps, where it does not, and where there is none to have."""
    said = []
    cases = [c for c in results.data.cases if any(slug == c.slug for _, slug in gains)]
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
    said += _nothing(results, cases, gains)
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


def _nothing(
    results: Results, cases: Sequence[Case], gains: dict[tuple[str, str], Interval]
) -> list[str]:
    """Where balancing by load gives nothing: designs, and policies."""
    better = {key for key, ratio in gains.items() if ratio.high < 1}
    policy = {case.slug: _policy(results, case) for case in cases}
    active = [case for case in cases if policy[case.slug] not in ("", "ecmp")]
    without, untold = [], []
    for design in results.data.designs:
        own = [case for case in active if (design.label, case.slug) in gains]
        if not own:
            without.append(design.label)
        elif not any((design.label, case.slug) in better for case in own):
            untold.append(design.label)
    said = []
    if without:
        said.append(f"Adaptive routing gives {listed(without)} nothing: it is not to be had there.")
    if untold:
        said.append(f"On {listed(untold)} no gain of it can be told from chance.")
    idle = [c.title for c in active if not any((d.label, c.slug) in better
                                               for d in results.data.designs)]  # fmt: skip
    if idle:
        said.append(f"Nowhere a shorter tail than ECMP's, as far as can be told: {listed(idle)}.")
    return said


def _beside_ours(
    results: Results, gains: dict[tuple[str, str], Interval]
) -> list[tuple[Published, str]]:
    """Each published result with our tails over ECMP's, on every design that has the policy."""
    rows = []
    for published in PUBLISHED:
        ours = [
            f"{case.title}, {design.label}: {number(ratio.value)}× ({interval_text(ratio)})"
            for case in results.data.cases
            if _policy(results, case) in published.policies
            and (_faults(results.row(case)) not in ("None", "[]")) == published.broken
            for design in results.data.designs
            if (ratio := gains.get((design.label, case.slug))) is not None
        ]
        rows.append((published, "; ".join(ours) or "not among these runs"))
    return rows
