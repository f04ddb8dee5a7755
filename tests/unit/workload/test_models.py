# SPDX-License-Identifier: Apache-2.0
"""Bytes of KV caches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emu.errors import SpecError
from emu.workload import find_model, model_table


def _bytes(name: str, tokens: int, dtype: str = "bf16", reused: int = 0) -> int:
    size = find_model(name).kv_bytes(np.array([tokens]), dtype, np.array([reused]))
    return int(size[0])


def test_table_has_many_models_each_with_its_source() -> None:
    assert len(model_table()) >= 10
    assert all(shape.source for shape in model_table().values())


@pytest.mark.parametrize(
    ("name", "per_token"),
    [
        ("llama-3.1-8b", 131_072),
        ("llama-3.1-70b", 327_680),
        ("llama-3.1-405b", 516_096),
        ("deepseek-v3", 61 * 576 * 2),
        ("kimi-k2", 70_272),
        ("qwen3-235b-a22b", 192_512),
        ("gpt-oss-120b", 73_728),
    ],
)
def test_bytes_per_token(name: str, per_token: int) -> None:
    assert find_model(name).bytes_per_token("bf16") == per_token
    assert find_model(name).bytes_per_token("fp8") * 2 == per_token


def test_4096_tokens_of_70b_are_those_of_the_bmwg_draft() -> None:
    assert _bytes("llama-3.1-70b", 4096) == 1_342_177_280


def test_sliding_window_layers_stop_growing() -> None:
    constant = 18 * 128 * 2048
    assert _bytes("gpt-oss-120b", 100) == 100 * 73_728
    assert _bytes("gpt-oss-120b", 5000) == 5000 * 36_864 + constant
    assert _bytes("gpt-oss-120b", 5001) - _bytes("gpt-oss-120b", 5000) == 36_864


def test_reuse_saves_full_layers_but_the_window_is_at_the_end() -> None:
    assert _bytes("gpt-oss-120b", 5000, reused=4000) == 1000 * 36_864 + 18 * 128 * 2048
    # Less than a window is new: the rest of the window is there already.
    assert _bytes("gpt-oss-120b", 5000, reused=4950) == 50 * 73_728
    assert _bytes("deepseek-v3", 5000, reused=4999) == 70_272


def test_table_agrees_with_the_reference_shapes(shared_data: Path) -> None:
    reference = json.loads((shared_data / "derived" / "kv_models.json").read_text())
    for entry in reference["models"]:
        shape = find_model(entry["model"])
        assert shape.bytes_per_token("bf16") == entry["kv_bytes_per_token"]
        assert shape.bytes_per_token("fp8") == entry["kv_bytes_per_token_fp8"]
        beyond = entry.get("kv_bytes_per_token_beyond_window")
        if beyond:
            size = shape.kv_bytes(np.array([10_000, 10_001]), "bf16")
            assert int(size[1] - size[0]) == beyond
            assert int(size[0]) == 10_000 * beyond + entry["swa_constant_bytes"]


def test_inline_shape() -> None:
    shape = find_model({"layers": 10, "kv_heads": 2, "head_dim": 64, "name": "mine"})
    assert (shape.kind, shape.bytes_per_token("fp8")) == ("gqa", 10 * 2 * 2 * 64)
    latent = find_model({"layers": 3, "kv_lora_rank": 100, "qk_rope_head_dim": 28})
    assert (latent.kind, latent.bytes_per_token("bf16")) == ("mla", 3 * 128 * 2)


def test_keys_wider_than_values() -> None:
    shape = find_model({"layers": 1, "kv_heads": 1, "head_dim": 192, "v_head_dim": 128})
    assert shape.bytes_per_token("fp8") == 320


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("llama-3.1-70", "unknown model 'llama-3.1-70'\nhint: did you mean llama-3.1-70b?"),
        ({"kv_heads": 2, "head_dim": 64}, "layers is missing"),
        ({"layers": 0, "kv_heads": 2, "head_dim": 64}, "layers is 0"),
        ({"layers": 1, "kv_head": 2, "head_dim": 64}, "did you mean kv_heads?"),
        ({"layers": 1, "kv_heads": 2}, "head_dim is 0 for a gqa model"),
        ({"layers": 1, "kv_heads": 2, "head_dim": 8, "swa_layers": 2}, "swa_layers is 2 of 1"),
        ({"layers": 2, "kv_heads": 2, "head_dim": 8, "swa_layers": 2}, "swa_window is missing"),
        ({"layers": "two", "kv_heads": 2, "head_dim": 8}, "layers is 'two'"),
        ({"layers": 2, "kind": "mqa", "kv_heads": 2, "head_dim": 8}, "kind is 'mqa'"),
    ],
)
def test_impossible_models_are_refused(model: object, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        find_model(model)
    assert said in str(caught.value)


def test_unknown_type() -> None:
    with pytest.raises(SpecError, match="unknown type 'int4'"):
        find_model("kimi-k2").bytes_per_token("int4")
