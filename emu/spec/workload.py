# SPDX-License-Identifier: Apache-2.0
"""WorkloadSpec: which requests, which model, and how its KV cache is moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from emu.spec.base import Bool, Float, Int, Name, Priority, Spec, Text
from emu.spec.context import LoadContext
from emu.spec.located import at
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
    origin: Text = ""
    """Where to get the file; said when it is missing."""
    format: Literal[
        "auto", "mooncake", "azure", "burstgpt", "qwen-bailian", "servegen", "requests", "flows"
    ] = "auto"
    skip_bad: Bool = False
    """True: damaged rows are counted and left out; False: the first ends the run."""
    limit: Annotated[Int, Field(ge=1)] | None = None
    """Requests to take, of all sessions together; null: all."""
    start: Time = 0
    """Requests before this time of the trace are left out."""
    spread: Spread = "auto"
    """Width over which requests with the same stamp are spread; auto: as the format needs."""

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _remember_folder(self, info: ValidationInfo) -> Self:
        if isinstance(info.context, LoadContext):
            self._folder = info.context.folder
        return self

    @property
    def path(self) -> Path:
        """The trace file, found from the folder of the experiment's file."""
        return self._folder / self.file


class ParallelismSpec(Spec):
    """Tensor-parallel ranks per worker; a rank uses one NIC."""

    prefill_tp: Annotated[Int, Field(ge=1, le=1024)] = 4
    decode_tp: Annotated[Int, Field(ge=1, le=1024)] = 4


class PlacementSpec(Spec):
    """Which worker gets a request."""

    prefill: Policy = "round-robin"
    decode: Policy = "round-robin"


def _shape_of(value: object) -> str:
    return "text" if isinstance(value, str) else "mapping"


class EngineSpec(Spec):
    """A transfer engine given in full, or one known by name (``base``) with changes.

    What is not given is that of the base; the names are known to the workload.
    """

    base: Name | None = None
    name: Name | None = None
    mode: Literal["pull", "push", "chunked", "layered"] | None = None
    """pull: one read after prefill; push: one write after prefill; chunked: a write per
    prefill chunk; layered: a write per layer while prefill runs."""
    slice: Size | None = None
    """Unit of posting; 0: one descriptor per layer and region."""
    qps_per_endpoint: Annotated[Int, Field(ge=1, le=64)] | None = None
    """Queue pairs between two NICs that share one transfer."""
    post_overhead: Time | None = None
    """Time to build and post one descriptor."""
    post_batch: Annotated[Int, Field(ge=0)] | None = None
    """Descriptors that are posted together; 0: the whole list."""
    chunk_tokens: Annotated[Int, Field(ge=1)] | None = None
    """Tokens per prefill chunk (mode chunked)."""
    coalesce: Bool | None = None
    """True: neighbouring blocks go as one message."""

    @model_validator(mode="after")
    def _mode_known(self) -> Self:
        if self.base is None and self.mode is None:
            raise ValueError("mode is missing: give base (a known engine) or mode")
        return self


Engine = Annotated[
    Annotated[Name, Tag("text")] | Annotated[EngineSpec, Tag("mapping")],
    Discriminator(_shape_of),
]


class PrefillSpeed(Spec):
    """A worker that prefills at a constant speed."""

    tokens_per_s: Annotated[Float, Field(gt=0)]
    """Tokens per second of one worker."""


Prefill = Annotated[
    Annotated[Name, Tag("text")] | Annotated[PrefillSpeed, Tag("mapping")],
    Discriminator(_shape_of),
]
Model = Annotated[
    Annotated[Name, Tag("text")] | Annotated[dict[str, Any], Tag("mapping")],
    Discriminator(_shape_of),
]


class ComputeSpec(Spec):
    """Compute times around a transfer."""

    prefill: Prefill = PrefillSpeed(tokens_per_s=20_000.0)
    """Name of a table of measured times, or a constant speed."""
    prefill_queue: Bool = False
    """True: prefills wait for their worker, at the trace's own rate; False: they start on
    arrival, as if the pool always had a free worker behind the same NICs."""
    first_decode_step: Time = 0
    """From the last byte of the KV cache to the first token."""


class LoadSpec(Spec):
    """How hard the decode pool's ingress links are used."""

    fraction: Annotated[Float, Field(gt=0, le=2)] | None = None
    """Mean bytes of transfers / capacity of the decode pool's links; null: as the trace comes."""
    method: Literal["compress", "superpose"] = "compress"
    """compress: the trace's time is scaled; superpose: shifted copies are laid over it."""
    sessions: Annotated[Int, Field(ge=1, le=1_000_000)] = 1
    """Copies of the trace (superpose); 1: as many as come nearest to the load."""

    @model_validator(mode="after")
    def _sessions_are_superposed(self) -> Self:
        if self.sessions > 1 and self.method == "compress":
            raise at(
                "sessions",
                f"sessions is {self.sessions} and method is compress: superpose is meant",
            )
        return self


class BackgroundSpec(Spec):
    """Other traffic."""

    pattern: Literal["uniform", "incast", "all-to-all"]
    load: Annotated[Float, Field(gt=0, le=1)]
    """Share of the host links' rate."""
    size: Annotated[Size, Field(gt=0)] = 1_000_000
    priority: Priority = 0
    sources: tuple[Name, ...] = ()
    """Hosts that send (uniform only): names, globs or ranges; none given: all."""
    destinations: tuple[Name, ...] = ()
    """Hosts that receive (uniform only). With destinations ``load`` is the share of their
    rate."""
    spacing: Literal["poisson", "periodic"] = "poisson"
    """periodic: every pair of a source and a destination sends at a constant interval from a
    random phase on (uniform only)."""
    fan_in: Annotated[Int, Field(ge=1, le=4096)] = 8
    """Senders of one incast."""
    queue_pairs: Literal["shared", "per-message"] = "shared"
    """per-message: each message has a queue pair of its own. One of a single packet is then
    sent like a traffic generator's: what is lost is not repeated before the timeout."""
    start: Time = 0
    stop: Time | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(
                f"start is {format_time(self.start)} and stop {format_time(self.stop)}: "
                "stop must be later"
            )
        chosen = self.sources or self.destinations or self.spacing != "poisson"
        if chosen and self.pattern != "uniform":
            raise ValueError(
                f"pattern is {self.pattern}: sources, destinations and spacing belong to uniform"
            )
        return self


class SourcePortsSpec(Spec):
    """UDP source ports of queue pairs: the entropy that a hash has to work with."""

    by: Literal["nic", "library"] = "nic"
    """nic: each port follows from the numbers of the queue pair, as Linux has it, and two may
    meet in one; library: the transfer library gives the queue pairs of two NICs ports in turn,
    as Mooncake does with mlx5dv_modify_qp_udp_sport."""
    values: Annotated[Int, Field(ge=1, le=16384)] = 16384
    """How many different ports are used, from 49152 on."""


class WorkloadSpec(Spec):
    """Requests, model, engine, load."""

    trace: TraceSpec
    model: Model = "llama-3.1-70b"
    """Name in the table of models, or a shape."""
    kv_dtype: Literal["bf16", "fp8"] = "bf16"
    prefix_reuse: Bool = False
    """True: the decode side keeps prefixes that it has seen."""
    prefix_capacity: Annotated[Size, Field(gt=0)] | None = None
    """KV bytes (of one copy) that each decode worker keeps, least recently used out first;
    null: everything."""
    parallelism: ParallelismSpec = ParallelismSpec()
    placement: PlacementSpec = PlacementSpec()
    engine: Engine = "nixl-pull"
    """Name of a transfer engine, or its properties."""
    source_ports: SourcePortsSpec = SourcePortsSpec()
    compute: ComputeSpec = ComputeSpec()
    load: LoadSpec = LoadSpec()
    background: tuple[BackgroundSpec, ...] = ()
