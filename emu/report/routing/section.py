# SPDX-License-Identifier: Apache-2.0
"""The section about routing: shown only where the runs differ in it; a case then is a policy."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from emu.report.results import Results
from emu.report.routing import tables, words
from emu.report.routing.comparison import compare
from emu.report.routing.published import Published, beside_ours
from emu.report.tables import Table

__all__ = ["Routing", "compare_routing"]


@dataclass(frozen=True)
class Routing:
    """The section's tables and sentences."""

    headline: list[str]
    sentences: list[str]
    tables: list[Table]
    frame: pd.DataFrame
    published: list[tuple[Published, str]]


def compare_routing(results: Results) -> Routing | None:
    """The section, or None where all runs have one routing."""
    comparison = compare(results)
    if comparison is None:
        return None
    shown = [tables.matrix(results), tables.gains(comparison), tables.price(results)]
    frame = pd.concat([table.frame.assign(table=table.ident) for table in shown], ignore_index=True)
    return Routing(
        words.headline(comparison),
        words.sentences(comparison),
        shown,
        frame,
        beside_ours(comparison),
    )
