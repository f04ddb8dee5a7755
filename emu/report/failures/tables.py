# SPDX-License-Identifier: Apache-2.0
"""Tables about faults: all measures of one fault, and one measure over all faults."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from emu.report.analysis.bootstrap import Interval
from emu.report.dataset import DesignRef
from emu.report.failures.measures import MEASURES, Measure, Outcome, Outcomes
from emu.report.failures.study import Study
from emu.report.numerals import BYTES, TIME, Scale, interval_text, number
from emu.report.tables import Entry, Head, Row, Table

__all__ = ["fault_table", "matrix"]

_SCALES = {"time": TIME, "bytes": BYTES, "percent": Scale(("%", 1.0))}
_EMPTY = Entry("–", "", "empty", "#failures")


def fault_table(study: Study, outcomes: Outcomes) -> Table:
    """Every design and routing under one fault."""
    found = [outcomes.of(study, arm) for arm in study.arms]
    heads, columns = [], []
    for measure in MEASURES:
        values = [_value(outcome, measure) for outcome in found]
        unit, factor = _SCALES[measure.kind].choose(v.value for v in values)
        heads.append(Head(measure.name, unit))
        columns.append([_entry(v, factor, measure, "../index.html#runs") for v in values])
    rows = [
        Row(arm.label, [column[i] for column in columns], arm.design.style)
        for i, arm in enumerate(study.arms)
    ]
    return Table("fault", study.title, heads, rows, fault_frame(study, outcomes), "Design")


def fault_frame(study: Study, outcomes: Outcomes) -> pd.DataFrame:
    """The same as rows of a CSV."""
    return pd.DataFrame(
        [
            {
                "fault": study.title,
                "design": arm.design.label,
                "routing": arm.routing or "–",
                "measure": measure.field,
                "value": value.value,
                "low": value.low,
                "high": value.high,
            }
            for arm in study.arms
            for measure in MEASURES
            for value in [
                _value(outcomes.of(study, arm), measure),
            ]
        ]
    )


def matrix(
    measure: Measure,
    title: str,
    found: Sequence[Study],
    designs: Sequence[DesignRef],
    outcomes: Outcomes,
) -> Table:
    """One measure: a row per fault, a column per design, its routings in one cell."""
    values = [_value(outcome, measure) for outcome in outcomes.all()]
    unit, factor = _SCALES[measure.kind].choose(v.value for v in values)
    heads = [Head(design.label, unit, style=design.style) for design in designs]
    rows = []
    for study in found:
        entries = []
        for design in designs:
            arms = study.of(design)
            if not arms:
                entries.append(_EMPTY)
                continue
            cell = [_value(outcomes.of(study, arm), measure) for arm in arms]
            others = [
                f"{arm.routing} {_text(value, factor, measure)}"
                for arm, value in zip(arms[1:], cell[1:], strict=True)
            ]
            href = f"faults/{study.slug}.html"
            entries.append(Entry(_text(cell[0], factor, measure), "; ".join(others), "", href))
        rows.append(Row(study.title, entries))
    return Table(
        f"failures-{measure.field.replace('_', '-')}", title, heads, rows, pd.DataFrame(), "Fault"
    )


def _value(outcome: Outcome, measure: Measure) -> Interval:
    value = getattr(outcome, measure.field)
    assert isinstance(value, Interval)
    return value


def _entry(value: Interval, factor: float, measure: Measure, href: str) -> Entry:
    known = math.isfinite(value.value)
    interval = interval_text(value, factor) if known else ""
    return Entry(_text(value, factor, measure), interval, "", href)


def _text(value: Interval, factor: float, measure: Measure) -> str:
    if measure.kind == "time" and math.isinf(value.value):
        return "never"
    return number(value.value / factor)
