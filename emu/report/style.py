# SPDX-License-Identifier: Apache-2.0
"""One colour, dash and marker per design, the same in every figure.

The hues are those of Okabe and Ito: they survive colour-blindness and, with the dash and the
marker, grey printing. Text in a design's colour is drawn in a darker (on white) or lighter
(on black) shade of the same hue so that it stays readable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["STYLES", "Style", "design_css", "free_style", "short_label", "style_index"]


@dataclass(frozen=True)
class Style:
    """How one design is drawn."""

    line: str
    ink_light: str
    """Shade for text on a white page."""
    ink_dark: str
    """Shade for text on a dark page."""
    line_dark: str
    """Line on a dark page, where the pure hue would vanish."""
    dash: str
    marker: str


STYLES: Final[tuple[Style, ...]] = (
    Style("#0072b2", "#005a8d", "#6db8e8", "#2b94d6", "", "circle"),
    Style("#009e73", "#00704f", "#3fcfa3", "#009e73", "7 2", "square"),
    Style("#d55e00", "#a84900", "#ff9a52", "#e8711a", "2 2", "triangle"),
    Style("#e69f00", "#8a5f00", "#f5b93d", "#e69f00", "9 2 2 2", "diamond"),
    Style("#cc79a7", "#98426f", "#eaa6cb", "#cc79a7", "5 3", "down"),
    Style("#56b4e9", "#1b6fa3", "#8ed0f6", "#56b4e9", "1 2", "cross"),
    Style("#444444", "#333333", "#d5d5d5", "#bbbbbb", "12 3", "plus"),
    Style("#8c8500", "#635e00", "#f0e442", "#f0e442", "3 1", "star"),
)

_KNOWN: Final = {
    "l3": (0, "L3"),
    "l3-host": (1, "L3 to host"),
    "stretched-l2/rstp": (2, "L2 RSTP"),
    "stretched-l2/mlag": (3, "L2 MLAG"),
    "evpn/l2vni": (4, "EVPN L2VNI"),
    "evpn/l3vni": (5, "EVPN L3VNI"),
}


def style_index(key: str) -> int:
    """Place of a design in `STYLES`; designs that are not known come after those that are."""
    return _KNOWN[key][0] if key in _KNOWN else 6


def free_style(key: str, taken: set[int]) -> int:
    """The design's own style, or one that no design of this report has.

    Variants of one design (the same key twice) take the spare styles first, then those of
    designs that might be missing; only a ninth design shares one.
    """
    own = style_index(key)
    order = [own, *range(len(_KNOWN), len(STYLES)), *range(len(_KNOWN))]
    return next((i for i in order if i not in taken), own)


def short_label(key: str, label: str) -> str:
    """Name for figures: the short one of a known design unless the experiment gave its own."""
    known = _KNOWN.get(key)
    generic = {key, key.replace("/", " "), key.replace("/", "-"), ""}
    return known[1] if known and label in generic else label


def design_css() -> str:
    """CSS custom properties `--dN` (line) and `--dN-ink` (text) for both schemes."""
    light = "".join(f"--d{i}:{s.line};--d{i}-ink:{s.ink_light};" for i, s in enumerate(STYLES))
    dark = "".join(f"--d{i}:{s.line_dark};--d{i}-ink:{s.ink_dark};" for i, s in enumerate(STYLES))
    rules = "".join(
        f".l{i}{{stroke:var(--d{i});stroke-dasharray:{s.dash or 'none'}}}"
        f".f{i}{{fill:var(--d{i})}}.m{i}{{stroke:var(--d{i});fill:var(--d{i})}}"
        f".t{i}{{fill:var(--d{i}-ink);color:var(--d{i}-ink)}}"
        for i, s in enumerate(STYLES)
    )
    return f":root{{{light}}}@dark{{{dark}}}{rules}"
