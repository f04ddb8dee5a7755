# SPDX-License-Identifier: Apache-2.0
"""The page that shows the simulator beside the lab, variant by variant."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from emu import __version__
from emu.errors import InputError, RunError
from emu.report.agreement.answer import answer, cannot_tell
from emu.report.agreement.comparison import Comparison, comparisons
from emu.report.agreement.failure import Failure, failures
from emu.report.agreement.figures import TITLES, number, percent
from emu.report.agreement.health import CPU_SHARE_MAX, health
from emu.report.agreement.spread import Place, place, tails
from emu.report.build import PAGE_BYTES_MAX
from emu.report.figures import Figure
from emu.report.folder import replacing
from emu.report.page import environment, page_css
from emu.telemetry import Run, canonical_json, find_runs

__all__ = ["lab_report"]

PLACED = ("fct_median_us", "fct_p99_us")
COLUMNS = {
    "fct_median_us": ("FCT median", "µs"),
    "fct_p99_us": ("FCT p99", "µs"),
    "ecn_marked": ("ECN marks", "packets"),
    "cnps": ("CNPs", "packets"),
    "pfc_frames": ("PFC", "frames"),
    "pause_us": ("Paused", "µs"),
    "drops": ("Dropped", "packets"),
}
CASES = {"base": "Without a failure", "link-failure": "With a link failure"}
"""Titles; any other case is called by its own name."""


def lab_report(
    sim: Path,
    lab: Path,
    out: Path,
    *,
    spread: Path | None = None,
    at_rate: Path | None = None,
    scenarios: Sequence[tuple[str, Path, Path]] = (),
    command: str = "make lab-report",
) -> Path:
    """Write index.html, agreement.json and tables/ into ``out``.

    Parameters
    ----------
    sim, lab : Path
        Runs of one experiment on both backends.
    out : Path
        Folder of the page; an older one there is replaced.
    spread : Path, optional
        The simulator's runs with more seeds.
    at_rate : Path, optional
        The simulator's runs of the failures with the control planes' wall times.
    scenarios : sequence of (str, Path, Path)
        Agreement scenarios: name, the simulator's runs, the lab's.
    command : str
        What makes the page again.

    Returns
    -------
    Path
        The page, ``out/index.html``.

    Raises
    ------
    InputError
        No variant was run on both backends.
    RunError
        ``out`` holds something else, or cannot be written.
    """
    rows = comparisons("lab-report", sim, lab)
    if not rows:
        raise InputError("no variant was run on both backends", file=f"{sim}, {lab}")
    content = _Content(
        rows,
        [row for each in scenarios for row in comparisons(*each)],
        _by_variant(spread),
        _by_variant(at_rate),
        command,
    )
    return _write(out, content)


def _by_variant(folder: Path | None) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    if folder is not None and folder.is_dir():
        for run in map(Run, find_runs([folder])[0]):
            found.setdefault(str(run.meta["variant"]), []).append(run)
    return found


@dataclass(frozen=True)
class _Content:
    """Everything that the template shows."""

    rows: Sequence[Comparison]
    scenarios: Sequence[Comparison]
    spread: Mapping[str, list[Run]]
    at_rate: Mapping[str, list[Run]]
    command: str

    @property
    def meta(self) -> dict[str, Any]:
        return self.rows[0].of.meta

    @cached_property
    def cases(self) -> list[tuple[str, list[Comparison]]]:
        found: dict[str, list[Comparison]] = {}
        for row in self.rows:
            found.setdefault(row.case, []).append(row)
        return [(_title(case), rows) for case, rows in found.items()]

    @cached_property
    def places(self) -> dict[tuple[str, str], Place]:
        """By variant and figure."""
        found = {}
        for row in self.rows:
            variant = str(row.of.meta["variant"])
            for name in PLACED:
                where = place(row, self.spread.get(variant, ()), name)
                if where is not None:
                    found[variant, name] = where
        return found

    @cached_property
    def failures(self) -> list[Failure]:
        return failures(self.rows, dict(self.at_rate))

    @property
    def failed(self) -> list[str]:
        """The different failures in words; with the case's name where there are several."""
        by_case = {failure.row.case: failure.what for failure in self.failures}
        if len(by_case) == 1:
            return list(by_case.values())
        return [f"{_title(case)}: {what}" for case, what in by_case.items()]

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for row in self.rows for run in (*row.lab, *row.late)})

    @property
    def spread_seeds(self) -> int:
        return max((len(runs) for runs in self.spread.values()), default=0)

    @cached_property
    def answer(self) -> list[str]:
        plain = {str(r.of.meta["variant"]) for r in self.rows if not r.of.meta["spec"]["faults"]}
        places = [p for (variant, _), p in self.places.items() if variant in plain]
        return answer(self.rows, self.scenarios, places, self.failures, self.spread_seeds)

    @cached_property
    def figures(self) -> list[Figure]:
        return [tails(rows, dict(self.spread), title) for title, rows in self.cases]

    @cached_property
    def csv(self) -> dict[str, str]:
        frames = {f"figure-{f.ident}": f.data for f in self.figures}
        frames["variants"] = _frame(self.rows)
        if self.scenarios:
            frames["agreement"] = _frame(self.scenarios)
        return {
            name: frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
            for name, frame in frames.items()
        }

    def csv_href(self, name: str) -> str:
        coded = base64.b64encode(self.csv[name].encode()).decode()
        return f"data:text/csv;charset=utf-8;base64,{coded}"

    def document(self) -> dict[str, Any]:
        return {
            "question": self.meta["question"],
            "answer": self.answer,
            "variants": [{"case": row.case, "label": row.label, **row.row()} for row in self.rows],
            "scenarios": [row.row() for row in self.scenarios],
        }


def _title(case: str) -> str:
    words = CASES.get(case, case.replace("-", " "))
    return words[:1].upper() + words[1:]


def _frame(rows: Sequence[Comparison]) -> pd.DataFrame:
    records = []
    for row in rows:
        for side, found in zip(("simulator", "lab"), row.sides, strict=True):
            about = {
                "name": row.name,
                "case": row.case,
                "variant": row.label,
                "control": row.control,
                "backend": side,
                "runs": len(row.lab),
            }
            records.append({**about, **found.values, "unfinished": found.unfinished})
    return pd.DataFrame(records)


def _context(content: _Content) -> dict[str, Any]:
    return {
        "content": content,
        "meta": content.meta,
        "css": Markup(page_css()),
        "version": __version__,
        "terms": {},
        "columns": COLUMNS,
        "titles": TITLES,
        "svg": lambda figure: [Markup(s) for s in figure.svgs],
        "value": number,
        "percent": percent,
        "share": lambda x: "–" if x != x else f"{100 * x:.2g} %",
        "us": lambda ps: "not seen" if ps is None else f"{ps / 1e6:.3f}",
        "health": health(content.rows),
        "scenario_health": health(content.scenarios),
        "cpu_share_max": CPU_SHARE_MAX,
        "limits": cannot_tell(content.rows, len(content.seeds)),
        "traces": [row for row in (*content.rows, *content.scenarios) if row.lab and row.trace],
        "apart": [
            row
            for row in (*content.rows, *content.scenarios)
            if row.lab and (row.over or row.noted) and not row.trace
        ],
    }


def _write(out: Path, content: _Content) -> Path:
    marker = "agreement.json"
    with replacing(out, marker, "this report") as folder:
        page = environment().get_template("lab.html.j2").render(_context(content))
        if len(page.encode()) > PAGE_BYTES_MAX:
            raise RunError(f"{out}: the page would have {len(page.encode())} bytes")
        for name, text in content.csv.items():
            (folder / "tables" / f"{name}.csv").write_text(text, encoding="utf-8")
        (folder / "index.html").write_text(page, encoding="utf-8")
        (folder / marker).write_text(canonical_json(content.document()), encoding="utf-8")
    return out / "index.html"
