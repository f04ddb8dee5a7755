# SPDX-License-Identifier: Apache-2.0
"""The dilation that measured figures ask for."""

from __future__ import annotations

import pytest

from emu.lab.calibrate import CPU_SHARE_MAX, propose, round_up

MEASURED = {
    "topology": "t",
    "hosts": 4,
    "cores": 2,
    "pipeline_ps": 500_000,
    "turnaround_p50_us": 600.0,
    "turnaround_p90_us": 3_000.0,
    "turnaround_p999_us": 9_000.0,
    "cpu_us_per_packet": 20.0,
    "packets_per_fabric_us": 100.0,
}


def test_a_packet_must_be_through_its_switch_within_the_dilated_pipeline() -> None:
    found = propose(**MEASURED)  # type: ignore[arg-type]
    assert found.dilation_for_time == pytest.approx(3_000e-6 / 500e-9)
    assert found.dilation >= 1.25 * found.dilation_for_time


def test_the_work_of_a_fabric_microsecond_fits_into_its_wall_time() -> None:
    busy = propose(**{**MEASURED, "packets_per_fabric_us": 1_000.0})  # type: ignore[arg-type]
    work_us = 1_000.0 * 20.0
    assert work_us / (busy.dilation_for_cpu * 2) == pytest.approx(CPU_SHARE_MAX)
    assert busy.dilation >= busy.dilation_for_cpu > busy.dilation_for_time


@pytest.mark.parametrize(
    ("value", "wanted"), [(1.0, 1.0), (9_999, 10_000), (10_001, 12_500), (8_100, 10_000)]
)
def test_proposals_are_round_and_never_smaller(value: float, wanted: float) -> None:
    assert round_up(value) == pytest.approx(wanted)
