# SPDX-License-Identifier: Apache-2.0
"""Any trace survives being written and read; any text is refused politely or read."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.errors import TraceError
from emu.workload import ReadOptions, RequestTrace, read_trace
from emu.workload.export import import_trace
from emu.workload.prefix import PrefixCache
from emu.workload.readers.azure import parse_stamp
from emu.workload.readers.rows import BadRowError, decimal_ps

ROWS = st.lists(
    st.tuples(st.integers(0, 4 * 10**8), st.integers(1, 3000), st.integers(0, 500)),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, suffix=st.sampled_from([".csv", ".parquet"]))
def test_import_keeps_every_row(rows: list[tuple[int, int, int]], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "m.jsonl", Path(folder) / f"r{suffix}"
        lines = [
            f'{{"timestamp": {t}, "input_length": {i}, "output_length": {o}, '
            f'"hash_ids": {list(range(-(-i // 512)))}}}'
            for t, i, o in rows
        ]
        source.write_text("\n".join(lines))
        options = ReadOptions(spread_ps=0)
        import_trace(source, out, options=options)
        trace = read_trace(out, options=options)
    assert isinstance(trace, RequestTrace)
    wanted = sorted(rows, key=lambda row: row[0])
    assert trace.arrival_ps.tolist() == [(t - wanted[0][0]) * 10**9 for t, _, _ in wanted]
    assert trace.input_tokens.tolist() == [i for _, i, _ in wanted]
    assert trace.output_tokens.tolist() == [o for _, _, o in wanted]
    assert np.diff(trace.block_offsets).tolist() == [-(-i // 512) for _, i, _ in wanted]


@settings(deadline=None, max_examples=200)
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_garbage_is_refused_never_crashes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_bytes(data)
        for form in ("auto", "mooncake", "azure", "burstgpt", "qwen-bailian", "requests", "flows"):
            refusal = _refusal(path, form)
            assert refusal is None or (str(path) in str(refusal) and refusal.hint)


def _refusal(path: Path, form: str) -> TraceError | None:
    try:
        read_trace(path, form)
    except TraceError as error:
        return error
    return None


CELL = st.one_of(
    st.integers(-5, 10**20).map(str),
    st.floats(allow_nan=True).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters='\n\r"'), max_size=8),
)


@settings(deadline=None, max_examples=200)
@given(cells=st.lists(CELL, min_size=3, max_size=3), header=st.sampled_from([0, 1]))
def test_odd_cells_are_bad_rows_never_crashes(cells: list[str], header: int) -> None:
    headers = ("TIMESTAMP,ContextTokens,GeneratedTokens", "arrival_us,input_tokens,output_tokens")
    good = ("2023-11-16 18:17:03.9799600,4808,10", "0,4808,10")
    text = f"{headers[header]}\n{good[header]}\n{','.join(cells)}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(text, encoding="utf-8")
        trace = read_trace(path, options=ReadOptions(skip_bad=True, spread_ps=0))
    assert len(trace) + sum(trace.skipped.values()) == trace.rows_read


@given(st.integers(0, 86_399), st.integers(0, 9_999_999))
def test_azure_stamps_are_exact(second: int, fraction: int) -> None:
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    stamp = parse_stamp(f"0001-01-01 {clock}.{fraction:07}")
    assert stamp == second * 10**12 + fraction * 10**5


@given(st.text(max_size=12))
def test_decimal_times_are_numbers_or_bad_rows(text: str) -> None:
    try:
        time_ps = decimal_ps(text, "t", 10**12, "seconds")
    except BadRowError:
        return
    assert time_ps >= 0


BLOCKS = st.lists(st.integers(0, 12), max_size=8, unique=True)


@given(capacity=st.integers(0, 8), prompts=st.lists(BLOCKS, max_size=20))
def test_prefix_cache_stays_within_its_capacity(capacity: int, prompts: list[list[int]]) -> None:
    cache = PrefixCache(capacity)
    for blocks in prompts:
        cache.insert(blocks)
        if capacity:
            assert len(cache) <= capacity
        else:
            assert cache.match(blocks) == len(blocks)
        # What was inserted last is there as far as it fits.
        assert cache.match(blocks) >= min(len(blocks), capacity)
