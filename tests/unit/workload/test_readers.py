# SPDX-License-Identifier: Apache-2.0
"""Each format as it is published, and the traps of its files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emu.errors import TraceError
from emu.workload import FORMATS, FlowTrace, ReadOptions, RequestTrace, read_trace
from emu.workload.readers.azure import parse_stamp

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:17:03.9799600,4808,10\n"
    "2023-11-16 18:17:04.0319601,3180,8\n"
)
MOONCAKE = '{"timestamp": %d, "input_length": 600, "output_length": 5, "hash_ids": [%d, %d]}\n'
QWEN = (
    '{"chat_id": 4, "parent_chat_id": -1, "timestamp": 1.25, "input_length": 20, '
    '"output_length": 3, "type": "text", "turn": 1, "hash_ids": [9, 8]}\n'
)
BURST6 = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45,GPT-4,1087,0,1087,API log\n"
)
BURST8 = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    '5,"a,b",1.5,ChatGPT,472,18,490,Conversation log\n'
)


def _write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _requests(path: Path, **options: object) -> RequestTrace:
    trace = read_trace(path, options=ReadOptions(**{"spread_ps": 0, **options}))  # type: ignore[arg-type]
    assert isinstance(trace, RequestTrace)
    return trace


def test_azure_keeps_all_seven_digits(tmp_path: Path) -> None:
    trace = _requests(_write(tmp_path, "a.csv", AZURE))
    assert trace.format == "azure"
    assert trace.arrival_ps.tolist() == [0, 52_000_100_000]
    assert trace.input_tokens.tolist() == [4808, 3180]
    assert trace.output_tokens.tolist() == [10, 8]


@pytest.mark.parametrize(
    "text",
    [
        AZURE.replace("\n", "\r\n"),
        AZURE.rstrip("\n"),
        "\ufeff" + AZURE,
        AZURE.replace("9799600,", "979960+00:00,").replace("0319601,", "0319601+00:00,"),
        AZURE.replace("9799600,", "9799600Z,").replace("0319601,", "0319601Z,"),
        AZURE.replace("16 18:17:04", "16 20:17:04").replace("0319601,", "0319601+02:00,"),
        AZURE + "\n\n",
    ],
    ids=["crlf", "no last newline", "bom", "2024", "zulu", "other zone", "blank lines"],
)
def test_azure_forms_of_one_trace_read_the_same(tmp_path: Path, text: str) -> None:
    assert _requests(_write(tmp_path, "a.csv", text)).arrival_ps.tolist() == [0, 52_000_100_000]


def test_azure_multimodal_says_that_images_are_not_used(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
        "2024-10-15 00:00:00.1,3,900,5\n2024-10-15 00:00:01,0,70,5\n"
    )
    trace = _requests(_write(tmp_path, "a.csv", text))
    assert trace.input_tokens.tolist() == [900, 70]
    assert trace.notes == ("3 images of the trace are not used",)


def test_azure_stamp_is_exact() -> None:
    assert parse_stamp("0001-01-02 00:00:00.000000000001") == 86_400 * 10**12 + 1


def test_mooncake_blocks_are_kept(tmp_path: Path) -> None:
    path = _write(tmp_path, "m.jsonl", MOONCAKE % (1000, 7, 8) + MOONCAKE % (1500, 7, 9))
    trace = _requests(path)
    assert trace.format == "mooncake"
    assert trace.block_tokens == 512
    assert trace.arrival_ps.tolist() == [0, 500 * 10**9]
    assert [trace.blocks(row).tolist() for row in range(2)] == [[7, 8], [7, 9]]


def test_rows_out_of_order_are_sorted_with_their_blocks(tmp_path: Path) -> None:
    rows = [MOONCAKE % (t, t, t + 1) for t in (30, 10, 20)]
    trace = _requests(_write(tmp_path, "m.jsonl", "".join(rows)))
    assert trace.arrival_ps.tolist() == [0, 10 * 10**9, 20 * 10**9]
    assert [trace.blocks(row)[0] for row in range(3)] == [10, 20, 30]


def test_gzip_is_recognised_by_content_not_by_name(tmp_path: Path) -> None:
    path = _write(tmp_path, "trace.txt", gzip.compress(AZURE.encode()))
    assert _requests(path).format == "azure"


def test_qwen_bailian_has_seconds_and_blocks_of_16(tmp_path: Path) -> None:
    second = QWEN.replace("1.25", "1.2500005").replace('"hash_ids": [9, 8]', '"hash_ids": [9, 7]')
    trace = _requests(_write(tmp_path, "q.jsonl", QWEN + second))
    assert trace.format == "qwen-bailian"
    assert trace.block_tokens == 16
    assert trace.arrival_ps.tolist() == [0, 500_000]


def test_burstgpt_with_6_columns_keeps_failed_requests_and_says_so(tmp_path: Path) -> None:
    trace = _requests(_write(tmp_path, "b.csv", BURST6))
    assert trace.format == "burstgpt"
    assert trace.arrival_ps.tolist() == [0, 40 * 10**12]
    assert trace.output_tokens.tolist() == [18, 0]
    assert "1 requests have no response tokens" in trace.notes[0]


def test_burstgpt_with_8_columns(tmp_path: Path) -> None:
    trace = _requests(_write(tmp_path, "b.csv", BURST8))
    assert trace.input_tokens.tolist() == [472]


def test_burstgpt_whole_seconds_are_spread_within_their_second(tmp_path: Path) -> None:
    rows = "".join(f"{t},GPT-4,10,1,11,API log\n" for t in (0, 0, 0, 1, 1))
    path = _write(tmp_path, "b.csv", BURST6.splitlines()[0] + "\n" + rows)
    trace = _requests(path, spread_ps=None)
    assert len(np.unique(trace.arrival_ps)) == 5
    assert trace.arrival_ps.max() < 2 * 10**12
    assert "quantised to 1 s" in trace.notes[-1]


FLOWS = "start_us,src,dst,bytes,transfer,priority,verb\n2.5,h0,h9,100,,,\n0.5,0,8,200,4,2,READ\n"


def test_flow_list_from_csv(tmp_path: Path) -> None:
    trace = read_trace(_write(tmp_path, "f.csv", FLOWS))
    assert isinstance(trace, FlowTrace)
    assert trace.start_ps.tolist() == [0, 2_000_000]
    assert trace.src == ("0", "h0")
    assert trace.size_bytes.tolist() == [200, 100]
    assert trace.group.tolist() == [4, 5]
    assert trace.priority.tolist() == [2, -1]
    assert trace.read.tolist() == [True, False]
    assert trace.rows.tolist() == [3, 2]


def test_flow_list_from_parquet_is_the_same(tmp_path: Path) -> None:
    csv = _write(tmp_path, "f.csv", FLOWS)
    pd.read_csv(csv).to_parquet(tmp_path / "f.parquet")
    one, two = read_trace(csv), read_trace(tmp_path / "f.parquet")
    assert isinstance(one, FlowTrace)
    assert isinstance(two, FlowTrace)
    assert one.start_ps.tolist() == two.start_ps.tolist()
    assert (one.src, one.dst, one.group.tolist()) == (two.src, two.dst, two.group.tolist())


def test_start_and_limit_cut_a_window_that_begins_at_0(tmp_path: Path) -> None:
    rows = "".join(MOONCAKE % (1000 * t, t, t + 1) for t in range(10))
    trace = _requests(_write(tmp_path, "m.jsonl", rows), start_ps=3 * 10**12, limit=4)
    assert trace.arrival_ps.tolist() == [0, 10**12, 2 * 10**12, 3 * 10**12]
    assert trace.blocks(0).tolist() == [3, 4]
    assert trace.rows_read == 10


def test_skipped_rows_are_counted_by_reason(tmp_path: Path) -> None:
    text = MOONCAKE % (0, 1, 2) + "{}\nnonsense\n{}\n" + MOONCAKE % (1, 1, 2)
    trace = _requests(_write(tmp_path, "m.jsonl", text), skip_bad=True)
    assert trace.skipped == {"not JSON": 1, "timestamp is missing": 2}
    assert (len(trace), trace.rows_read) == (2, 5)


def test_row_numbers_are_line_numbers(tmp_path: Path) -> None:
    path = _write(tmp_path, "m.jsonl", MOONCAKE % (0, 1, 2) + "\n\n{}\n")
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert caught.value.row == 4
    assert caught.value.exit_code == 2


def test_a_format_that_is_given_is_not_guessed(tmp_path: Path) -> None:
    path = _write(tmp_path, "m.jsonl", MOONCAKE % (0, 1, 2))
    with pytest.raises(TraceError, match="chat_id is missing"):
        read_trace(path, "qwen-bailian")


def test_every_reader_has_a_summary_and_the_spec_knows_its_name() -> None:
    from emu.spec import TraceSpec

    schema = json.dumps(TraceSpec.model_json_schema())
    for name, form in FORMATS.items():
        assert form.summary
        assert f'"{name}"' in schema


def test_stamps_may_count_from_1970(tmp_path: Path) -> None:
    rows = [QWEN.replace("1.25", t) for t in ("1763300000.5", "1763300001.5")]
    trace = _requests(_write(tmp_path, "q.jsonl", "".join(rows)))
    assert trace.arrival_ps.tolist() == [0, 10**12]


def test_two_months_of_burstgpt_fit(tmp_path: Path) -> None:
    rows = f"{61 * 86_400},GPT-4,10,1,11,API log\n{121 * 86_400},GPT-4,10,1,11,API log\n"
    path = _write(tmp_path, "b.csv", BURST6.splitlines()[0] + "\n" + rows)
    assert _requests(path).arrival_ps.tolist() == [0, 60 * 86_400 * 10**12]
