# SPDX-License-Identifier: Apache-2.0
"""Prefill times."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from emu.errors import SpecError
from emu.workload import compute_names, find_compute


def test_known_points_come_out_exactly() -> None:
    profile = find_compute("h100-tp8-llama70b")
    times = profile.seconds(np.array([512, 4096, 65536]))
    assert times == pytest.approx([0.032054, 0.171620, 3.783348])


@pytest.mark.parametrize("name", compute_names())
def test_time_rises_with_the_prompt_within_and_beyond_the_table(name: str) -> None:
    profile = find_compute(name)
    times = profile.seconds(np.array([1, 100, 1000, 5000, 20_000, 200_000]))
    assert np.all(np.diff(times) > 0)
    assert profile.source


def test_constant_speed() -> None:
    assert find_compute(20_000.0).duration_ps(np.array([10_000])).tolist() == [5 * 10**11]


def test_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean h100-tp8-llama70b"):
        find_compute("h100-tp8-llama7b")


def test_speed_must_be_positive() -> None:
    with pytest.raises(SpecError, match="tokens_per_s is 0"):
        find_compute(0.0)


def test_tables_are_those_of_the_reference(shared_data: Path) -> None:
    file = shared_data / "derived" / "aiconfigurator_0.12.0_latency_estimates.csv"
    rows = [r for r in csv.DictReader(file.open()) if r["mode"] == "static_ctx"]
    names = {
        ("meta-llama/Meta-Llama-3.1-70B", "8"): "h100-tp8-llama70b",
        ("meta-llama/Meta-Llama-3.1-70B", "4"): "h100-tp4-llama70b",
        ("meta-llama/Meta-Llama-3.1-8B", "1"): "h100-tp1-llama8b",
        ("meta-llama/Meta-Llama-3.1-405B", "8"): "h100-tp8-llama405b",
        ("Qwen/Qwen3-235B-A22B-FP8", "4"): "h100-tp4-qwen3-235b-fp8",
        ("openai/gpt-oss-120b", "4"): "h100-tp4-gpt-oss-120b",
        ("deepseek-ai/DeepSeek-V3", "1"): "h200-dp32-ep32-deepseek-v3",
    }
    checked = 0
    for row in rows:
        if row["batch_per_dp"] == "1":
            profile = find_compute(names[row["model"], row["tp"]])
            seconds = profile.seconds(np.array([int(row["isl"])]))[0]
            assert seconds * 1000 == pytest.approx(float(row["ms"]))
            checked += 1
    assert checked == 22
