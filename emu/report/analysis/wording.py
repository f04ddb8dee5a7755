# SPDX-License-Identifier: Apache-2.0
"""Phrases that sentences of the answer share."""

from __future__ import annotations

from collections.abc import Sequence

from emu.report.dataset import BASE_TITLE, Case
from emu.report.results import Results

__all__ = ["capital", "listed", "places", "prefix", "small", "standing"]


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def standing(leaders: Sequence[str], designs: Sequence[str], what: str = "tail") -> str:
    """Whose tail (or median) is short, as a clause: names the smaller side of the gap."""
    others = [d for d in designs if d not in leaders]
    if not leaders:
        return f"no design's {what} parts from all the others'"
    if len(leaders) == 1:
        return f"{leaders[0]} has the shortest {what}"
    if len(others) < len(leaders):
        verb, noun = (
            ("has", f"a longer {what}") if len(others) == 1 else ("have", f"longer {what}s")
        )
        rest = "all other designs" if len(others) == 1 else "the other designs"
        return f"{listed(others)} {verb} {noun} than {rest}"
    return f"{listed(leaders)} share the shortest {what}"


def places(cases: Sequence[Case]) -> str:
    """at load 40 % and load 70 %; with link failure (load 70 %)."""
    base = [c for c in cases if c.title == BASE_TITLE]
    plain = [small(c.title) for c in cases if not c.has_faults and c not in base]
    faulty = [_with(small(c.title)) for c in cases if c.has_faults and c not in base]
    parts = ["in the base case"] if base else []
    if plain:
        parts.append(f"at {listed(plain)}")
    if faulty:
        parts.append(f"with {listed(faulty)}")
    return listed(parts)


def _with(title: str) -> str:
    """link failure (load 70 %)."""
    name, _, rest = title.partition(", ")
    return f"{name} ({rest})" if rest else name


def prefix(cases: Sequence[Case], results: Results) -> str:
    """The cases that a sentence is about, if the experiment has others."""
    return f"{places(cases)}: " if len(results.data.cases) > 1 else ""


def small(text: str) -> str:
    """Without the capital of a title; an abbreviation keeps its own."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
