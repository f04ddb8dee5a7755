# SPDX-License-Identifier: Apache-2.0
"""Transfer engines: what leaves when, in which pieces."""

from __future__ import annotations

import numpy as np
import pytest

from emu.errors import SpecError
from emu.workload import EngineProfile, engine_names, find_compute, find_engine, find_model
from emu.workload.engines import Segments, make_segments
from emu.workload.messages import Messages, make_messages
from emu.workload.tensor_parallel import rank_pairs
from emu.workload.workers import Workers

COMPUTE = find_compute("h100-tp8-llama70b")
SECOND = 10**12


def _segments(engine: EngineProfile, model: str, tokens: int, reused: int = 0) -> Segments:
    return make_segments(
        engine,
        find_model(model),
        np.array([tokens]),
        np.array([reused]),
        np.array([SECOND]),
        COMPUTE,
    )


def _messages(engine: EngineProfile, model: str, tokens: int, tp: int = 1) -> Messages:
    shape = find_model(model)
    return make_messages(
        _segments(engine, model, tokens),
        rank_pairs(shape, tp, tp),
        engine,
        shape,
        "bf16",
        Workers("prefill", np.arange(tp)[None, :], np.array([0])),
        Workers("decode", 100 + np.arange(tp)[None, :], np.array([1])),
        np.array([0]),
        np.array([0]),
    )


def test_shipped_profiles_have_a_source() -> None:
    assert set(engine_names()) == {"nixl-pull", "nixl-push", "mooncake", "layered"}
    assert all(find_engine(name).source for name in engine_names())


def test_only_pull_reads() -> None:
    assert [find_engine(n).verb for n in engine_names()] == ["read", "write", "write", "write"]


@pytest.mark.parametrize("name", ["nixl-pull", "nixl-push"])
def test_whole_cache_is_one_segment_at_the_end_of_prefill(name: str) -> None:
    segments = _segments(find_engine(name), "llama-3.1-70b", 5000)
    assert segments.after_ps.tolist() == [SECOND]
    assert segments.token_layers.tolist() == [5000 * 80]


def test_chunks_leave_when_they_are_computed() -> None:
    segments = _segments(find_engine("mooncake"), "llama-3.1-70b", 5000)
    assert (segments.token_layers / 80).tolist() == [2048, 2048, 904]
    share = COMPUTE.seconds(np.array([2048, 4096])) / COMPUTE.seconds(np.array([5000]))
    assert segments.after_ps[:2] / SECOND == pytest.approx(share)
    assert segments.after_ps[2] == SECOND


def test_reused_chunks_are_not_sent() -> None:
    segments = _segments(find_engine("mooncake"), "llama-3.1-70b", 5000, reused=2560)
    assert (segments.token_layers / 80).tolist() == [4096 - 2560, 904]


def test_window_layers_are_sent_with_the_last_chunks_only() -> None:
    segments = _segments(find_engine("mooncake"), "gpt-oss-120b", 4100)
    # 4100 - 128 = 3972: the window begins in the second chunk and ends in the third.
    assert segments.token_layers.tolist() == [
        2048 * 18,
        2048 * 18 + 124 * 18,
        4 * 18 + 4 * 18,
    ]


def test_layers_leave_evenly_over_prefill() -> None:
    segments = _segments(find_engine("layered"), "llama-3.1-70b", 1000)
    assert len(segments.after_ps) == 80
    assert segments.after_ps.tolist() == [SECOND * (i + 1) // 80 for i in range(80)]
    assert segments.token_layers.tolist() == [1000] * 80


def test_windowed_layers_alternate_with_full_ones() -> None:
    segments = _segments(find_engine("layered"), "gpt-oss-120b", 1000)
    assert segments.token_layers[:4].tolist() == [1000, 128, 1000, 128]
    assert (segments.token_layers == 128).sum() == 18


def test_slices_go_to_the_queue_pairs_in_turn() -> None:
    engine = find_engine({"base": "nixl-push", "slice": "64KiB", "qps_per_endpoint": 2})
    shape = find_model("llama-3.1-8b")
    size = int(shape.kv_bytes(np.array([5]), "bf16")[0])
    messages = _messages(engine, "llama-3.1-8b", 5)
    # 655,360 B = 10 slices: five each.
    assert messages.payload_bytes.tolist() == [size // 2, size // 2]
    three = find_engine({"base": "nixl-push", "slice": "256KiB", "qps_per_endpoint": 2})
    # Three slices, the last one short: the first QP carries slices 0 and 2.
    split = _messages(three, "llama-3.1-8b", 5).payload_bytes.tolist()
    assert split == [size - 262_144, 262_144]


def test_a_small_cache_uses_one_queue_pair() -> None:
    engine = find_engine({"base": "mooncake", "slice": "1MiB"})
    assert len(_messages(engine, "llama-3.1-8b", 1).payload_bytes) == 1


def test_nixl_builds_its_whole_list_before_it_posts() -> None:
    coalesced = _messages(find_engine("nixl-pull"), "llama-3.1-70b", 5000)
    # One descriptor per layer for K and one for V.
    assert set(coalesced.overhead_ps.tolist()) == {160 * 2_430_000}


def test_nixl_without_coalescing_posts_one_message_per_block() -> None:
    engine = find_engine({"base": "nixl-pull", "coalesce": False})
    messages = _messages(engine, "llama-3.1-70b", 160)
    assert len(messages.payload_bytes) == 160 * 10
    assert set(messages.overhead_ps.tolist()) == {1600 * 2_430_000}
    assert messages.payload_bytes.sum() == 160 * 327_680


def test_batches_of_slices_are_posted_one_after_another() -> None:
    engine = EngineProfile("t", "push", 2, 100, 10, post_batch=4, coalesce=False)
    messages = _messages(engine, "llama-3.1-8b", 1)
    slices = -(-131_072 // 100)
    assert messages.overhead_ps[:9].tolist() == [40, 40, 40, 40, 80, 80, 80, 80, 120]
    assert messages.overhead_ps[-1] == slices * 10
    assert messages.payload_bytes[-1] == 131_072 % 100
    assert messages.lane[:4].tolist() == [0, 1, 0, 1]


def test_too_many_messages_are_refused_with_a_way_out() -> None:
    engine = find_engine({"mode": "push", "slice": "1B", "coalesce": False})
    with pytest.raises(SpecError, match="at most 5,000,000 fit") as caught:
        _messages(engine, "llama-3.1-70b", 1000)
    assert "coalesce: true" in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("nixl", "did you mean nixl-"),
        ({"base": "moncake"}, "did you mean mooncake?"),
        ({"slice": "1MiB"}, "mode is missing"),
        ({"mode": "pul"}, "did you mean pull?"),
        ({"mode": "pull", "qps": 3}, "unknown key 'qps'"),
        ({"mode": "pull", "qps_per_endpoint": 0}, "qps_per_endpoint is 0"),
    ],
)
def test_unknown_engines_are_refused(engine: object, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        find_engine(engine)
    assert said in str(caught.value)


def test_overrides_keep_the_rest_of_the_base() -> None:
    changed = find_engine({"base": "mooncake", "chunk_tokens": 8192})
    assert (changed.mode, changed.slice_bytes, changed.chunk_tokens) == ("chunked", 65_536, 8192)
