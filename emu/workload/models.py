# SPDX-License-Identifier: Apache-2.0
"""How many bytes of KV cache a model keeps per token, and how ranks share them.

The unit of sharing is what cannot be split between tensor-parallel ranks: one KV
head (grouped-query attention) or the whole latent vector (multi-head latent
attention, which every rank keeps in full).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import yaml

from emu.errors import Fault, SpecError
from emu.spec.nearest import hint_for
from emu.workload.trace import IntArray

# Scales that some engines keep beside fp8 values are left out (under 4 %).
DTYPE_BYTES: dict[str, int] = {"bf16": 2, "fp8": 1}
_TEXTS = ("name", "kind", "source")


@dataclass(frozen=True)
class ModelShape:
    """The part of a model that decides its KV cache.

    ``swa_layers`` of the ``layers`` attend to the last ``swa_window`` tokens only;
    their share of the cache stops growing there.
    """

    name: str
    kind: Literal["gqa", "mla"]
    layers: int
    kv_heads: int = 0
    head_dim: int = 0
    v_head_dim: int = 0
    kv_lora_rank: int = 0
    qk_rope_head_dim: int = 0
    swa_layers: int = 0
    swa_window: int = 0
    source: str = ""

    @property
    def units(self) -> int:
        """Indivisible parts of one token's cache: KV heads, or 1 for a latent."""
        return self.kv_heads if self.kind == "gqa" else 1

    @property
    def unit_elements(self) -> int:
        """Numbers kept per token, layer and unit."""
        if self.kind == "gqa":
            return self.head_dim + (self.v_head_dim or self.head_dim)
        return self.kv_lora_rank + self.qk_rope_head_dim

    @property
    def regions_per_layer(self) -> int:
        """Separate memory regions per layer: K and V, or one latent."""
        return 2 if self.kind == "gqa" else 1

    def unit_bytes_per_token_layer(self, dtype: str) -> int:
        """Bytes per token, layer and unit; SpecError for an unknown type."""
        if dtype not in DTYPE_BYTES:
            fault = Fault(
                field="workload.kv_dtype",
                message=f"unknown type '{dtype}'",
                hint=hint_for(dtype, DTYPE_BYTES),
            )
            raise SpecError([fault])
        return self.unit_elements * DTYPE_BYTES[dtype]

    def bytes_per_token(self, dtype: str) -> int:
        """Bytes a token adds while all layers still grow (no rank copies)."""
        return self.layers * self.units * self.unit_bytes_per_token_layer(dtype)

    def layer_tokens(self, tokens: IntArray, reused: IntArray, upto: IntArray) -> IntArray:
        """Token-layers to move of the first ``upto`` tokens of each request.

        Tokens before ``reused`` are on the other side already. A sliding-window
        layer moves only what its window still sees when the prompt ends, i.e. the
        last ``swa_window`` tokens.
        """
        full = np.maximum(upto - reused, 0) * (self.layers - self.swa_layers)
        window_from = np.maximum(reused, tokens - self.swa_window)
        windowed = np.maximum(upto - window_from, 0) * self.swa_layers
        return np.asarray(full + windowed, dtype=np.int64)

    def kv_bytes(self, tokens: IntArray, dtype: str, reused: IntArray | None = None) -> IntArray:
        """Bytes of one copy of the cache of ``tokens``, less the ``reused`` prefix."""
        kept = np.zeros_like(tokens) if reused is None else reused
        unit = self.unit_bytes_per_token_layer(dtype) * self.units
        return self.layer_tokens(tokens, kept, tokens) * unit


@cache
def model_table() -> dict[str, ModelShape]:
    """The shipped shapes by name."""
    text = files("emu.workload").joinpath("models.yaml").read_text(encoding="utf-8")
    shapes = [ModelShape(**entry) for entry in yaml.safe_load(text)["models"]]
    return {shape.name: shape for shape in shapes}


def find_model(model: str | Mapping[str, Any] | Any) -> ModelShape:
    """A shape by name, or from an inline description.

    Raises
    ------
    SpecError
        For an unknown name (with the nearest known one) or an impossible shape.
    """
    if isinstance(model, ModelShape):
        return model
    if isinstance(model, str):
        table = model_table()
        shape = table.get(model.lower())
        if shape is None:
            raise _fault(
                f"unknown model '{model}'",
                hint_for(model.lower(), table)
                + " (any other shape can be given inline: kind, layers, kv_heads, head_dim, …)",
            )
        return shape
    fields = dict(model) if isinstance(model, Mapping) else model.model_dump(exclude_none=True)
    return _inline(fields)


def _inline(fields: dict[str, Any]) -> ModelShape:
    allowed = set(ModelShape.__dataclass_fields__)
    unknown = sorted(set(fields) - allowed)
    if unknown:
        raise _fault(f"unknown key '{unknown[0]}'", hint_for(unknown[0], allowed))
    fields.setdefault("name", "inline")
    fields.setdefault("kind", "mla" if fields.get("kv_lora_rank") else "gqa")
    if "layers" not in fields:
        raise _fault("layers is missing", "an inline model needs layers")
    for name, value in fields.items():
        if name in _TEXTS:
            _check_text(name, value)
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise _fault(f"{name} is {value!r}", f"{name} is a whole number, 0 or more")
    shape = ModelShape(**fields)
    _check(shape)
    return shape


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _fault(f"{name} is {value!r}", f"{name} is a text")
    if name == "kind" and value not in ("gqa", "mla"):
        raise _fault(f"kind is '{value}'", hint_for(value, ("gqa", "mla")))


def _check(shape: ModelShape) -> None:
    need = ("kv_heads", "head_dim") if shape.kind == "gqa" else ("kv_lora_rank",)
    for field in ("layers", *need):
        if getattr(shape, field) <= 0:
            raise _fault(
                f"{field} is {getattr(shape, field)} for a {shape.kind} model",
                f"{field} must be at least 1",
            )
    if not 0 <= shape.swa_layers <= shape.layers:
        raise _fault(
            f"swa_layers is {shape.swa_layers} of {shape.layers} layers",
            "swa_layers counts those of the layers that use a sliding window",
        )
    if shape.swa_layers and shape.swa_window <= 0:
        raise _fault("swa_window is missing", "swa_layers needs the window in tokens")


def _fault(message: str, hint: str) -> SpecError:
    return SpecError([Fault(field="workload.model", message=message, hint=hint)])
