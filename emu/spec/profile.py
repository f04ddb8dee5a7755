# SPDX-License-Identifier: Apache-2.0
"""A convergence profile: times that the lab's control planes took, for the simulator's timers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from emu.errors import SpecError
from emu.spec.context import shown_path
from emu.spec.nearest import hint_for
from emu.spec.yamltree import load_yaml
from emu.units import parse_time

KIND = "convergence-profile"


class Measured(NamedTuple):
    """A measured time as the profile writes it, and how it was measured."""

    value: str
    source: str


def read_profile(folder: Path, name: str, known: Collection[str]) -> dict[str, Measured]:
    """Timer to measured time.

    Parameters
    ----------
    folder : Path
        Folder from which ``name`` is meant.
    name : str
        File that ``emu lab measure-convergence`` wrote.
    known : collection of str
        Timers that there are.

    Raises
    ------
    ValueError
        When there is no such file, or it is no profile.
    """
    path = folder / name
    shown = shown_path(path)
    if not path.is_file():
        profiles = (
            sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        )
        raise ValueError(f"there is no profile {shown}: {hint_for(path.name, profiles)}")
    try:
        data = load_yaml(path, shown).data
    except SpecError as error:
        raise ValueError(f"{shown} cannot be read: {error.faults[0].message}") from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ValueError(
            f"{shown} is no {KIND}: `emu lab measure-convergence` writes one (kind: {KIND})"
        )
    timers = data.get("timers")
    if not isinstance(timers, dict) or not timers:
        raise ValueError(f"{shown} has no timers")
    told = data.get("cases")
    cases = told if isinstance(told, dict) else {}
    found = {}
    for timer, value in timers.items():
        if timer not in known:
            raise ValueError(f"{shown}: no timer {timer!r}: {hint_for(str(timer), sorted(known))}")
        try:
            parse_time(value)
        except ValueError as error:
            raise ValueError(f"{shown}: timers.{timer}: {error}") from None
        # The name as it was given: where the file lies is of no account for the run.
        found[str(timer)] = Measured(str(value), _source(str(value), cases, name))
    return found


def _source(value: str, cases: dict[str, Any], name: str) -> str:
    """How the case whose median stands for a timer was measured."""
    for case in cases.values():
        if isinstance(case, dict) and f"{case.get('median_ms', -1):.2f}ms" == value:
            return (
                f"Measured in the lab: {case['title']}, median of {case['failures']} failures, "
                f"{case['min_ms']:g} to {case['max_ms']:g} ms ({name})"
            )
    return f"Measured in the lab ({name})"
