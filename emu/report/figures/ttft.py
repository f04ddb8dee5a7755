# SPDX-License-Identifier: Apache-2.0
"""The fabric's share of the time to first token."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from emu.report.analysis.bootstrap import quantile
from emu.report.figures.base import (
    Figure,
    log_bounds,
    marker_of,
    row_panel,
    shown_cases,
)
from emu.report.numerals import number
from emu.report.results import CellResult, Results
from emu.report.svg import Axis, marker_path

__all__ = ["draw"]

_STEP = 30
_PARTS = (
    ("TTFT_fabric", "P50", 0.5),
    ("TTFT_fabric", "P99", 0.99),
    ("TTFT", "P50", 0.5),
    ("TTFT", "P99", 0.99),
)
_COLUMN = {"TTFT": "ttft_ps", "TTFT_fabric": "ttft_fabric_ps"}


def draw(results: Results) -> Figure:
    """Median and 99th percentile of both, and the share."""
    cases = shown_cases(results)
    values = {(c.slug, r.design.label): _values(r) for c in cases for r in results.row(c)}
    flat = [v for d in values.values() for v in d.values()]
    title = "How much of the time to first token is the fabric?"
    if not any(math.isfinite(v) and v > 0 for v in flat):
        return Figure("ttft", title, "", [], pd.DataFrame())
    low, high = log_bounds(flat)
    panels, records = [], []
    for case in cases:
        rows = results.row(case)
        panel = row_panel(
            case.title,
            Axis(low, high, log=True, label="ms (log scale)"),
            [(r.design.label, r.design.style) for r in rows],
            _STEP,
            "; ".join(_spoken(r.design.label, values[(case.slug, r.design.label)]) for r in rows),
            right=58,
        )
        panel.text(panel.width - 4, panel.top - 6, "share", "note", "end")
        for i, result in enumerate(rows):
            mine, style = values[(case.slug, result.design.label)], result.design.style
            y = panel.top + (i + 0.5) * _STEP
            for name, part, _ in _PARTS:
                value = mine[f"{name} {part}"]
                shift, css = (-5, "") if name == "TTFT_fabric" else (5, "hollow")
                size = 3.0 if part == "P50" else 4.2
                shape = marker_path(marker_of(style), panel.px(value), y + shift, size)
                panel.body.append(
                    f'<path class="m{style} {css}" d="{shape}"><title>{name} {part} '
                    f"{number(value)} ms</title></path>"
                )
                records.append(
                    {
                        "case": case.title,
                        "design": result.design.label,
                        "kpi": name,
                        "percentile": part,
                        "ms": value,
                    }
                )
            for name, shift in (("TTFT_fabric", -5), ("TTFT", 5)):
                a, b = panel.px(mine[f"{name} P50"]), panel.px(mine[f"{name} P99"])
                panel.body.append(
                    f'<path class="ci l{style}" style="stroke-width:1" '
                    f'd="M{a:.1f} {y + shift:.1f}H{b:.1f}"/>'
                )
            panel.text(panel.width - 4, y + 3.5, f"{number(100 * _share(result))} %", "tick", "end")
        panels.append(panel)
    return Figure(
        "ttft",
        title,
        "Upper, filled: TTFT_fabric, the exposed KV transfer; lower, hollow: TTFT. The small mark "
        "is the median, the large one the 99th percentile. Share: mean TTFT_fabric over mean "
        "TTFT of requests that got a token. Prefill and decode times are assumed (see Parameters), "
        "the fabric's part is simulated.",
        panels,
        pd.DataFrame(records),
    )


def _spoken(label: str, mine: dict[str, float]) -> str:
    fabric, whole = number(mine["TTFT_fabric P99"]), number(mine["TTFT P99"])
    return f"{label}: fabric {fabric} ms of {whole} ms at P99"


def _values(result: CellResult) -> dict[str, float]:
    found = {}
    for name, part, q in _PARTS:
        pooled = np.concatenate(
            [r.requests[_COLUMN[name]].to_numpy(float) for r in result.cell.runs]
        )
        found[f"{name} {part}"] = quantile(np.where(pooled < 0, np.inf, pooled), q) / 1e9
    return found


def _share(result: CellResult) -> float:
    requests = pd.concat([r.requests for r in result.cell.runs])
    done = requests[(requests["ttft_ps"] > 0) & (requests["ttft_fabric_ps"] >= 0)]
    total = float(done["ttft_ps"].sum())
    return float(done["ttft_fabric_ps"].sum()) / total if total else math.nan
