# SPDX-License-Identifier: Apache-2.0
"""Utilisation and evenness of uplinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from emu.report.analysis.utilisation import active_ps, evenness, jain, uplinks

RATE = 100 * 10**9
SPAN_PS = 10**9  # one millisecond carries 12.5 MB


def fabric_link(number: int, leaf: str, up: int, down: int = 0) -> dict[str, Any]:
    return {
        "link": number, "name": f"x{number}", "kind": "fabric", "rate_bps": RATE,
        "a_node": leaf, "b_node": "spine0", "a_tier": "leaf", "b_tier": "spine",
        "a_tx_bytes": up, "b_tx_bytes": down,
    }  # fmt: skip


def a_run(frames: Any, links: list[Any]) -> Any:
    return frames.run(links=links, transfers=[{"start_ps": 0, "end_ps": SPAN_PS, "status": "done"}])


def test_jain_by_hand() -> None:
    assert jain(np.array([1.0, 1, 1, 1])) == 1
    assert jain(np.array([1.0, 0, 0, 0])) == 0.25
    assert math.isnan(jain(np.zeros(4)))


@pytest.mark.parametrize("flip", [False, True])
def test_utilisation_by_hand_whichever_end_comes_first(frames: Any, flip: bool) -> None:
    link = fabric_link(0, "leaf0", 6_250_000, 1_250_000)
    if flip:
        link |= {"a_node": "spine0", "b_node": "leaf0", "a_tier": "spine", "b_tier": "leaf",
                 "a_tx_bytes": 1_250_000, "b_tx_bytes": 6_250_000}  # fmt: skip
    row = uplinks(a_run(frames, [link])).iloc[0]
    assert (row["from"], row["to"]) == ("leaf0", "spine0")
    assert (row["up"], row["down"]) == pytest.approx((0.5, 0.1))


def test_blocked_links_make_a_design_uneven(frames: Any) -> None:
    even = evenness([a_run(frames, [fabric_link(i, "leaf0", 100) for i in range(4)])])
    links = [fabric_link(i, "leaf0", 400 if i == 0 else 0) for i in range(4)]
    tree = evenness([a_run(frames, links)])
    assert even.jfi.value == pytest.approx(1)
    assert tree.jfi.value == pytest.approx(0.25)
    assert tree.max_over_mean.value == pytest.approx(4)


def test_an_idle_switch_is_not_unevenness(frames: Any) -> None:
    links = [fabric_link(i, "leaf0", 100) for i in range(2)]
    links += [fabric_link(2 + i, "leaf1", 0) for i in range(2)]
    assert evenness([a_run(frames, links)]).jfi.value == pytest.approx(1)


def test_access_and_peer_links_are_not_uplinks(frames: Any) -> None:
    links = [fabric_link(0, "leaf0", 5) | {"kind": kind} for kind in ("access", "peer")]
    assert uplinks(a_run(frames, links)).empty


def test_time_runs_to_the_end_if_a_transfer_is_stuck(frames: Any) -> None:
    stuck = [
        {"start_ps": 100, "end_ps": 200, "status": "done"},
        {"start_ps": 150, "end_ps": -1, "status": "unfinished"},
    ]
    assert active_ps(frames.run(transfers=stuck, meta={"fabric_ps": 1100})) == 1000
    assert active_ps(frames.run(transfers=stuck[:1])) == 100
