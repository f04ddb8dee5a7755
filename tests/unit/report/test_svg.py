# SPDX-License-Identifier: Apache-2.0
"""Panels are well-formed, deterministic and keep what they are given."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

import pytest

from emu.report.svg import Axis, Panel, spread, ticks_linear, ticks_log, wrap


def panel() -> Panel:
    return Panel("a < b", Axis(1, 100, log=True, label="x"), Axis(0, 10, label="y"),
                 description="said aloud")  # fmt: skip


def test_axes_place_values() -> None:
    assert Axis(0, 10).at(5) == 0.5
    assert Axis(1, 100, log=True).at(10) == pytest.approx(0.5)
    assert Axis(1, 100, log=True).at(0) == 0
    assert Axis(0, 10).at(99) == 1
    assert Axis(0, 10).at(math.inf) == 1


def test_ticks_are_round() -> None:
    assert ticks_linear(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks_linear(0, 0.7) == pytest.approx([0, 0.2, 0.4, 0.6])
    assert ticks_linear(3, 3) == [3]
    assert ticks_log(1, 100) == [1, 2, 5, 10, 20, 50, 100]
    assert ticks_log(0.001, 1000) == [0.001, 0.01, 0.1, 1, 10, 100, 1000]


def test_svg_is_well_formed_and_has_a_text_alternative() -> None:
    p = panel()
    p.line([1, 10, math.nan, 100], [0, 5, 5, 10], "l0")
    p.end_label(100, 10, "L3 & more", "t0")
    p.marker(10, 5, "star", "m0", tip="<5>")
    p.rect(1, 0, 10, 5, "drop", "tip")
    p.area([1, 2, 3], [1, 2, 1], "shade")
    p.segment(1, 0, 1, 10, "mark", "fault")
    root = ET.fromstring(p.svg("p1"))
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "a < b"  # type: ignore[union-attr]
    assert root.find(f"{space}desc").text == "said aloud"  # type: ignore[union-attr]
    assert root.get("aria-labelledby") == "p1-t p1-d"
    assert p.svg("p1") == p.svg("p1")


def test_a_gap_breaks_the_line() -> None:
    p = panel()
    p.line([1, 10, 20, 30], [1, math.inf, 2, 3], "l0")
    assert p.body[0].count("M") == 2


def test_labels_move_apart_in_order() -> None:
    places = spread([50, 50, 51, 200], 13, 0, 230)
    assert places == sorted(places)
    assert all(b - a >= 13 for a, b in itertools.pairwise(places))
    squeezed = spread([100, 100, 100], 13, 0, 100)
    assert squeezed[-1] <= 100


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("EVPN with ECN copy", ["EVPN with ECN", "copy"]),
        ("averyveryverylongword", ["averyveryvery…"]),
        ("EVPN with a name that goes on", ["EVPN with a", "name that goe…"]),
    ],
)
def test_names_fit_two_lines(text: str, lines: list[str]) -> None:
    assert wrap(text, 14) == lines
