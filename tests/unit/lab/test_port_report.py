# SPDX-License-Identifier: Apache-2.0
"""What the traffic manager tells controllers."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from emu.fabric.build import build_fabric
from emu.lab.feed import COLUMNS, HEADER, MAGIC, PRIORITIES, Snapshot
from emu.lab.plan import plan_lab
from emu.lab.port_report import PortReporter, port_report, report_ports, write_atomically
from emu.sim.ports import map_ports
from emu.spec import load_topology

TOPOLOGY = Path(__file__).resolve().parents[3] / "topologies" / "lab-2x2x4.yaml"
FABRIC = build_fabric(load_topology(TOPOLOGY))
PLAN = plan_lab(FABRIC)
UPLINK = next(port for port in PLAN.ports if port.interface == "leaf0-p2")
PORTS = report_ports(
    FABRIC, {p.id: p.interface for p in PLAN.ports if not PLAN.by_name[p.node].is_host}
)
DILATION = 20_000.0


def _snapshot(wall_s: float, fabric_ps: int, **values: int) -> Snapshot:
    rows = np.zeros((len(FABRIC.ports), PRIORITIES, len(COLUMNS)), dtype=np.int64)
    number = int(map_ports(FABRIC).to_engine[UPLINK.id])
    for name, value in values.items():
        rows[number, 3, COLUMNS.index(name)] = value
        rows[number, 0, COLUMNS.index(name)] = value
    header = {**dict.fromkeys(HEADER, 0), "fabric_ps": fabric_ps, "wall_ns": int(wall_s * 1e9)}
    return Snapshot(header, rows)


def test_rates_are_those_of_the_slowed_links_and_all_classes_count() -> None:
    before = _snapshot(1.0, 50_000_000, tx_bytes=1_000, ecn_marked_packets=1)
    after = _snapshot(
        1.5, 75_000_000, tx_bytes=501_000, queue_bytes=70, ecn_marked_packets=4, paused_ps=5_000_000
    )
    report = port_report(PORTS, DILATION, before, after)
    port = report["ports"]["leaf0-p2"]
    assert port["rate_bps"] == 400_000_000_000 / DILATION
    assert port["sent_bps"] == 2 * 500_000 * 8 / 0.5
    assert port["sent_bytes"] == 2 * 501_000
    assert port["queue_bytes"] == 140
    assert port["ecn_marked"] == 6
    assert port["paused"] == pytest.approx(0.2)
    assert set(report["ports"]) == {p.name for p in PORTS}
    assert report["ports"]["leaf0-p3"]["sent_bps"] == 0


def test_a_run_that_begins_anew_counts_from_zero() -> None:
    before = _snapshot(1.0, 50_000_000, tx_bytes=900_000)
    after = _snapshot(2.0, 1_000_000, tx_bytes=500)
    assert port_report(PORTS, DILATION, before, after)["ports"]["leaf0-p2"]["sent_bps"] == 8_000


def test_a_reader_never_sees_half_a_report(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.json"
    write_atomically(path, {"n": 1})
    with path.open() as held:
        write_atomically(path, {"n": 2, "more": list(range(1000))})
        assert json.load(held) == {"n": 1}
    assert json.loads(path.read_text())["n"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["telemetry.json"]


def test_the_reporter_writes_as_long_as_somebody_counts(tmp_path: Path) -> None:
    feed, out = tmp_path / "feed", tmp_path / "telemetry.json"

    def count(wall_ns: int) -> None:
        snapshot = _snapshot(wall_ns / 1e9, wall_ns // 20, tx_bytes=wall_ns // 1000)
        names = {**snapshot.header, "magic": MAGIC, "version": 2, "ports": len(FABRIC.ports)}
        head = struct.pack(f"<{len(HEADER)}q", *(names[name] for name in HEADER))
        (tmp_path / "next").write_bytes(head + snapshot.rows.tobytes())
        (tmp_path / "next").replace(feed)

    reporter = PortReporter(feed, out, PORTS, DILATION)
    reporter.start()
    try:
        deadline, wall_ns = time.monotonic() + 20, 0
        while not out.exists():
            assert time.monotonic() < deadline
            wall_ns += 10_000_000
            count(wall_ns)
            time.sleep(0.01)
        assert json.loads(out.read_text())["ports"]["leaf0-p2"]["sent_bps"] > 0
    finally:
        reporter.stop()
