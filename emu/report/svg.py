# SPDX-License-Identifier: Apache-2.0
"""Small plots as text.

Every panel is about as wide as a phone, so that a page of small multiples reflows instead of
shrinking. Colours are classes resolved by the page's style sheet (light, dark, print); text
stays text; coordinates are rounded, so the same data give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from emu.report.numerals import number

__all__ = [
    "Axis",
    "Label",
    "Panel",
    "marker_path",
    "spread",
    "text_px",
    "tick",
    "ticks_linear",
    "ticks_log",
    "wrap",
]

WIDTH = 360
_CHAR_PX = 6.1
_BOLD_CHAR_PX = 7.1
_END_LABEL_CHARS = 17
_TICK_GAP = 4


def text_px(text: str, bold: bool = False) -> float:
    """About how wide a small text is; fonts differ between machines, so on the safe side."""
    return (_BOLD_CHAR_PX if bold else _CHAR_PX) * len(text)


def tick(value: float) -> str:
    """Number at an axis: no zeros that say nothing."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def wrap(text: str, chars: int) -> list[str]:
    """Break a name into at most two lines; what does not fit ends in an ellipsis."""
    if len(text) <= chars:
        return [text]
    cut = text.rfind(" ", 0, chars + 1)
    if cut <= 0:
        return [text[: chars - 1] + "…"]
    rest = text[cut + 1 :]
    return [text[:cut], rest if len(rest) <= chars else rest[: chars - 1] + "…"]


def _c(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def ticks_linear(low: float, high: float, count: int = 5) -> list[float]:
    """Round values between two bounds."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def ticks_log(low: float, high: float) -> list[float]:
    """Decades, with 2 and 5 between them when there are few."""
    decades = math.log10(high / low) if low > 0 and high > low else 0
    steps = (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 3 else (1,)
    found = []
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        found += [m * 10.0**exponent for m in steps]
    return [v for v in found if low * 0.999 <= v <= high * 1.001]


@dataclass
class Axis:
    """Range and scale of one direction."""

    low: float
    high: float
    log: bool = False
    label: str = ""
    ticks: Sequence[float] | None = None
    format: Callable[[float], str] = tick

    def __post_init__(self) -> None:
        if self.log:
            self.low = max(self.low, 1e-12)
            self.high = max(self.high, self.low * 1.2)
        elif self.high <= self.low:
            self.high = self.low + 1

    def at(self, value: float) -> float:
        """Position from 0 to 1, clipped."""
        if self.log:
            if value <= 0:
                return 0.0
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def marks(self) -> list[float]:
        if self.ticks is not None:
            return [t for t in self.ticks if self.low <= t <= self.high]
        return ticks_log(self.low, self.high) if self.log else ticks_linear(self.low, self.high)


@dataclass
class Label:
    """Text at the end of a line."""

    y: float
    text: str
    css: str
    x: float = 0.0


@dataclass
class Panel:
    """One plot. Data coordinates go through the axes, everything else is in pixels."""

    title: str
    x: Axis
    y: Axis
    description: str = ""
    height: int = 230
    width: int = WIDTH
    left: int = 0
    """Room for tick texts; 0 makes just enough of it."""
    right: int = 12
    top: int = 24
    bottom: int = 34
    grid_x: bool = True
    grid_y: bool = True
    body: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.left == 0:
            widest = max((text_px(self.y.format(v)) for v in self.y.marks()), default=0.0)
            self.left = int(widest + (26 if self.y.label else 10))

    def px(self, value: float) -> float:
        return self.left + self.x.at(value) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        return self.height - self.bottom - self.y.at(value) * (self.height - self.bottom - self.top)

    def line(self, xs: Iterable[float], ys: Iterable[float], css: str, step: bool = False) -> None:
        """A polyline; points that are not finite break it."""
        path, pen, last_y = [], False, 0.0
        for x, y in zip(xs, ys, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = False
                continue
            cx, cy = self.px(x), self.py(y)
            if not pen:
                path.append(f"M{_c(cx)} {_c(cy)}")
            elif step:
                path.append(f"H{_c(cx)}" + (f"V{_c(cy)}" if _c(cy) != _c(last_y) else ""))
            else:
                path.append(f"L{_c(cx)} {_c(cy)}")
            pen, last_y = True, cy
        if path:
            self.body.append(f'<path class="line {css}" d="{"".join(path)}"/>')

    def area(self, xs: Sequence[float], ys: Sequence[float], css: str) -> None:
        """Filled down to the lower end of the y axis, in steps."""
        if not len(xs):
            return
        floor = self.height - self.bottom
        path = [f"M{_c(self.px(xs[0]))} {_c(floor)}"]
        for x, y in zip(xs, ys, strict=True):
            path.append(f"V{_c(self.py(y))}H{_c(self.px(x))}")
        path.append(f"V{_c(floor)}Z")
        self.body.append(f'<path class="{css}" d="{"".join(path)}"/>')

    def segment(self, x0: float, y0: float, x1: float, y1: float, css: str, tip: str = "") -> None:
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.body.append(
            f'<path class="{css}" d="M{_c(self.px(x0))} {_c(self.py(y0))}'
            f'L{_c(self.px(x1))} {_c(self.py(y1))}">{inner}</path>'
        )

    def rect(self, x0: float, y0: float, x1: float, y1: float, css: str, tip: str = "") -> None:
        left, right = sorted((self.px(x0), self.px(x1)))
        upper, lower = sorted((self.py(y0), self.py(y1)))
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.body.append(
            f'<rect class="{css}" x="{_c(left)}" y="{_c(upper)}" width="{_c(right - left)}" '
            f'height="{_c(lower - upper)}">{inner}</rect>'
        )

    def marker(
        self, x: float, y: float, shape: str, css: str, size: float = 4.0, tip: str = ""
    ) -> None:
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        path = marker_path(shape, self.px(x), self.py(y), size)
        self.body.append(f'<path class="{css}" d="{path}">{inner}</path>')

    def text(
        self,
        cx: float,
        cy: float,
        text: str,
        css: str = "tick",
        anchor: str = "start",
    ) -> None:
        """Text at a place in pixels."""
        extra = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.body.append(
            f'<text class="{css}" x="{_c(cx)}" y="{_c(cy)}"{extra}>{escape(text)}</text>'
        )

    def end_label(self, x: float, y: float, text: str, css: str) -> None:
        """Name a line where it ends; names are moved apart and tied to their line."""
        self.labels.append(Label(self.py(y), text, css, self.px(x)))

    def svg(self, ident: str) -> str:
        """The panel as an svg element whose title and description are read aloud."""
        parts = [
            f'<svg class="panel" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-labelledby="{ident}-t {ident}-d" xmlns="http://www.w3.org/2000/svg">',
            f'<title id="{ident}-t">{escape(self.title)}</title>',
            f'<desc id="{ident}-d">{escape(self.description)}</desc>',
            f'<text class="ptitle" x="{min(self.left, 8)}" y="13">{escape(self.title)}</text>',
            *self._axes(),
            *self.body,
            *self._end_labels(),
            "</svg>",
        ]
        return "".join(parts)

    def _axes(self) -> list[str]:
        floor, edge = self.height - self.bottom, self.width - self.right
        grid, texts = [], []
        written = -math.inf
        for value in self.x.marks():
            cx, text = self.px(value), self.x.format(value)
            if self.grid_x:
                grid.append(f"M{_c(cx)} {self.top}V{floor}")
            half = text_px(text) / 2
            if cx - half < written:
                # It would run into its neighbour; the line alone says where it is.
                continue
            written = cx + half + _TICK_GAP
            texts.append(
                f'<text class="tick" x="{_c(cx)}" y="{floor + 13}" text-anchor="middle">'
                f"{escape(text)}</text>"
            )
        for value in self.y.marks():
            cy = self.py(value)
            if self.grid_y:
                grid.append(f"M{self.left} {_c(cy)}H{edge}")
            texts.append(
                f'<text class="tick" x="{self.left - 5}" y="{_c(cy + 3.5)}" '
                f'text-anchor="end">{escape(self.y.format(value))}</text>'
            )
        if self.x.label:
            texts.append(
                f'<text class="alabel" x="{_c((self.left + edge) / 2)}" '
                f'y="{self.height - 5}" text-anchor="middle">'
                f"{escape(self.x.label)}</text>"
            )
        if self.y.label:
            middle = (self.top + floor) / 2
            texts.append(
                f'<text class="alabel" transform="translate(10 {_c(middle)}) '
                f'rotate(-90)" text-anchor="middle">{escape(self.y.label)}</text>'
            )
        axis = f'<path class="axis" d="M{self.left} {floor}H{edge}"/>'
        return [f'<path class="grid" d="{"".join(grid)}"/>', axis, *texts]

    def _end_labels(self) -> list[str]:
        if not self.labels:
            return []
        gap, lowest = 13.0, self.height - self.bottom + 2.0
        ordered = sorted(self.labels, key=lambda label: label.y)
        places = spread([label.y for label in ordered], gap, self.top + 4.0, lowest)
        edge = self.width - self.right
        parts = []
        for label, place in zip(ordered, places, strict=True):
            parts.append(
                f'<path class="leader" d="M{_c(label.x + 2)} {_c(label.y)}'
                f'L{edge + 4} {_c(place)}"/>'
            )
            short = wrap(label.text, _END_LABEL_CHARS)[0]
            parts.append(
                f'<text class="dlabel {label.css}" x="{edge + 7}" '
                f'y="{_c(place + 3.5)}">{escape(short)}</text>'
            )
        return parts


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart by at least `gap`, in order, within bounds if they fit."""
    places = list(wanted)
    for i in range(len(places)):
        places[i] = max(places[i], low + i * gap, places[i - 1] + gap if i else low)
    limit = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return places


def marker_path(shape: str, x: float, y: float, r: float) -> str:
    """Outline of a marker."""

    def poly(*points: tuple[float, float]) -> str:
        return "M" + "L".join(f"{_c(x + a * r)} {_c(y + b * r)}" for a, b in points) + "Z"

    shapes = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0, -1.15), (1.05, 0.8), (-1.05, 0.8)),
        "down": ((0, 1.15), (1.05, -0.8), (-1.05, -0.8)),
        "diamond": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
        "cross": (
            (-1, -0.6),
            (-0.6, -1),
            (0, -0.4),
            (0.6, -1),
            (1, -0.6),
            (0.4, 0),
            (1, 0.6),
            (0.6, 1),
            (0, 0.4),
            (-0.6, 1),
            (-1, 0.6),
            (-0.4, 0),
        ),
        "plus": (
            (-0.35, -1.1),
            (0.35, -1.1),
            (0.35, -0.35),
            (1.1, -0.35),
            (1.1, 0.35),
            (0.35, 0.35),
            (0.35, 1.1),
            (-0.35, 1.1),
            (-0.35, 0.35),
            (-1.1, 0.35),
            (-1.1, -0.35),
            (-0.35, -0.35),
        ),
        "star": (
            (0, -1.3),
            (0.35, -0.4),
            (1.25, -0.4),
            (0.5, 0.2),
            (0.8, 1.1),
            (0, 0.5),
            (-0.8, 1.1),
            (-0.5, 0.2),
            (-1.25, -0.4),
            (-0.35, -0.4),
        ),
    }
    if shape in shapes:
        return poly(*shapes[shape])
    return (
        f"M{_c(x - r)} {_c(y)}a{_c(r)} {_c(r)} 0 1 0 {_c(2 * r)} 0"
        f"a{_c(r)} {_c(r)} 0 1 0 {_c(-2 * r)} 0Z"
    )
