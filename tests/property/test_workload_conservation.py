# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost between a request and its messages, whatever the engine and the ranks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.workload import EngineProfile, ModelShape, find_compute
from emu.workload.engines import make_segments
from emu.workload.messages import Messages, make_messages
from emu.workload.tensor_parallel import rank_pairs
from emu.workload.workers import Workers

POWERS = [1, 2, 4, 8, 16]
MODES = ["pull", "push", "chunked", "layered"]


@st.composite
def shapes(draw: st.DrawFn) -> ModelShape:
    layers = draw(st.integers(1, 12))
    windowed = draw(st.integers(0, layers))
    window = draw(st.integers(1, 3000)) if windowed else 0
    if draw(st.booleans()):
        return ModelShape(
            "m", "mla", layers, kv_lora_rank=draw(st.integers(1, 600)), qk_rope_head_dim=64,
            swa_layers=windowed, swa_window=window,
        )  # fmt: skip
    return ModelShape(
        "g", "gqa", layers, kv_heads=draw(st.sampled_from(POWERS)),
        head_dim=draw(st.integers(1, 128)), swa_layers=windowed, swa_window=window,
    )  # fmt: skip


@st.composite
def engines(draw: st.DrawFn) -> EngineProfile:
    return EngineProfile(
        name="e",
        mode=draw(st.sampled_from(MODES)),  # type: ignore[arg-type]
        qps_per_endpoint=draw(st.integers(1, 4)),
        slice_bytes=draw(st.sampled_from([0, 4096, 65_536, 1_000_003])),
        post_overhead_ps=draw(st.integers(0, 10**6)),
        post_batch=draw(st.sampled_from([0, 1, 7, 256])),
        chunk_tokens=draw(st.sampled_from([1, 100, 512, 2048])),
        coalesce=draw(st.booleans()),
    )


@st.composite
def prompts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    tokens = draw(st.lists(st.integers(1, 400), min_size=1, max_size=4))
    reused = [draw(st.integers(0, n - 1)) for n in tokens]
    return np.array(tokens, dtype=np.int64), np.array(reused, dtype=np.int64)


def _messages(
    shape: ModelShape,
    engine: EngineProfile,
    prefill_tp: int,
    decode_tp: int,
    tokens: np.ndarray,
    reused: np.ndarray,
) -> Messages:
    count = len(tokens)
    duration = tokens * 10**7 + 1
    segments = make_segments(engine, shape, tokens, reused, duration, find_compute(1000.0))
    return make_messages(
        segments,
        rank_pairs(shape, prefill_tp, decode_tp),
        engine,
        shape,
        "fp8",
        Workers("prefill", np.arange(prefill_tp)[None, :], np.array([0])),
        Workers("decode", 100 + np.arange(decode_tp)[None, :], np.array([1])),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
    )


TP = st.sampled_from(POWERS)


@settings(deadline=None, max_examples=150)
@given(shape=shapes(), engine=engines(), prefill_tp=TP, decode_tp=TP, prompt=prompts())
def test_every_decode_rank_gets_its_share_of_every_request(
    shape: ModelShape,
    engine: EngineProfile,
    prefill_tp: int,
    decode_tp: int,
    prompt: tuple[np.ndarray, np.ndarray],
) -> None:
    tokens, reused = prompt
    messages = _messages(shape, engine, prefill_tp, decode_tp, tokens, reused)
    whole = shape.kv_bytes(tokens, "fp8", reused)
    # A rank holds the latent, or its heads: one of them when there are more ranks.
    share = 1 if shape.kind == "mla" else max(1, shape.kv_heads // decode_tp)
    for request, size in enumerate(whole.tolist()):
        own = messages.transfer == request
        for rank in range(decode_tp):
            got = messages.payload_bytes[own & (messages.dst == 100 + rank)].sum()
            assert got == size // shape.units * share


@settings(deadline=None, max_examples=100)
@given(shape=shapes(), engine=engines(), prefill_tp=TP, decode_tp=TP, prompt=prompts())
def test_messages_are_positive_and_leave_while_prefill_runs(
    shape: ModelShape,
    engine: EngineProfile,
    prefill_tp: int,
    decode_tp: int,
    prompt: tuple[np.ndarray, np.ndarray],
) -> None:
    tokens, reused = prompt
    messages = _messages(shape, engine, prefill_tp, decode_tp, tokens, reused)
    assert (messages.payload_bytes > 0).all()
    assert (np.diff(messages.transfer) >= 0).all()
    end = tokens[messages.transfer] * 10**7 + 1
    assert (messages.after_ps > 0).all()
    assert (messages.after_ps <= end).all()
    if engine.mode in ("pull", "push"):
        assert (messages.after_ps == end).all()
    assert (messages.lane < engine.qps_per_endpoint).all()
    assert (messages.overhead_ps >= 0).all()
    if not engine.coalesce and engine.slice_bytes:
        assert messages.payload_bytes.max() <= engine.slice_bytes


@settings(deadline=None, max_examples=100)
@given(shape=shapes(), prefill_tp=TP, decode_tp=TP)
def test_rank_pairs_take_each_head_from_a_rank_that_holds_it(
    shape: ModelShape, prefill_tp: int, decode_tp: int
) -> None:
    pairs = rank_pairs(shape, prefill_tp, decode_tp)
    assert len({(p.prefill_rank, p.decode_rank) for p in pairs}) == len(pairs)
    if shape.kind == "mla":
        assert [p.decode_rank for p in pairs] == list(range(decode_tp))
        return
    heads = shape.kv_heads

    def held(rank: int, degree: int) -> set[int]:
        width = max(1, heads // degree)
        first = rank * heads // degree
        return set(range(first, first + width))

    for rank in range(decode_tp):
        own = [p for p in pairs if p.decode_rank == rank]
        sources = [held(p.prefill_rank, prefill_tp) & held(rank, decode_tp) for p in own]
        assert [len(s) for s in sources] == [p.units for p in own]
        assert set().union(*sources) == held(rank, decode_tp)
        assert sum(len(s) for s in sources) == len(held(rank, decode_tp))
