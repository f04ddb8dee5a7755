# SPDX-License-Identifier: Apache-2.0
"""What a figure is: a question, panels, and the data behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from emu.report.dataset import Case
from emu.report.results import Results
from emu.report.style import STYLES, design_css
from emu.report.svg import Axis, Panel, text_px, wrap

__all__ = [
    "CASES_MAX",
    "Figure",
    "finite",
    "label_room",
    "label_rows",
    "log_bounds",
    "marker_of",
    "name_row",
    "row_panel",
    "shown_cases",
    "standalone_css",
]

CASES_MAX = 6
_GAP = 12
_NAME_CHARS = 15


@dataclass(frozen=True)
class Figure:
    """One figure of the report.

    Attributes
    ----------
    ident : str
        Anchor, file name and name of the CSV.
    title : str
        The question it answers.
    finding : str
        What it shows, in a sentence computed from the data; may be empty.
    caption : str
        How to read it.
    """

    ident: str
    title: str
    caption: str
    panels: Sequence[Panel]
    data: pd.DataFrame
    finding: str = ""

    @property
    def svgs(self) -> list[str]:
        """Panels as separate elements, for a page that reflows them."""
        return [p.svg(f"{self.ident}-{i}") for i, p in enumerate(self.panels)]

    @property
    def svg_file(self) -> str:
        """All panels in one file that stands alone."""
        columns = 1 if len(self.panels) == 1 else 2 if len(self.panels) <= 4 else 3
        width = max(p.width for p in self.panels) + _GAP
        rows = [list(self.panels[i : i + columns]) for i in range(0, len(self.panels), columns)]
        body, y = [], 30
        for r, row in enumerate(rows):
            for c, panel in enumerate(row):
                inner = panel.svg(f"{self.ident}-{r}-{c}")
                place = (
                    f'<svg x="{c * width + _GAP // 2}" y="{y}" width="{panel.width}" '
                    f'height="{panel.height}" '
                )
                body.append(inner.replace("<svg ", place, 1))
            y += max(p.height for p in row) + _GAP
        total = columns * width
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {y}" '
            f'width="{total}" height="{y}"><title>{escape(self.title)}</title>'
            f"<desc>{escape(self.caption)}</desc><style>{standalone_css()}</style>"
            f'<rect class="page" width="100%" height="100%"/>'
            f'<text class="ftitle" x="10" y="20">{escape(self.title)}</text>{"".join(body)}</svg>\n'
        )


SVG_CSS = """
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
svg text{fill:var(--ink)}
svg .ptitle{font-weight:600;font-size:12px}svg .ftitle{font-weight:700;font-size:15px}
svg .tick{fill:var(--soft);font-size:10.5px}svg .alabel{fill:var(--soft);font-size:10.5px}
svg .note{fill:var(--soft);font-size:10.5px}svg .strong{font-weight:600}
svg .grid{stroke:var(--grid);stroke-width:1;fill:none}svg .axis{stroke:var(--soft);fill:none}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round}svg .thin{stroke-width:1.2}
svg .leader{stroke:var(--soft);stroke-width:.6;fill:none;opacity:.7}
svg .dlabel{font-weight:600;font-size:10.5px}
svg .ci{fill:none;stroke-width:2.2;stroke-dasharray:none}
svg .hollow{fill:var(--page);stroke-width:1.6;stroke-dasharray:none}
svg .ghost{stroke:var(--soft);fill:none;stroke-width:1;opacity:.8}
svg .mark{stroke:var(--bad);stroke-width:1.4;stroke-dasharray:3 2;fill:none}
svg .moment{stroke:var(--ink);stroke-width:.9;stroke-dasharray:2 2;fill:none;opacity:.75}
svg .solid{stroke-width:1.6;stroke-dasharray:none}svg .dashed{stroke-width:1.3;stroke-dasharray:4 2}
svg .pale{opacity:.75}svg .over{stroke:var(--ink);stroke-width:1.3;fill:none}
svg .ref{stroke:var(--ink);stroke-width:1;fill:none}
svg .drop{fill:var(--bad)}
svg .flood{stroke:var(--bad);stroke-width:1.3;stroke-dasharray:1 2;fill:none}
svg .shade{fill:var(--grid);opacity:.55}
svg .rowline{stroke:var(--grid);fill:none}
svg .page{fill:var(--page)}svg .bar{opacity:.9}
svg .h1{fill:var(--h1)}svg .h2{fill:var(--h2)}svg .h3{fill:var(--h3)}svg .h4{fill:var(--h4)}
svg .h5{fill:var(--h5)}svg .frame{fill:var(--h0);stroke:none}
svg .pause-cause{stroke:var(--bad);fill:none;opacity:.85}
svg .pause-passed{stroke:var(--ink);fill:none;opacity:.7;stroke-dasharray:6 3}
svg .pause-head-cause{fill:var(--bad)}svg .pause-head-passed{fill:var(--ink);opacity:.8}
svg .pause-node{fill:var(--page);stroke:var(--soft)}svg .pause-began{fill:var(--bad)}
svg .pause-began-name{fill:var(--page);font-weight:600;font-size:10.5px}
svg .paused{fill:var(--bad)}svg .cell{stroke:var(--page);stroke-width:1}
svg .on1,svg .on2{fill:var(--ink)}svg .on3,svg .on4,svg .on5{fill:var(--onheat)}
"""

SCHEME_LIGHT = (
    "--page:#fff;--ink:#1a1d21;--soft:#5c6670;--grid:#e3e7eb;--bad:#c0341d;"
    "--h0:#f3f5f7;--h1:#cfe3f1;--h2:#93c1de;--h3:#4f97c4;--h4:#1f699f;--h5:#083d66;--onheat:#fff;"
)
SCHEME_DARK = (
    "--page:#14181d;--ink:#e8eaed;--soft:#9aa5b1;--grid:#2a313a;--bad:#ff7a5c;"
    "--h0:#1b2128;--h1:#173a54;--h2:#1f5f8a;--h3:#3a8dc2;--h4:#7dbbe4;--h5:#d6ecfb;--onheat:#0d1114;"
)


def standalone_css() -> str:
    """Style of a single SVG file, light or dark as the reader's system asks."""
    designs = design_css()
    light = f":root{{{SCHEME_LIGHT}}}"
    head, rest = designs.split("@dark{", 1)
    dark_vars, rules = rest.split("}", 1)
    dark = f"@media(prefers-color-scheme:dark){{:root{{{SCHEME_DARK}{dark_vars}}}}}"
    return " ".join(f"{light}{head}{dark}{rules}{SVG_CSS}".split("\n"))


def shown_cases(results: Results, rows_min: int = 1) -> list[Case]:
    """Cases that get a panel: the first few that have results."""
    cases = [c for c in results.data.cases if len(results.row(c)) >= rows_min]
    return cases[:CASES_MAX]


def finite(values: Iterable[float]) -> list[float]:
    return [v for v in values if math.isfinite(v)]


def log_bounds(values: Iterable[float], low: float | None = None) -> tuple[float, float]:
    """Bounds of a logarithmic axis with a little air."""
    positive = [v for v in finite(values) if v > 0]
    if not positive:
        return (low or 1.0), (low or 1.0) * 10
    bottom = low if low is not None else min(positive) / 1.15
    return bottom, max(max(positive) * 1.15, bottom * 1.5)


def label_room(names: Iterable[str]) -> int:
    """Left margin that fits the names of rows, in one line or two."""
    lines = [line for name in names for line in wrap(name, _NAME_CHARS)]
    return int(max((text_px(line, bold=True) for line in lines), default=0.0)) + 10


def row_panel(
    title: str,
    x: Axis,
    rows: Sequence[tuple[str, int]],
    step: int,
    description: str,
    *,
    right: int = 16,
    top: int = 36,
) -> Panel:
    """A panel with one named row per design."""
    panel = Panel(
        title,
        x,
        Axis(0, 1, ticks=()),
        description,
        left=label_room(n for n, _ in rows),
        right=right,
        top=top,
        grid_y=False,
        height=top + 34 + step * len(rows),
    )
    label_rows(panel, rows, step)
    return panel


def label_rows(panel: Panel, rows: Sequence[tuple[str, int]], step: float) -> None:
    """Name each row at the left in its design's colour."""
    for i, (name, style) in enumerate(rows):
        y = panel.top + (i + 0.5) * step
        panel.body.append(
            f'<path class="rowline" d="M{panel.left} {y:.1f}H{panel.width - panel.right}"/>'
        )
        name_row(panel, y, name, style)


def name_row(panel: Panel, y: float, name: str, style: int) -> None:
    """Write a design's name beside its row, broken into two lines if it is long."""
    lines = wrap(name, _NAME_CHARS)
    for k, line in enumerate(lines):
        at = y + 3.5 + (k - (len(lines) - 1) / 2) * 11
        panel.text(panel.left - 7, at, line, f"dlabel t{style}", "end")


def marker_of(style: int) -> str:
    return STYLES[style % len(STYLES)].marker
