# SPDX-License-Identifier: Apache-2.0
"""A lab under control: adaptive, watched while it carries an experiment.

One uplink of leaf0 has a quarter of the other's rate, so half of the flows fill it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from emu.lab.cleanup import clean
from emu.lab.journal import lab_paths
from emu.lab.lab import Lab
from emu.lab.port_report import TELEMETRY_FILE
from emu.telemetry import Run
from tests.lab.made import REPOSITORY, SMALL_SHARE, emu, start_emu, write_experiment

DILATION = 20_000
SLOW, FAST = "leaf0-p2", "leaf0-p3"


@dataclass
class Watched:
    """What was seen from outside while it ran, and what it left."""

    reports: list[dict[str, Any]]
    """telemetry.json, again and again."""
    steering: dict[str, Any]
    run: Run


def _topology(folder: Path) -> Path:
    given = yaml.safe_load((REPOSITORY / "topologies" / "lab-2x2x4.yaml").read_text())
    del given["clos"]
    hosts = [{"name": f"h{i}", "kind": "host"} for i in range(4)]
    switches = [{"name": f"{kind}{i}", "kind": kind} for kind in ("leaf", "spine") for i in (0, 1)]
    links = [
        {"a": f"h{i}.0", "b": f"leaf{i // 2}", "rate": "400G", "cable": "3m"} for i in range(4)
    ]
    links += [
        {"a": f"leaf{leaf}", "b": f"spine{spine}", "cable": "30m",
         "rate": "100G" if (leaf, spine) == (0, 0) else "400G"}
        for leaf in (0, 1) for spine in (0, 1)
    ]  # fmt: skip
    given["explicit"] = {"nodes": hosts + switches, "links": links}
    path = folder / "topology.yaml"
    path.write_text(yaml.safe_dump(given))
    return path


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("steering")
    file = write_experiment(
        folder,
        [(0, host, host + 2, 3_000_000) for host in (0, 1) for _ in range(8)],
        overrides={"switches": {"leaf": SMALL_SHARE, "spine": SMALL_SHARE}},
        topology=str(_topology(folder)),
        designs=[{"name": "l3", "control": "adaptive"}],
        # An interval of half a second, in wall time.
        routing={"controller": {"interval": "25us", "delay": "1us"}},
    )
    emu("lab", "up", file, "--dilation", str(DILATION), "--hold", "200")
    lab = Lab.attach()
    try:
        yield _watch(lab, folder)
    finally:
        lab.leave()
        clean(lab_paths())


def _watch(lab: Lab, folder: Path) -> Watched:
    run = start_emu("lab", "run", "--out", folder / "runs", log=folder / "log")
    reports: list[dict[str, Any]] = []
    try:
        while run.poll() is None:
            report = lab.paths.folder / TELEMETRY_FILE
            if report.exists():
                reports.append(json.loads(report.read_text()))
            time.sleep(0.3)
    finally:
        run.kill()
    assert run.wait() == 0, (folder / "log").read_text()
    assert lab.controller is not None
    (directory,) = (folder / "runs").glob("*/seed-*")
    return Watched(reports, lab.controller.get("/steering"), Run(directory))


def test_traffic_leaves_the_congested_uplink(watched: Watched) -> None:
    seen = [report["ports"] for report in watched.reports if report["fabric_ps"] > 0]
    assert max(ports[SLOW]["queue_bytes"] for ports in seen) > 100_000, "it was congested"
    assert all(ports[SLOW]["rate_bps"] * 4 == ports[FAST]["rate_bps"] for ports in seen)
    slots = next(
        group["slots"]
        for group in watched.steering["groups"]
        if group["switch"] == "leaf0" and len(group["slots"]) > 1
    )
    assert sum(slots.values()) == 64
    assert slots[SLOW] <= 29
    assert watched.steering["moves"] >= 3

    busy = [ports for ports in seen if ports[SLOW]["sent_bps"] + ports[FAST]["sent_bps"] > 2e6]
    third = len(busy) // 3
    early, late = busy[:third], busy[-third:]
    waiting = [sum(ports[SLOW]["queue_bytes"] for ports in some) for some in (early, late)]
    assert waiting[1] < waiting[0] / 2, waiting


def test_the_run_itself_ends_well(watched: Watched) -> None:
    assert (watched.run.flows["status"] == "done").all()
    assert watched.run.meta["lab"]["control"] == "adaptive"
    lossless = watched.run.ports[watched.run.ports["priority"] == 3]
    assert lossless["drops_packets"].sum() == 0
