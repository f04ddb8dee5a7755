# SPDX-License-Identifier: Apache-2.0
"""KPIs by hand calculation on three flows."""

from __future__ import annotations

from typing import Any

import pytest

from emu.report.analysis.kpi import KPIS, evaluate

US, MS = 10**6, 10**9


@pytest.fixture
def values(frames: Any) -> dict[str, float]:
    flow = {"transfer_id": 0, "payload_bytes": 1_000_000, "packets": 250, "status": "done"}
    run = frames.run(
        flows=[
            flow | {"post_ps": 0, "end_ps": 20 * US, "dst_endpoint": 1, "ecn_marked_packets": 25},
            flow | {"post_ps": 0, "end_ps": 40 * US, "dst_endpoint": 2},
            flow | {"transfer_id": -1, "post_ps": 0, "end_ps": MS},
        ],
        transfers=[{"kv_bytes": 2_000_000, "start_ps": 0, "end_ps": 40 * US, "status": "done"}],
        requests=[{"ttft_ps": 100 * MS, "ttft_fabric_ps": 2 * MS}, {"ttft_ps": -1}],
        switches=[{"buffer_bytes": 100, "buffer_watermark_bytes": 25},
                  {"buffer_bytes": 100, "buffer_watermark_bytes": 40}],
        counters={"dropped_packets": 3, "injected_packets": 1_000_000, "pfc_frames": 8},
    )  # fmt: skip
    found = evaluate([run])
    return {f"{k.name} {k.part}".strip(): v.value for k, v in zip(KPIS, found, strict=True)}


def test_background_flows_are_no_kv_transfers(values: dict[str, float]) -> None:
    assert values["Fabric_FCT P50"] == 20
    assert values["Fabric_FCT P99"] == 40


def test_latency_and_bandwidth(values: dict[str, float]) -> None:
    assert values["KV_xfer_latency P50"] == 40
    assert values["KV_BW"] == pytest.approx(50)  # 2 MB in 40 us
    assert values["KV_xfer_bandwidth P50"] == pytest.approx(25)  # over two NIC ports


def test_rates(values: dict[str, float]) -> None:
    assert values["ECN_marking_rate"] == pytest.approx(100 * 25 / 750)
    assert values["Packet_drop_rate"] == pytest.approx(3)
    assert values["PFC_frame_count"] == pytest.approx(8 / 0.04)
    assert values["Buffer_utilization peak"] == 40


def test_a_request_without_a_token_waits_for_ever(values: dict[str, float]) -> None:
    assert values["TTFT P50"] == 100
    assert values["TTFT P99"] == float("inf")


def test_every_kpi_says_what_it_means() -> None:
    for kpi in KPIS:
        assert kpi.meaning
        assert kpi.unit
        assert kpi.counter == "" or kpi.counter.startswith("SAI_")
