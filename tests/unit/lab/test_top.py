# SPDX-License-Identifier: Apache-2.0
"""Rates and shares of `emu lab top`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emu.fabric.build import build_fabric
from emu.lab.feed import COLUMNS, HEADER, PRIORITIES, Snapshot
from emu.lab.top import headline, port_rows
from emu.sim.ports import map_ports
from emu.spec import load_topology

TOPOLOGY = Path(__file__).resolve().parents[3] / "topologies" / "lab-2x2x4.yaml"
FABRIC = build_fabric(load_topology(TOPOLOGY))


def _snapshot(fabric_ps: int, **values: int) -> Snapshot:
    rows = np.zeros((len(FABRIC.ports), PRIORITIES, len(COLUMNS)), dtype=np.int64)
    number = int(map_ports(FABRIC).to_engine[5])
    for name, value in values.items():
        rows[number, 3, COLUMNS.index(name)] = value
    return Snapshot({**dict.fromkeys(HEADER, 0), "fabric_ps": fabric_ps}, rows)


def test_rates_are_in_fabric_time() -> None:
    before = _snapshot(1_000_000, tx_bytes=10_000)
    after = _snapshot(
        3_000_000, tx_bytes=110_000, paused_ps=500_000, queue_bytes=7, pfc_rx_frames=2
    )
    (row,) = port_rows(FABRIC, before, after)
    assert row.port == FABRIC.ports[5].name
    assert row.tx_bps == pytest.approx(100_000 * 8 / 2e-6)
    assert row.paused == pytest.approx(0.25)
    assert (row.queue_bytes, row.pfc_rx, row.priority) == (7, 2, 3)


def test_a_new_run_begins_at_zero() -> None:
    before, after = _snapshot(9_000_000, tx_bytes=999_999), _snapshot(1_000_000, tx_bytes=50_000)
    (row,) = port_rows(FABRIC, before, after)
    assert row.tx_bps == pytest.approx(50_000 * 8 / 1e-6)


def test_headline_says_how_punctual_the_lab_is() -> None:
    assert "0 late" in headline(_snapshot(2_500_000))
    assert "fabric time 2.5 us" in headline(_snapshot(2_500_000))
