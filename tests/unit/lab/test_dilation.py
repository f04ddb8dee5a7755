# SPDX-License-Identifier: Apache-2.0
"""Which time dilation a run gets when nobody gives one."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.lab import dilation
from emu.lab.calibrate import Calibration, propose
from emu.spec import TopologySpec, load_topology

TOPOLOGIES = Path(__file__).resolve().parents[3] / "topologies"


@pytest.fixture
def small() -> TopologySpec:
    return load_topology(TOPOLOGIES / "lab-2x2x4.yaml")


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Measurements that were made; the cache is a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return []


def fake(measured: list[str]) -> object:
    def measure(topology: TopologySpec, tell: object) -> Calibration:
        measured.append(topology.name)
        return propose(
            topology=topology.name, hosts=4, cores=2, pipeline_ps=500_000,
            turnaround_p50_us=600.0, turnaround_p90_us=3_000.0,
            turnaround_p999_us=9_000.0, cpu_us_per_packet=20.0,
            packets_per_fabric_us=100.0,
        )  # fmt: skip

    return measure


def choose(topology: TopologySpec, measured: list[str]) -> dilation.Dilation:
    return dilation.choose_dilation(topology, lambda _: None, measure=fake(measured))  # type: ignore[arg-type]


def test_a_machine_is_measured_once_for_a_topology(
    small: TopologySpec, measured: list[str]
) -> None:
    first, second = choose(small, measured), choose(small, measured)
    assert measured == ["lab-2x2x4"]
    assert first == second
    assert first.value == 8_000
    assert first.origin.startswith("calibrated: 20 us of work per packet")
    choose(load_topology(TOPOLOGIES / "lab-2x2x10.yaml"), measured)
    assert measured == ["lab-2x2x4", "lab-2x2x10"]


def test_another_kernel_is_another_machine(
    small: TopologySpec, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(small, measured)
    monkeypatch.setattr("platform.release", lambda: "9.9")
    choose(small, measured)
    assert len(measured) == 2


def test_a_cache_that_is_damaged_is_measured_anew(small: TopologySpec, measured: list[str]) -> None:
    choose(small, measured)
    dilation.cache_path().write_text("{")
    choose(small, measured)
    assert len(measured) == 2
    assert len(dilation.read_cache()) == 1
