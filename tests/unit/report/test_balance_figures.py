# SPDX-License-Identifier: Apache-2.0
"""Evenness over time and pause trees, from runs of which the truth is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from emu.report.analysis.utilisation import uplink_series
from emu.report.figures.pausetree import tree_of
from emu.telemetry import Run

LINKS = pd.DataFrame(
    {
        "kind": ["access", "access", "fabric", "fabric", "fabric"],
        "a_node": ["h0.0", "h1.0", "leaf0", "leaf0", "leaf1"],
        "b_node": ["leaf0", "leaf1", "spine0", "spine1", "spine0"],
        "a_tier": ["endpoint", "endpoint", "leaf", "leaf", "leaf"],
        "b_tier": ["leaf", "leaf", "spine", "spine", "spine"],
        "a_port": [0, 1, 10, 11, 20],
        "b_port": [2, 3, 30, 31, 32],
    }
)


def run(**tables: pd.DataFrame) -> Run:
    """What the analysis reads of a run."""
    empty = pd.DataFrame()
    fake: Any = SimpleNamespace(
        links=LINKS,
        meta={"fabric_ps": 1_000, "notes": []},
        table=lambda name: tables.get(name, empty),
    )
    return cast(Run, fake)


def test_evenness_is_taken_per_switch_and_weighted_by_what_it_carried() -> None:
    """leaf0 sends 300 and 100 of 400 by two uplinks, leaf1 everything by its only one."""
    ports = pd.DataFrame(
        {
            "t_ps": [100, 100, 100, 200, 200, 300],
            "port": [10, 11, 20, 10, 11, 30],  # the last one is a downlink
            "tx_bytes": [300, 100, 100, 50, 50, 999],
        }
    )
    series = uplink_series(run(port_series=ports)).set_index("t_ps")
    assert list(series.index) == [100, 200]
    assert series.loc[100, "tx_bytes"] == 500
    assert series.loc[100, "max_over_mean"] == pytest.approx((1.5 * 400 + 1.0 * 100) / 500)
    jain = 400**2 / (2 * (300**2 + 100**2))
    assert series.loc[100, "jain"] == pytest.approx((jain * 400 + 1.0 * 100) / 500)
    assert series.loc[200, "max_over_mean"] == series.loc[200, "jain"] == 1.0


def test_without_samples_there_is_no_series() -> None:
    assert uplink_series(run()).empty


def pause(number: int, root: int, node: str, victim: str, held: tuple[int, int]) -> dict[str, Any]:
    own = number == root
    return {
        "pause_id": number, "root": root, "parent": -1 if own else root, "depth": 0 if own else 1,
        "node": node, "name": f"{node}:1", "victim": victim, "victim_name": f"{victim}:2",
        "priority": 3, "reason": "buffer", "cause_name": f"{node}:9" if own else "spine0:1",
        "obeyed_ps": held[0], "released_ps": held[1],
    }  # fmt: skip


def test_the_costliest_tree_is_drawn_whole_and_alone() -> None:
    rows = [
        pause(0, 0, "spine0", "leaf0", (10, 110)),
        pause(1, 0, "leaf0", "h0.0", (20, 220)),
        pause(2, 2, "spine0", "leaf0", (300, 400)),  # the same queue again
        pause(3, 3, "leaf1", "h1.0", (0, 250)),  # another cause
        pause(4, 2, "leaf0", "h0.0", (900, -1)),  # until the end of the run
        pause(5, 0, "leaf0", "h0.0", (-1, -1)),  # never obeyed
    ]
    tree = tree_of(run(pauses=pd.DataFrame(rows)))
    assert tree is not None
    assert set(tree["cause"]) == {"spine0:9"}
    edges = {(r["node"], r["victim"]): r for r in tree.to_dict("records")}
    assert set(edges) == {("spine0", "leaf0"), ("leaf0", "h0.0")}
    assert edges["spine0", "leaf0"]["held_ps"] == 200
    assert edges["leaf0", "h0.0"]["held_ps"] == 200 + 100
    assert edges["leaf0", "h0.0"]["episodes"] == 3
    assert edges["leaf0", "h0.0"]["tier"] == "leaf"
    assert edges["leaf0", "h0.0"]["victim_tier"] == "endpoint"


def test_no_pause_no_tree() -> None:
    assert tree_of(run()) is None
