# SPDX-License-Identifier: Apache-2.0
"""What a row is made of: checks, and at most one figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from emu.validate.plot import Figure


@dataclass(frozen=True)
class Check:
    """One value held against another.

    Parameters
    ----------
    what : str
        The quantity, with its unit.
    expected, got : float
    tolerance : float
        Largest deviation that passes: a share of ``expected``, or absolute.
    absolute : bool
        Whether the tolerance is in the unit of the quantity.
    minimum : bool
        Whether ``expected`` is the least that passes; the tolerance is then not used.
    """

    what: str
    expected: float
    got: float
    tolerance: float
    absolute: bool = False
    minimum: bool = False

    @property
    def error(self) -> float:
        """Deviation, in the terms of the tolerance."""
        off = self.got - self.expected
        if self.absolute or self.expected == 0:
            return off
        return off / self.expected

    @property
    def ok(self) -> bool:
        """Whether the deviation is within the tolerance."""
        return self.got >= self.expected if self.minimum else abs(self.error) <= self.tolerance


def at_least(what: str, low: float, got: float) -> Check:
    """A value that must not be below another."""
    return Check(what, low, got, 0.0, absolute=True, minimum=True)


@dataclass
class Result:
    """What a row found."""

    checks: list[Check] = field(default_factory=list)
    figure: Figure | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One question to the engine.

    Parameters
    ----------
    name : str
        Name on the command line.
    part : str
        Section of the page.
    title : str
        What is held against what.
    source : str
        Where the expected values are from.
    experiment : str
        Its file below ``experiments/validation/``.
    run : callable
        Gets the folder of the experiments; gives the result.
    quick : bool
        Seconds rather than minutes: runs with every ``make test``.
    """

    name: str
    part: str
    title: str
    source: str
    experiment: str
    run: Callable[[Path], Result]
    quick: bool = True
