# SPDX-License-Identifier: Apache-2.0
"""Transfer-engine profiles: shipped ones by name, or inline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from emu.errors import Fault, SpecError
from emu.spec.nearest import hint_for
from emu.units import parse_size, parse_time

Mode = Literal["pull", "push", "chunked", "layered"]
MODES = ("pull", "push", "chunked", "layered")


@dataclass(frozen=True)
class EngineProfile:
    """How one system sends.

    Attributes
    ----------
    mode
        ``pull``: the decode side READs everything once prefill is done; ``push``: the
        prefill side WRITEs it then; ``chunked``: a WRITE per prefill chunk as soon as
        the chunk is computed; ``layered``: a WRITE per layer while prefill runs.
    qps_per_endpoint
        Queue pairs per pair of ranks that share the bytes.
    slice_bytes
        Unit of posting (and of sharing between QPs); 0: one descriptor per layer and
        K/V region, or per block of it when not coalesced.
    post_overhead_ps
        Time to build and post one descriptor or slice.
    post_batch
        Descriptors that are posted together, so that the first byte waits for so many
        of them only; 0: the whole list is built before anything is posted.
    chunk_tokens
        Tokens per prefill chunk (mode ``chunked``).
    coalesce
        True: what a QP carries of one post is one message. False: one message per
        descriptor.
    """

    name: str
    mode: Mode
    qps_per_endpoint: int = 1
    slice_bytes: int = 0
    post_overhead_ps: int = 0
    post_batch: int = 0
    chunk_tokens: int = 2048
    coalesce: bool = True
    source: str = ""

    @property
    def verb(self) -> Literal["read", "write"]:
        return "read" if self.mode == "pull" else "write"


@cache
def _table() -> dict[str, EngineProfile]:
    text = files("emu.workload.engines").joinpath("profiles.yaml").read_text(encoding="utf-8")
    return {name: _build(name, entry) for name, entry in yaml.safe_load(text).items()}


def engine_names() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    return tuple(_table())


def find_engine(engine: str | Mapping[str, Any] | Any) -> EngineProfile:
    """A profile by name, or from an inline description (``base`` and overrides).

    Raises
    ------
    SpecError
        For an unknown name, key or mode.
    """
    if isinstance(engine, EngineProfile):
        return engine
    if isinstance(engine, str):
        if engine not in _table():
            raise _fault(f"unknown engine '{engine}'", hint_for(engine, _table()))
        return _table()[engine]
    entry = dict(engine) if isinstance(engine, Mapping) else engine.model_dump(exclude_none=True)
    base = entry.pop("base", None)
    if base is None:
        return _build(entry.pop("name", "inline"), entry)
    overrides = _fields(entry)
    return replace(find_engine(base), **overrides, name=f"{base}*" if overrides else base)


def _build(name: str, entry: Mapping[str, Any]) -> EngineProfile:
    values = _fields(entry)
    if "mode" not in values:
        raise _fault("mode is missing", f"mode is one of {', '.join(MODES)}")
    return EngineProfile(name=name, **values)


def _fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Spec keys (quantities as text or already parsed) as constructor arguments."""
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "slice":
            values["slice_bytes"] = value if isinstance(value, int) else parse_size(value)
        elif key == "post_overhead":
            values["post_overhead_ps"] = value if isinstance(value, int) else parse_time(value)
        else:
            values[key] = value
    known = {field.name for field in fields(EngineProfile)}
    for key in values:
        if key not in known:
            raise _fault(f"unknown key '{key}'", hint_for(key, known))
    if values.get("mode", "pull") not in MODES:
        raise _fault(f"unknown mode '{values['mode']}'", hint_for(values["mode"], MODES))
    for key, low in (("qps_per_endpoint", 1), ("chunk_tokens", 1), ("slice_bytes", 0)):
        if values.get(key, low) < low:
            raise _fault(f"{key} is {values[key]}", f"{key} is at least {low}")
    return values


def _fault(message: str, hint: str) -> SpecError:
    return SpecError([Fault(field="workload.engine", message=message, hint=hint)])
