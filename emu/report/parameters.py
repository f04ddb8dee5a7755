# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the runs with the source it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emu.report.dataset import Dataset

__all__ = ["Parameter", "Timer", "parameters", "timers"]

_VALUES_SHOWN = 4


@dataclass(frozen=True)
class Parameter:
    """One leaf of the resolved experiment."""

    path: str
    value: str
    source: str
    varies: bool

    @property
    def group(self) -> str:
        parts = self.path.replace("[0]", "").split(".")
        if len(parts) == 1:
            return "experiment"
        return ".".join(parts[:2]) if parts[0] == "topology" and len(parts) > 2 else parts[0]


@dataclass(frozen=True)
class Timer:
    """A time that is assumed rather than simulated."""

    name: str
    values: str
    range: str
    source: str
    varied: bool
    moves: bool
    """Whether another published value would change some run."""
    origin: str = "cited"
    """measured (in the lab) | cited | given (by the experiment); several are joined."""


def parameters(data: Dataset) -> list[Parameter]:
    """Leaves of all runs' specs; those that differ between variants list their values."""
    found: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    seen: set[str] = set()
    for run in data.runs:
        # The seeds of a variant share its parameters.
        if run.meta["variant"] in seen:
            continue
        seen.add(run.meta["variant"])
        for path, value, source in _leaves(run.meta["spec"]):
            values = found.setdefault(path, [])
            if value not in values:
                values.append(value)
            if source:
                sources[path] = source
    return [
        Parameter(path, _joined(values), sources.get(path, ""), len(values) > 1)
        for path, values in sorted(found.items())
    ]


def timers(data: Dataset) -> list[Timer]:
    """Assumed times of all runs, those that move some run first, with their published range."""
    values: dict[str, list[str]] = {}
    about: dict[str, Mapping[str, Any]] = {}
    moving: set[str] = set()
    origins: dict[str, set[str]] = {}
    for run in data.runs:
        for name, entry in run.meta["timers"].items():
            known = values.setdefault(name, [])
            if str(entry["value"]) not in known:
                known.append(str(entry["value"]))
            about[name] = entry
            origins.setdefault(name, set()).add(str(entry.get("origin", "cited")))
            if entry.get("moves", True):
                moving.add(name)
    return [
        Timer(
            name,
            _joined(found),
            _range(about[name]),
            str(about[name].get("source", "")),
            len(found) > 1,
            name in moving,
            " and ".join(sorted(origins[name])),
        )
        for name, found in sorted(values.items(), key=lambda item: (item[0] not in moving, item[0]))
    ]


def _range(entry: Mapping[str, Any]) -> str:
    low, high = entry.get("low"), entry.get("high")
    if not low or not high:
        return ""
    return str(low) if low == high else f"{low} to {high}"


def _joined(values: list[str]) -> str:
    shown = ", ".join(values[:_VALUES_SHOWN])
    return shown + (f", … ({len(values)} values)" if len(values) > _VALUES_SHOWN else "")


def _leaves(value: Any, path: str = "", source: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Mapping):
        sources = value.get("sources")
        told = sources if isinstance(sources, Mapping) else {}
        for key, inner in value.items():
            if key != "sources":
                yield from _leaves(
                    inner,
                    f"{path}.{key}" if path else str(key),
                    str(told.get(key, source if key not in told else "")),
                )
    elif isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{i}]", source)
    elif value not in (None, "", [], {}):
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield path, text, source
