# SPDX-License-Identifier: Apache-2.0
"""WorkloadSpec: which requests, which model, and how its KV cache is moved."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from emu.spec.base import Bool, Float, Int, Name, Priority, Spec, Text
from emu.spec.preset import expander
from emu.units import Size, Time, format_time, parse_time


def _spread(value: object) -> object:
    if value == "auto":
        return value
    try:
        return parse_time(value)
    except ValueError as error:
        raise ValueError(f"{error}, or the word auto") from None


Spread = Annotated[
    int | Literal["auto"],
    BeforeValidator(_spread),
    PlainSerializer(lambda v: v if isinstance(v, str) else format_time(v), return_type=str),
    WithJsonSchema({"type": ["string", "integer"]}),
]
Policy = Literal["round-robin", "least-loaded", "prefix-aware"]


class TraceSpec(Spec):
    """A trace file and which part of it."""

    file: Annotated[str, Field(min_length=1)]
    """Path, relative to the experiment's file."""
    format: Literal[
        "auto", "mooncake", "azure", "burstgpt", "qwen-bailian", "servegen", "flows"
    ] = "auto"
    skip_bad: Bool = False
    """True: damaged rows are counted and left out; False: the first ends the run."""
    limit: Annotated[Int, Field(ge=1)] | None = None
    """Requests to take; none: all."""
    start: Time = 0
    """Requests before this time of the trace are left out."""
    spread: Spread = "auto"
    """Width over which requests with the same stamp are spread; auto: as the format needs."""


class ParallelismSpec(Spec):
    """Tensor-parallel ranks per worker; a rank uses one NIC."""

    prefill_tp: Annotated[Int, Field(ge=1, le=1024)] = 4
    decode_tp: Annotated[Int, Field(ge=1, le=1024)] = 4


class PlacementSpec(Spec):
    """Which worker gets a request."""

    prefill: Policy = "round-robin"
    decode: Policy = "round-robin"


class EngineProfile(Spec):
    """How a transfer engine sends a KV cache."""

    name: Name = "inline"
    description: Text = ""
    mode: Literal["pull", "push", "chunked", "layered"]
    """pull: one read after prefill; push: one write after prefill; chunked: a write per
    prefill chunk; layered: a write per layer while prefill runs."""
    slice: Annotated[Size, Field(gt=0)]
    """Largest single work request."""
    qps_per_endpoint: Annotated[Int, Field(ge=1, le=64)] = 1
    """Queue pairs between two NICs that share one transfer."""
    post_overhead: Time = 0
    """Time of the sender's processor per work request."""
    chunk_tokens: Annotated[Int, Field(ge=1)] = 2048
    """Tokens per prefill chunk (mode chunked)."""
    block_tokens: Annotated[Int, Field(ge=1)] = 16
    """Tokens per KV block."""
    coalesce: Bool = True
    """True: neighbouring blocks go as one work request."""
    sources: dict[str, Text] = {}


class PrefillCompute(Spec):
    """How fast a worker prefills: a named table, or a plain rate."""

    preset: Name | None = None
    tokens_per_s: Annotated[Float, Field(gt=0)] | None = None
    """Tokens per second of one worker."""
    overhead: Time = 0
    """Added to each request."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {"preset": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.preset is None) == (self.tokens_per_s is None):
            given = "neither" if self.preset is None else "both"
            raise ValueError(
                f"{given} of preset and tokens_per_s are given: exactly one is wanted"
            )
        return self


class ComputeSpec(Spec):
    """Compute times around a transfer."""

    prefill: PrefillCompute = PrefillCompute(tokens_per_s=20_000.0)
    first_decode_step: Time = 0
    """From the last byte of the KV cache to the first token."""


class LoadSpec(Spec):
    """How hard the decode pool's ingress links are used."""

    fraction: Annotated[Float, Field(gt=0, le=2)] = 0.5
    """Mean bytes of transfers / capacity of the decode pool's links."""
    method: Literal["compress", "superpose"] = "superpose"
    """compress: the trace's time is scaled; superpose: shifted copies are laid over it."""
    sessions: Annotated[Int, Field(ge=1, le=1_000_000)] = 1
    """Copies of the trace (superpose)."""


class BackgroundSpec(Spec):
    """Other traffic."""

    pattern: Literal["uniform", "incast", "all-to-all"]
    load: Annotated[Float, Field(gt=0, le=1)]
    """Share of the host links' rate."""
    size: Annotated[Size, Field(gt=0)] = 1_000_000
    priority: Priority = 0
    fan_in: Annotated[Int, Field(ge=1, le=4096)] = 8
    """Senders of one incast."""
    start: Time = 0
    stop: Time | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(
                f"start is {format_time(self.start)} and stop {format_time(self.stop)}: "
                "stop must be later"
            )
        return self


class WorkloadSpec(Spec):
    """Requests, model, engine, load."""

    trace: TraceSpec
    model: Name | dict[str, Any] = "llama-3.1-70b"
    """Name in the table of models, or a shape."""
    kv_dtype: Literal["bf16", "fp8"] = "bf16"
    prefix_reuse: Bool = False
    """True: the decode side keeps prefixes that it has seen."""
    parallelism: ParallelismSpec = ParallelismSpec()
    placement: PlacementSpec = PlacementSpec()
    engine: Annotated[EngineProfile, BeforeValidator(expander("engine"))] = Field(
        default_factory=lambda: EngineProfile.model_validate(expander("engine")("nixl-pull"))
    )
    compute: ComputeSpec = ComputeSpec()
    load: LoadSpec = LoadSpec()
    background: tuple[BackgroundSpec, ...] = ()
