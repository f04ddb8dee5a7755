# SPDX-License-Identifier: Apache-2.0
"""Which prefill rank sends which part of the cache to which decode rank.

Source: vLLM's NIXL connector, tp_mapping.py at commit 4b5c627. With at least as many
decode as prefill ranks, or with a latent cache (MLA), each decode rank reads one
prefill rank; with more prefill ranks a decode rank reads several, and KV heads that
prefill ranks hold twice are read once.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.errors import Fault, SpecError
from emu.workload.models import ModelShape


@dataclass(frozen=True)
class RankPair:
    """``units`` (KV heads, or 1 latent) that go from one rank to another."""

    prefill_rank: int
    decode_rank: int
    units: int


def rank_pairs(shape: ModelShape, prefill_tp: int, decode_tp: int) -> tuple[RankPair, ...]:
    """All pairs that exchange bytes, ordered by decode rank, then prefill rank.

    Raises
    ------
    SpecError
        When neither degree divides the other, or a degree and the number of KV
        heads do not divide: serving systems refuse these too.
    """
    _check_degrees(shape, prefill_tp, decode_tp)
    if shape.kind == "mla":
        return tuple(RankPair(rank * prefill_tp // decode_tp, rank, 1) for rank in range(decode_tp))
    heads = shape.kv_heads
    held_prefill = max(1, heads // prefill_tp)
    held_decode = max(1, heads // decode_tp)
    copies = max(1, prefill_tp // heads)
    pairs = []
    for rank in range(decode_tp):
        first = rank * heads // decode_tp
        if prefill_tp <= decode_tp:
            pairs.append(RankPair(rank * prefill_tp // decode_tp, rank, held_decode))
            continue
        # Several decode ranks that want the same head read different copies of it.
        sharers = max(1, decode_tp // heads)
        copy = (rank % sharers) * (copies // sharers)
        for head in range(first, first + held_decode, held_prefill):
            source = head * copies + copy if copies > 1 else head // held_prefill
            pairs.append(RankPair(source, rank, min(held_prefill, held_decode)))
    return tuple(pairs)


def _check_degrees(shape: ModelShape, prefill_tp: int, decode_tp: int) -> None:
    if max(prefill_tp, decode_tp) % min(prefill_tp, decode_tp):
        raise _fault(
            f"prefill_tp is {prefill_tp} and decode_tp is {decode_tp}",
            "one must be a multiple of the other",
        )
    if shape.kind == "mla":
        return
    for side, degree in (("prefill_tp", prefill_tp), ("decode_tp", decode_tp)):
        if max(degree, shape.kv_heads) % min(degree, shape.kv_heads):
            raise _fault(
                f"{side} is {degree} and {shape.name} has {shape.kv_heads} KV heads",
                "the degree must divide the number of KV heads or be a multiple of it",
            )


def _fault(message: str, hint: str) -> SpecError:
    return SpecError([Fault(field="workload.parallelism", message=message, hint=hint)])
