# SPDX-License-Identifier: Apache-2.0
"""What every page shares: templates, colours, filters."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from emu.report.figures.base import SCHEME_DARK, SCHEME_LIGHT, SVG_CSS
from emu.report.numerals import TIME, number, spoken
from emu.report.style import design_css

__all__ = ["environment", "page_css"]


def environment() -> Environment:
    """Templates; an undefined name is an error, never an empty place on the page."""
    env = Environment(
        loader=PackageLoader("emu.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(["html.j2"]),
    )
    env.filters["number"] = number
    env.filters["time"] = lambda ps: spoken(float(ps), TIME)
    return env


def page_css() -> str:
    """Colours of both schemes: the reader's system decides unless the toggle did."""
    head, rest = design_css().split("@dark{", 1)
    dark, rules = rest.split("}", 1)
    light = head.removeprefix(":root{").rstrip("}")
    return (
        f":root{{color-scheme:light;{SCHEME_LIGHT}{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light])"
        f"{{color-scheme:dark;{SCHEME_DARK}{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{SCHEME_DARK}{dark}}}}}"
        f"{rules}{SVG_CSS}"
    )
