# SPDX-License-Identifier: Apache-2.0
"""Prefix caches: which leading blocks of a prompt a worker still holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


class PrefixCache:
    """Blocks by id, least recently used out first; ``capacity`` 0 keeps everything."""

    def __init__(self, capacity_blocks: int = 0) -> None:
        self._capacity = capacity_blocks
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._blocks)

    def match(self, blocks: Sequence[int]) -> int:
        """Leading blocks that are here."""
        held = self._blocks
        for count, block in enumerate(blocks):
            if block not in held:
                return count
        return len(blocks)

    def insert(self, blocks: Sequence[int]) -> None:
        """Makes these blocks the most recent, the first one most of all.

        A prompt's tail goes out before its head: without its head it is useless.
        """
        held = self._blocks
        for block in reversed(blocks):
            held[block] = None
            held.move_to_end(block)
        if self._capacity:
            while len(held) > self._capacity:
                held.popitem(last=False)


def reusable_tokens(hit_blocks: int, block_tokens: int, input_tokens: int) -> int:
    """Tokens that ``hit_blocks`` save: whole blocks, and never the last token.

    The last token's state is what decoding starts from, so serving systems compute
    and move at least its block (vLLM caps hits at the prompt length minus one).
    """
    return min(hit_blocks, (input_tokens - 1) // block_tokens) * block_tokens
