# SPDX-License-Identifier: Apache-2.0
"""When which part of a request's cache may leave: one segment per post.

A segment is what one rank pair posts at once: the whole cache (pull, push), one
prefill chunk, or one layer. Sizes are in token-layers, which the KV model turns
into bytes, so that nothing is lost to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emu.workload.compute import ComputeProfile
from emu.workload.engines.profile import EngineProfile
from emu.workload.models import ModelShape
from emu.workload.trace import IntArray

# Tokens of one cache block in vLLM (its default block_size): a descriptor when
# nothing is coalesced.
BLOCK_TOKENS = 16


@dataclass(frozen=True)
class Segments:
    """Parallel arrays, ordered by request and time.

    Attributes
    ----------
    request : row of the request.
    after_ps : time since the start of its prefill at which the part is computed.
    token_layers : its size; times bytes per unit, token and layer, times units.
    regions : descriptors for it when each is one contiguous run.
    blocks : descriptors for it when each is one block.
    """

    request: IntArray
    after_ps: IntArray
    token_layers: IntArray
    regions: IntArray
    blocks: IntArray


def make_segments(
    engine: EngineProfile,
    shape: ModelShape,
    tokens: IntArray,
    reused: IntArray,
    duration_ps: IntArray,
    compute: ComputeProfile,
) -> Segments:
    """Segments of all requests, none of them empty."""
    if engine.mode == "chunked":
        segments = _chunks(engine.chunk_tokens, shape, tokens, reused, duration_ps, compute)
    elif engine.mode == "layered":
        segments = _layers(shape, tokens, reused, duration_ps)
    else:
        segments = _whole(shape, tokens, reused, duration_ps)
    keep = segments.token_layers > 0
    return Segments(*(getattr(segments, name)[keep] for name in Segments.__dataclass_fields__))


def _whole(
    shape: ModelShape, tokens: IntArray, reused: IntArray, duration_ps: IntArray
) -> Segments:
    runs = np.full_like(tokens, shape.layers * shape.regions_per_layer)
    return Segments(
        request=np.arange(len(tokens), dtype=np.int64),
        after_ps=duration_ps,
        token_layers=shape.layer_tokens(tokens, reused, tokens),
        regions=runs,
        blocks=runs * _blocks(tokens - reused),
    )


def _chunks(
    chunk: int,
    shape: ModelShape,
    tokens: IntArray,
    reused: IntArray,
    duration_ps: IntArray,
    compute: ComputeProfile,
) -> Segments:
    counts = -(-tokens // chunk)
    request = np.repeat(np.arange(len(tokens), dtype=np.int64), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    index = np.arange(len(request), dtype=np.int64) - first
    n, kept = tokens[request], reused[request]
    begin, end = index * chunk, np.minimum((index + 1) * chunk, n)
    # Later chunks attend to more tokens and take longer: the profile's curve.
    share = compute.seconds(end) / compute.seconds(n)
    after = np.rint(duration_ps[request] * share).astype(np.int64)
    runs = np.full_like(n, shape.layers * shape.regions_per_layer)
    return Segments(
        request=request,
        after_ps=np.where(end == n, duration_ps[request], after),
        token_layers=shape.layer_tokens(n, kept, end) - shape.layer_tokens(n, kept, begin),
        regions=runs,
        blocks=runs * _blocks(end - np.maximum(begin, kept)),
    )


def _layers(
    shape: ModelShape, tokens: IntArray, reused: IntArray, duration_ps: IntArray
) -> Segments:
    count, windowed = shape.layers, shape.swa_layers
    layer = np.arange(count, dtype=np.int64)
    # Sliding-window layers alternate with full ones as evenly as the counts allow.
    is_windowed = (layer + 1) * windowed // count > layer * windowed // count
    request = np.repeat(np.arange(len(tokens), dtype=np.int64), count)
    index = np.tile(layer, len(tokens))
    new = (tokens - reused)[request]
    if windowed:
        new = np.where(is_windowed[index], np.minimum(new, shape.swa_window), new)
    runs = np.full_like(new, shape.regions_per_layer)
    return Segments(
        request=request,
        after_ps=duration_ps[request] * (index + 1) // count,
        token_layers=new,
        regions=runs,
        blocks=runs * _blocks(new),
    )


def _blocks(tokens: IntArray) -> IntArray:
    return np.maximum(-(-tokens // BLOCK_TOKENS), 1)
