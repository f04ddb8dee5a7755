# SPDX-License-Identifier: Apache-2.0
"""What holds for every workload: dense ids, order, conservation, the stated load, determinism."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.fabric import build_fabric
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec, load_topology
from emu.workload import Workload, build_workload
from emu.workload.wire import wire_bytes

SAMPLE = Path(__file__).resolve().parents[2] / "traces" / "mooncake-sample.jsonl"


@cache
def _fabric() -> Fabric:
    return build_fabric(load_topology("leaf-spine-16x400G"))


@st.composite
def workloads(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from(["compress", "superpose"]))
    queue = draw(st.booleans()) if method == "compress" else False
    policy = st.sampled_from(["round-robin", "least-loaded", "prefix-aware"])
    return {
        "trace": {
            "file": str(SAMPLE),
            "limit": draw(st.integers(2, 30)),
            "start": f"{draw(st.integers(0, 60))}s",
        },
        "model": draw(st.sampled_from(["deepseek-v3", "qwen3-235b-a22b", "gpt-oss-120b"])),
        "kv_dtype": draw(st.sampled_from(["bf16", "fp8"])),
        "prefix_reuse": draw(st.booleans()),
        "parallelism": {
            "prefill_tp": draw(st.sampled_from([1, 2, 4, 8])),
            "decode_tp": draw(st.sampled_from([1, 2, 4, 8])),
        },
        "placement": {"prefill": draw(policy), "decode": draw(policy)},
        "engine": draw(st.sampled_from(["nixl-pull", "nixl-push", "mooncake", "layered"])),
        "compute": {
            "prefill": draw(st.sampled_from(["h100-tp8-llama70b", "h100-tp4-gpt-oss-120b"])),
            "prefill_queue": queue,
        },
        "load": {"fraction": draw(st.floats(0.05, 1.5)), "method": method},
    }


def _build(workload: dict[str, Any], seed: int) -> Workload:
    spec = ExperimentSpec.model_validate(
        {
            "kind": "experiment",
            "name": "test",
            "topology": "leaf-spine-16x400G",
            "workload": workload,
            "designs": ["l3"],
        }
    )
    return build_workload(spec, _fabric(), seed)


@settings(deadline=None, max_examples=60)
@given(workload=workloads(), seed=st.integers(0, 2**32 - 1))
def test_laws_of_every_workload(workload: dict[str, Any], seed: int) -> None:
    work = _build(workload, seed)
    requests, transfers, flows, qps = work.requests, work.transfers, work.flows, work.qps

    # Ids are dense and sorted; flows are in order of their posts.
    for frame, key in (
        (requests, "request_id"),
        (transfers, "transfer_id"),
        (flows, "flow_id"),
        (qps, "qp_id"),
    ):
        assert np.array_equal(frame[key], np.arange(len(frame)))
    assert flows["post_ps"].is_monotonic_increasing
    assert flows["post_ps"].iloc[0] == 0
    assert requests["arrival_ps"].is_monotonic_increasing or workload["load"]["fraction"]

    # Bytes: request = transfer = its flows.
    sums = flows.groupby("transfer_id")["payload_bytes"].sum()
    assert np.array_equal(sums, transfers["kv_bytes"])
    assert np.array_equal(sums, requests["kv_bytes"])
    assert int(sums.sum()) == work.stats["payload_bytes"]

    # Time: arrival <= prefill start < prefill end; nothing leaves before its prefill began.
    assert (requests["arrival_ps"] <= requests["prefill_start_ps"]).all()
    assert (requests["prefill_start_ps"] < requests["prefill_end_ps"]).all()
    assert np.array_equal(requests["prefill_end_ps"], transfers["last_ready_ps"])
    assert (transfers["ready_ps"] >= requests["prefill_start_ps"]).all()

    # Reuse never takes a whole prompt.
    assert (requests["reused_tokens"] < requests["input_tokens"]).all()

    # The stated load, measured anew from the frames.
    wire = int(wire_bytes(flows["payload_bytes"].to_numpy(), _fabric().spec.nic.mtu).sum())
    capacity = 400e9 * 8
    measured = wire * 8 / (work.span_ps / 1e12) / capacity
    assert measured == pytest.approx(workload["load"]["fraction"], rel=1e-3)


@settings(deadline=None, max_examples=15)
@given(workload=workloads(), seed=st.integers(0, 2**32 - 1))
def test_same_arguments_same_workload(workload: dict[str, Any], seed: int) -> None:
    one, two = _build(workload, seed), _build(workload, seed)
    for name in ("requests", "transfers", "flows", "qps"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    assert (one.offered_load, one.span_ps, one.stats) == (two.offered_load, two.span_ps, two.stats)
