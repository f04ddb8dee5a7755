# SPDX-License-Identifier: Apache-2.0
"""Sets of names: exact names, globs and number ranges.

``h3`` is one host, ``h*`` all of them, ``h[0-15]`` the hosts h0 to h15 (a range
of numbers, not of characters), ``gpu-r[1-2]-h?`` a mixture.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

_RANGE = re.compile(r"\[(\d{1,6})-(\d{1,6})\]")


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern means, in the order of ``names``.

    >>> match_names("h[2-3]", ["h1", "h2", "h3", "h20"])
    ['h2', 'h3']
    """
    ranges = [(int(low), int(high)) for low, high in _RANGE.findall(pattern)]
    pieces = _RANGE.split(pattern)[::3]
    expression = r"(\d+)".join(
        fnmatch.translate(piece).removeprefix("(?s:").removesuffix(r")\Z") for piece in pieces
    )
    compiled = re.compile(expression)
    found = []
    for name in names:
        match = compiled.fullmatch(name)
        if match and all(
            low <= int(text) <= high and str(int(text)) == text
            for (low, high), text in zip(ranges, match.groups(), strict=True)
        ):
            found.append(name)
    return found


def pick_names(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """All names that any of the patterns means, in the order of ``names``.

    ValueError when a pattern means none.
    """
    picked: set[str] = set()
    for pattern in patterns:
        found = match_names(pattern, names)
        if not found:
            span = f"{names[0]} to {names[-1]}" if names else "none"
            raise ValueError(f"{pattern!r} matches no host: there are {len(names)}, {span}")
        picked.update(found)
    return [name for name in names if name in picked]
