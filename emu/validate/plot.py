# SPDX-License-Identifier: Apache-2.0
"""A small line chart as SVG text: the same data give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 26, 44
# Okabe and Ito: told apart with any colour vision, and in grey by their dashes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "", "6 3", "2 3")


@dataclass(frozen=True)
class Line:
    """Points in order of x; ``dots`` draws them without a line."""

    label: str
    x: Sequence[float] | npt.NDArray[np.float64]
    y: Sequence[float] | npt.NDArray[np.float64]
    dots: bool = False


@dataclass(frozen=True)
class Figure:
    """Lines over shared axes; a logarithmic axis leaves out what is not positive."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    log_x: bool = False
    log_y: bool = False


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        step = max(1, (last - first) // 6)
        return [10.0**e for e in range(first, last + 1, step) if low <= 10.0**e <= high]
    span = high - low or 1.0
    step = 10 ** math.floor(math.log10(span / 4))
    step = next(step * m for m in (1, 2, 5, 10) if span / (step * m) <= 5)
    first = math.ceil(low / step)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]


class _Scale:
    def __init__(self, values: list[float], log: bool, start: float, end: float) -> None:
        self.log = log
        self.low, self.high = min(values), max(values)
        if not log:
            self.low = min(0.0, self.low)
        if self.low == self.high:
            self.high = self.low + 1.0
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self._start + (value - low) / (high - low) * (self._end - self._start)


def svg(figure: Figure) -> str:
    """The figure as a file of its own."""
    lines = [_clean(line, figure) for line in figure.lines]
    xs = _Scale([x for _, pts in lines for x, _ in pts], figure.log_x, LEFT, WIDTH - RIGHT)
    ys = _Scale([y for _, pts in lines for _, y in pts], figure.log_y, HEIGHT - BOTTOM, TOP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(figure.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="15" font-weight="bold">{escape(figure.title)}</text>',
    ]
    for tick in _ticks(xs.low, xs.high, figure.log_x):
        x = xs.at(tick)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{tick:g}</text>'
        )
    for tick in _ticks(ys.low, ys.high, figure.log_y):
        y = ys.at(tick)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for number, (line, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        if line.dots:
            out += [
                f'<circle cx="{xs.at(x):.1f}" cy="{ys.at(y):.1f}" r="3" fill="{colour}"/>'
                for x, y in points
            ]
        else:
            path = "L".join(f"{xs.at(x):.1f} {ys.at(y):.1f}" for x, y in points)
            dash = DASHES[number % len(DASHES)]
            style = f' stroke-dasharray="{dash}"' if dash else ""
            out.append(
                f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"{style}/>'
            )
        top = TOP + 12 + 14 * number
        out.append(
            f'<text x="{LEFT + 8}" y="{top}" fill="{colour}">'
            f"{escape(('● ' if line.dots else '— ') + line.label)}</text>"
        )
    out.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(figure.x)}</text>"
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(
        f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(figure.y)}</text>"
    )
    return "\n".join([*out, "</svg>"]) + "\n"


def _clean(line: Line, figure: Figure) -> tuple[Line, list[tuple[float, float]]]:
    points = [
        (float(x), float(y))
        for x, y in zip(line.x, line.y, strict=True)
        if (x > 0 or not figure.log_x) and (y > 0 or not figure.log_y)
    ]
    return line, points
