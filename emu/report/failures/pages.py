# SPDX-License-Identifier: Apache-2.0
"""A page per fault: what it is, what it cost whom, and the time around it."""

from __future__ import annotations

from dataclasses import dataclass

from emu.report.failures.section import Failures
from emu.report.failures.study import Study
from emu.report.failures.tables import fault_table
from emu.report.failures.timelines import timelines
from emu.report.figures.base import Figure
from emu.report.numerals import TIME, spoken
from emu.report.tables import Table

__all__ = ["FaultPage", "fault_pages"]

_STEPS_MAX = 40


@dataclass(frozen=True)
class FaultPage:
    """What `fault.html.j2` shows."""

    study: Study
    table: Table
    figures: list[Figure]
    steps: list[tuple[str, list[tuple[str, str, str]]]]
    """Per design: (time after the fault, where, what) of its first seed."""

    @property
    def file(self) -> str:
        return f"faults/{self.study.slug}.html"

    @staticmethod
    def csv_href(name: str) -> str:
        return f"../tables/{name}.csv"


def fault_pages(failures: Failures) -> list[FaultPage]:
    """All pages, in the order of the section's tables."""
    return [
        FaultPage(
            study,
            fault_table(study, failures.outcomes),
            timelines(study, failures.outcomes),
            [(design.label, _steps(study, design.label)) for design in study.designs],
        )
        for study in failures.studies
    ]


def _steps(study: Study, design: str) -> list[tuple[str, str, str]]:
    events = study.events[study.events["design"] == design]
    rows = [
        (
            spoken(float(at) - study.start_ps, TIME),
            _where(str(node), str(port)),
            str(detail),
        )
        for at, node, port, detail in zip(
            *(events[name].head(_STEPS_MAX) for name in ("t_ps", "node", "port", "detail")),
            strict=True,
        )
    ]
    if len(events) > _STEPS_MAX:
        rows.append(("", "", f"… and {len(events) - _STEPS_MAX} more in events.parquet"))
    return rows


def _where(node: str, port: str) -> str:
    if not port:
        return node
    return port if not node or port.startswith(node) else f"{node}, {port}"
