# SPDX-License-Identifier: Apache-2.0
"""Who reads what from whom: the TP map of vLLM's NIXL connector."""

from __future__ import annotations

import pytest

from emu.errors import SpecError
from emu.workload import find_model
from emu.workload.tensor_parallel import rank_pairs

GQA8 = find_model("llama-3.1-70b")
GQA4 = find_model("qwen3-235b-a22b")
MLA = find_model("deepseek-v3")


def _pairs(shape: object, prefill: int, decode: int) -> list[tuple[int, int, int]]:
    found = rank_pairs(shape, prefill, decode)  # type: ignore[arg-type]
    return [(p.prefill_rank, p.decode_rank, p.units) for p in found]


def test_equal_degrees_pair_equal_ranks() -> None:
    assert _pairs(GQA8, 8, 8) == [(r, r, 1) for r in range(8)]
    assert _pairs(GQA8, 2, 2) == [(0, 0, 4), (1, 1, 4)]


def test_more_decode_ranks_share_a_prefill_rank() -> None:
    assert _pairs(GQA8, 2, 4) == [(0, 0, 2), (0, 1, 2), (1, 2, 2), (1, 3, 2)]


def test_more_prefill_ranks_are_all_read() -> None:
    assert _pairs(GQA8, 4, 2) == [(0, 0, 2), (1, 0, 2), (2, 1, 2), (3, 1, 2)]


def test_copies_of_a_head_on_prefill_ranks_are_read_once() -> None:
    # 4 KV heads on 8 prefill ranks: each head twice.
    assert _pairs(GQA4, 8, 4) == [(0, 0, 1), (2, 1, 1), (4, 2, 1), (6, 3, 1)]
    assert _pairs(GQA4, 8, 2) == [(0, 0, 1), (2, 0, 1), (4, 1, 1), (6, 1, 1)]


def test_decode_ranks_that_copy_a_head_read_different_copies_where_there_are_some() -> None:
    assert _pairs(GQA4, 16, 8) == [(2 * r, r, 1) for r in range(8)]


def test_more_decode_ranks_than_heads_read_copies() -> None:
    assert _pairs(GQA4, 4, 8) == [(r // 2, r, 1) for r in range(8)]


def test_every_decode_rank_reads_the_whole_latent_from_one_rank() -> None:
    assert _pairs(MLA, 8, 4) == [(0, 0, 1), (2, 1, 1), (4, 2, 1), (6, 3, 1)]
    assert _pairs(MLA, 1, 4) == [(0, r, 1) for r in range(4)]


@pytest.mark.parametrize(
    ("prefill", "decode", "said"),
    [(4, 6, "one must be a multiple of the other"), (3, 3, "prefill_tp is 3 and")],
)
def test_degrees_that_do_not_divide_are_refused(prefill: int, decode: int, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        rank_pairs(GQA8, prefill, decode)
