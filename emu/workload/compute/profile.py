# SPDX-License-Identifier: Apache-2.0
"""Prefill time as a function of the prompt's length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import yaml

from emu.errors import Fault, SpecError
from emu.spec.nearest import hint_for
from emu.workload.trace import PS_PER_S, FloatArray, IntArray


@dataclass(frozen=True)
class ComputeProfile:
    """Prefill seconds at some prompt lengths; between them a power law.

    Outside the table the law of the nearest two points goes on; a single point
    means time in proportion to tokens.
    """

    name: str
    tokens: tuple[int, ...]
    at_seconds: tuple[float, ...]
    source: str = ""

    def seconds(self, tokens: IntArray) -> FloatArray:
        """Prefill time of prompts of these lengths, alone on one worker."""
        n = np.maximum(tokens, 1).astype(np.float64)
        known = np.asarray(self.tokens, dtype=np.float64)
        times = np.asarray(self.at_seconds, dtype=np.float64)
        if len(known) == 1:
            return np.asarray(n * (times[0] / known[0]), dtype=np.float64)
        low = np.clip(np.searchsorted(known, n, side="right") - 1, 0, len(known) - 2)
        slopes = np.diff(np.log(times)) / np.diff(np.log(known))
        return np.asarray(times[low] * (n / known[low]) ** slopes[low], dtype=np.float64)

    def duration_ps(self, tokens: IntArray) -> IntArray:
        return np.rint(self.seconds(tokens) * PS_PER_S).astype(np.int64)


@cache
def _table() -> dict[str, ComputeProfile]:
    text = files("emu.workload.compute").joinpath("prefill.yaml").read_text(encoding="utf-8")
    return {
        name: ComputeProfile(
            name=name,
            tokens=tuple(entry["ms"]),
            at_seconds=tuple(ms / 1000 for ms in entry["ms"].values()),
            source=entry["source"],
        )
        for name, entry in yaml.safe_load(text).items()
    }


def compute_names() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    return tuple(_table())


def find_compute(given: str | float) -> ComputeProfile:
    """A shipped profile by name, or a constant speed in tokens per second.

    Raises
    ------
    SpecError
        For an unknown name or a speed that is not positive.
    """
    if not isinstance(given, str):
        if not given > 0:
            raise _fault(f"tokens_per_s is {given}", "tokens_per_s is above 0")
        return ComputeProfile(f"{given:g} tokens/s", (1,), (1 / given,), "given")
    if given not in _table():
        raise _fault(f"unknown compute profile '{given}'", hint_for(given, _table()))
    return _table()[given]


def _fault(message: str, hint: str) -> SpecError:
    return SpecError([Fault(field="workload.compute.prefill", message=message, hint=hint)])
