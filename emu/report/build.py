# SPDX-License-Identifier: Apache-2.0
"""Builds a report folder from run directories."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from emu.errors import InputError, RunError
from emu.report.analysis import answer
from emu.report.analysis.bootstrap import DRAWS
from emu.report.analysis.kpi import NOT_MEASURED
from emu.report.analysis.wording import small
from emu.report.dataset import Dataset
from emu.report.failures import Failures, FaultPage, compare_failures, fault_pages
from emu.report.figures import Figure, draw_all
from emu.report.folder import replacing
from emu.report.limits import limits
from emu.report.page import environment, page_css
from emu.report.parameters import parameters, timers
from emu.report.results import Results
from emu.report.routing import Routing, compare_routing
from emu.report.tables import Table, common_notes, cost_table, headline_table, kpi_table, runs_frame
from emu.report.terms import TERMS
from emu.telemetry import Run, canonical_json, find_runs

__all__ = ["PAGE_BYTES_MAX", "REPORT_SCHEMA", "build"]

REPORT_SCHEMA = 1
PAGE_BYTES_MAX = 6_000_000
_EMBEDDED_BYTES_MAX = 4_000_000


def build(
    run_dirs: Sequence[Path | str],
    out: Path | str,
    *,
    command: str | None = None,
    allow_incomplete: bool = False,
) -> Path:
    """Write index.html, report.md, report.json, tables/ and figures/ into `out`.

    Parameters
    ----------
    run_dirs : sequence of Path
        Run directories, or folders that hold some.
    out : Path
        Folder of the report. An older report there is replaced; anything else is left alone.
    command : str, optional
        Command that reproduces the report; otherwise the runs' own commands are shown.
    allow_incomplete : bool
        Report on the complete runs even if others are not; the page then says so.

    Returns
    -------
    Path
        The page, `out/index.html`.

    Raises
    ------
    InputError
        No complete run.
    RunError
        Unfinished runs, runs of several experiments, or `out` holds something that is not
        a report.
    """
    complete, incomplete = find_runs(run_dirs)
    if incomplete and not allow_incomplete:
        raise RunError(
            f"{incomplete[0]}: the run is not complete ({len(incomplete)} in all); finish with "
            "`emu run --resume`, or allow a report without"
        )
    if not complete:
        raise InputError(
            "no complete run found",
            file=", ".join(map(str, run_dirs)),
            hint="emu run EXPERIMENT.yaml makes some, and --resume finishes what was begun",
        )
    runs = [Run(path) for path in complete]
    names = sorted({str(run.meta["experiment"]) for run in runs})
    if len(names) > 1:
        raise RunError(
            f"the runs belong to {len(names)} experiments ({', '.join(names)}); a "
            "report answers one question: give the runs of one of them"
        )
    content = _Content(Results.compute(Dataset.from_runs(runs)), command, len(incomplete))
    return _write(Path(out), content)


@dataclass(frozen=True)
class _Content:
    """Everything that the templates show."""

    results: Results
    command: str | None
    n_incomplete: int

    @property
    def data(self) -> Dataset:
        return self.results.data

    @cached_property
    def failures(self) -> Failures | None:
        return compare_failures(self.results)

    @cached_property
    def pages(self) -> list[FaultPage]:
        return [] if self.failures is None else fault_pages(self.failures)

    @cached_property
    def shown(self) -> Results:
        """The cases that the page itself shows: where faults have pages, those without faults."""
        calm = [case for case in self.data.cases if not case.has_faults]
        if self.failures is None or not calm:
            return self.results
        return self.results.only(calm)

    @cached_property
    def answer(self) -> answer.Answer:
        found = answer.write(self.shown)
        if self.failures is None:
            said = [] if self.routing is None else self.routing.headline
            return answer.Answer((*said, *found.sentences), found.paragraphs)
        calm = [f"Without a fault: {small(s)}" for s in found.sentences[:1]]
        return answer.Answer(
            (*self.failures.headline, *calm, *found.sentences[1:]), found.paragraphs
        )

    @cached_property
    def figures(self) -> list[Figure]:
        return draw_all(self.shown)

    @cached_property
    def headline(self) -> list[Table]:
        shown = self.shown
        return [headline_table(c, shown.row(c), self.data.tail_q) for c in shown.data.cases]

    @cached_property
    def kpis(self) -> list[Table]:
        return [kpi_table(c, self.shown.row(c)) for c in self.shown.data.cases]

    @cached_property
    def costs(self) -> list[Table]:
        return [cost_table(c, self.shown.row(c)) for c in self.shown.data.cases]

    @cached_property
    def routing(self) -> Routing | None:
        return compare_routing(self.shown)

    @cached_property
    def runs(self) -> pd.DataFrame:
        return runs_frame(self.data)

    @property
    def commands(self) -> list[str]:
        if self.command:
            return [self.command]
        return sorted({str(r.meta["command"]) for r in self.data.runs})

    @cached_property
    def fingerprint(self) -> str:
        parts = sorted(f"{r.meta['scenario_sha256']} {r.seed}" for r in self.data.runs)
        text = "\n".join([*parts, *sorted({str(r.meta["emu_version"]) for r in self.data.runs})])
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def csv(self) -> dict[str, str]:
        """Name to text of every table and every figure's data."""
        frames = {
            "answer": pd.concat([t.frame for t in self.headline], ignore_index=True),
            "kpi": pd.concat([t.frame for t in self.kpis], ignore_index=True),
            "cost": pd.concat([t.frame for t in self.costs], ignore_index=True),
            "runs": self.runs,
            "parameters": pd.DataFrame([vars(p) for p in parameters(self.data)]),
            "timers": pd.DataFrame([vars(t) for t in timers(self.data)]),
        }
        if self.routing is not None:
            frames["routing"] = self.routing.frame
        frames |= {f"figure-{f.ident}": f.data for f in self.figures}
        if self.failures is not None:
            frames["failures"] = self.failures.frame
        for page in self.pages:
            frames[f"fault-{page.study.slug}"] = page.table.frame
            frames |= {f"figure-{f.ident}": f.data for f in page.figures}
        return {
            name: frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
            for name, frame in frames.items()
        }

    @cached_property
    def embedded(self) -> set[str]:
        """CSVs carried inside the page: all of them unless they would make it too large."""
        chosen, total = set(), 0
        own = {f"figure-{f.ident}" for page in self.pages for f in page.figures}
        for name, text in sorted(self.csv.items(), key=lambda item: len(item[1])):
            if name in own:
                continue
            total += len(text.encode()) * 4 // 3
            if total <= _EMBEDDED_BYTES_MAX:
                chosen.add(name)
        return chosen

    def csv_href(self, name: str) -> str:
        if name in self.embedded:
            coded = base64.b64encode(self.csv[name].encode()).decode()
            return f"data:text/csv;charset=utf-8;base64,{coded}"
        return f"tables/{name}.csv"

    def report_json(self) -> dict[str, Any]:
        meta = self.data.meta
        return {
            "report": REPORT_SCHEMA,
            "question": meta["question"],
            "answer": self.answer.headline,
            "details": [{"heading": p.heading, "text": p.text} for p in self.answer.paragraphs],
            "experiment": meta["experiment"],
            "emu_version": meta["emu_version"],
            "backend": sorted({str(r.meta["backend"]) for r in self.data.runs}),
            "command": self.commands,
            "designs": [d.label for d in self.data.designs],
            "cases": [c.title for c in self.data.cases],
            "seeds": sorted({r.seed for r in self.data.runs}),
            "runs": len(self.data.runs),
            "transfers": sum(len(r.transfers) for r in self.data.runs),
            "fingerprint": self.fingerprint,
        }


def _context(content: _Content) -> dict[str, Any]:
    data = content.data
    grouped: dict[str, list[Any]] = {}
    for parameter in sorted(parameters(data), key=lambda p: (p.group != "experiment", p.group)):
        if parameter.group == "timers":  # they have a table of their own
            continue
        grouped.setdefault(parameter.group, []).append(parameter)
    return {
        "content": content,
        "data": data,
        "meta": data.meta,
        "answer": content.answer,
        "headline": content.headline,
        "kpis": content.kpis,
        "costs": content.costs,
        "routing": content.routing,
        "failures": content.failures,
        "pages": content.pages,
        "figures": content.figures,
        "terms": TERMS,
        "varied": [f for f in content.figures if f.ident.startswith("timer-")],
        "not_measured": NOT_MEASURED,
        "parameters": grouped,
        "timers": timers(data),
        "limits": limits(content.results),
        "results": content.results,
        "svg": lambda figure: [Markup(s) for s in figure.svgs],
        "css": Markup(page_css()),
        "seeds": sorted({r.seed for r in data.runs}),
        "draws": DRAWS,
        "notes": {c.title: common_notes(content.results.row(c)) for c in data.cases},
        "cells": [(r.cell, "") for r in content.results.everything]
        + [
            (cell, f"{name} {value}")
            for name, value, cell in data.timer_cells
            if cell not in [r.cell for r in content.results.everything]
        ],
        "n_transfers": sum(len(r.transfers) for r in data.runs),
        "figure_for": lambda name: next(
            (f.ident for f in content.figures if f.ident == name or f.ident.startswith(name)), ""
        ),
    }


def _write(out: Path, content: _Content) -> Path:
    env, context = environment(), _context(content)
    with replacing(out, "report.json", "a report") as folder:
        (folder / "figures").mkdir()
        for name, text in content.csv.items():
            (folder / "tables" / f"{name}.csv").write_text(text, encoding="utf-8")
        for figure in (*content.figures, *(f for p in content.pages for f in p.figures)):
            if figure.panels:
                path = folder / "figures" / f"{figure.ident}.svg"
                path.write_text(figure.svg_file, encoding="utf-8")
        page = env.get_template("index.html.j2").render(context)
        if len(page.encode()) > PAGE_BYTES_MAX:
            raise RunError(
                f"{out}: the page would have {len(page.encode())} bytes, more than "
                f"{PAGE_BYTES_MAX}; report on fewer cases at a time"
            )
        (folder / "index.html").write_text(page, encoding="utf-8")
        for fault in content.pages:
            (folder / "faults").mkdir(exist_ok=True)
            text = env.get_template("fault.html.j2").render({**context, "page": fault})
            (folder / fault.file).write_text(text, encoding="utf-8")
        text = env.get_template("report.md.j2").render(context)
        (folder / "report.md").write_text(text, encoding="utf-8")
        (folder / "report.json").write_text(canonical_json(content.report_json()), encoding="utf-8")
    return out / "index.html"
