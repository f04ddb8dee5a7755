# SPDX-License-Identifier: Apache-2.0
"""Figures, one file each; every one answers the question in its title."""

from emu.report.figures import (
    ccdf,
    evenness,
    fault,
    heat,
    losses,
    pauses,
    pausetree,
    ratio,
    size,
    tail,
    timers,
    ttft,
    uplinks,
)
from emu.report.figures.base import Figure
from emu.report.results import Results

__all__ = ["Figure", "draw_all"]


def draw_all(results: Results) -> list[Figure]:
    """Every figure that has something to show, in the order of the page."""
    found = [
        tail.draw(results),
        losses.draw(results),
        ratio.draw(results),
        ccdf.draw(results),
        size.draw(results),
        *fault.draw(results),
        pauses.draw(results),
        *pausetree.draw(results),
        *heat.draw(results),
        uplinks.draw(results),
        *evenness.draw(results),
        ttft.draw(results),
        *timers.draw(results),
    ]
    return [figure for figure in found if figure.panels or figure.finding]
