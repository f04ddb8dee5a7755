# SPDX-License-Identifier: Apache-2.0
"""Help for a mistyped name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 12


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like the given one, None when none comes close.

    >>> nearest("leafs", ["leaves", "spines"])
    'leaves'
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def known_names(name: str, known: Iterable[str]) -> str:
    """The known names, those most like ``name`` first, shortened when there are many."""
    names = list(known)
    if len(names) > _SHOWN:
        # Looking alike only decides which of many are worth showing.
        score = {c: difflib.SequenceMatcher(None, name.lower(), c.lower()).ratio() for c in names}
        names = sorted(names, key=lambda c: -score[c])[:_SHOWN]
        return ", ".join(names) + ", ..."
    return ", ".join(names)


def hint_for(name: str, known: Iterable[str]) -> str:
    """One phrase: the likely name if there is one, then what is known.

    >>> hint_for("l33", ["l3", "evpn"])
    'did you mean l3? known: l3, evpn'
    """
    names = list(known)
    if not names:
        return "none is known"
    close = nearest(name, names)
    return (f"did you mean {close}? " if close else "") + "known: " + known_names(name, names)
