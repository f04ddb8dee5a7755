# SPDX-License-Identifier: Apache-2.0
"""The whole public traces against figures computed from them independently."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec
from emu.workload import ReadOptions, RequestTrace, build_workload, read_trace
from emu.workload.describe import describe

FILES = {
    "mooncake_conversation": "mooncake_conversation_trace.jsonl.gz",
    "mooncake_synthetic": "mooncake_synthetic_trace.jsonl.gz",
    "azure_code_2023": "AzureLLMInferenceTrace_code_2023.csv.gz",
    "azure_conv_2023": "AzureLLMInferenceTrace_conv_2023.csv.gz",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("model", "key"), [("llama-3.1-70b", "load_llama3-70b"), ("deepseek-v3", "load_deepseek-v3")]
)
def test_description_agrees_with_the_reference(
    shared_data: Path, name: str, model: str, key: str
) -> None:
    wanted: dict[str, Any] = json.loads(
        (shared_data / "derived" / "trace_summary.json").read_text()
    )[name]
    found = describe(shared_data / "traces" / FILES[name], model)
    assert found.rows == wanted["rows"]
    assert found.span_s == pytest.approx(wanted["span_s"], abs=0.001)
    assert found.rate_per_s == pytest.approx(wanted["rate_rps"], rel=1e-3)
    assert found.distinct_stamps == wanted["unique_timestamps"]
    assert found.stamps.iat_cv == pytest.approx(wanted["iat_cv"], rel=1e-6)
    assert found.input_tokens is not None
    assert found.output_tokens is not None
    for part, figures in (("input", found.input_tokens), ("output", found.output_tokens)):
        assert figures.mean == pytest.approx(wanted[f"{part}_mean"])
        for percentile, value in wanted[f"{part}_pct"].items():
            assert figures.percentiles[percentile] == pytest.approx(value)
    reused = found.prefix.hit_token_fraction if found.prefix else 0.0
    assert reused == pytest.approx(wanted["prefix_hit_token_frac_infinite_cache"])
    assert found.model is not None
    size = found.model.request_bytes
    assert size.mean / 1e6 == pytest.approx(wanted[key]["mean_MB"])
    assert size.percentiles["99"] / 1e6 == pytest.approx(wanted[key]["p99_MB"])
    assert found.model.mean_gbps == pytest.approx(wanted[key]["avg_gbps"], rel=1e-3)


def test_only_the_conversation_trace_is_quantised(shared_data: Path) -> None:
    found = {name: describe(shared_data / "traces" / file).spread_s for name, file in FILES.items()}
    assert found == {name: 3.0 if name == "mooncake_conversation" else 0.0 for name in FILES}


def test_servegen_day_has_its_rate(shared_data: Path) -> None:
    path = shared_data / "traces" / "servegen_deepseek-r1.tar.gz"
    trace = read_trace(path, options=ReadOptions(limit=20_000))
    assert isinstance(trace, RequestTrace)
    assert trace.format == "servegen"
    # 4.3 to 42.5 requests per second over the day.
    assert 4 < 20_000 / (trace.arrival_ps[-1] / 1e12) < 43


def test_twelve_thousand_requests_take_seconds(
    shared_data: Path, make_spec: Callable[..., ExperimentSpec], fabric: Fabric
) -> None:
    file = str(shared_data / "traces" / FILES["mooncake_conversation"])
    spec = make_spec(
        trace={"file": file, "limit": None},
        engine="mooncake",
        prefix_reuse=True,
        placement={"prefill": "prefix-aware", "decode": "prefix-aware"},
    )
    begin = time.process_time()
    work = build_workload(spec, fabric, 1)
    assert time.process_time() - begin < 20
    assert len(work.requests) == 12_031
    reused = work.requests["reused_tokens"].sum() / work.requests["input_tokens"].sum()
    # 37.4 % would be found by one cache that forgets nothing.
    assert 0.2 < reused < 0.374
