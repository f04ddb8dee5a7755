# SPDX-License-Identifier: Apache-2.0
"""Presets: named profiles shipped as one YAML file each in ``presets/<kind>/``.

A field that takes a profile takes a preset's name, or a mapping. A mapping with
the key ``base`` starts from that preset and changes what it names.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from typing import Any

from emu.spec.merge import deep_merge
from emu.spec.nearest import hint_for
from emu.spec.yamltree import load_yaml_text

_FILE = re.compile(r"[a-z0-9][a-z0-9.-]*\.yaml")


@functools.cache
def preset_names(kind: str) -> tuple[str, ...]:
    """Names of the presets of a kind (``switch``, ``nic``, ``dcqcn``, ``engine``), sorted."""
    folder = files("emu.spec") / "presets" / kind
    names = (entry.name for entry in folder.iterdir() if _FILE.fullmatch(entry.name))
    return tuple(sorted(name.removesuffix(".yaml") for name in names))


@functools.cache
def _preset(kind: str, name: str) -> dict[str, Any]:
    path = files("emu.spec") / "presets" / kind / f"{name}.yaml"
    data = load_yaml_text(path.read_text(encoding="utf-8"), f"presets/{kind}/{name}.yaml").data
    assert isinstance(data, dict), f"preset {kind}/{name} is not a mapping"
    return {"name": name, **_based(kind, data)}


def _based(kind: str, data: dict[Any, Any]) -> dict[Any, Any]:
    """The mapping laid over the preset that its ``base`` names."""
    if "base" not in data:
        return data
    own = {key: value for key, value in data.items() if key != "base"}
    base = preset(kind, data["base"])
    if "name" not in own and own:
        own["name"] = f"{data['base']} (changed)"
    merged: dict[Any, Any] = deep_merge(base, own)
    return merged


def preset(kind: str, name: object) -> dict[str, Any]:
    """A copy of the preset's mapping; ValueError naming the known ones otherwise."""
    known = preset_names(kind)
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"unknown {kind} preset {name!r}: {hint_for(str(name), known)}")
    return deepcopy(_preset(kind, name))


def expander(kind: str) -> Callable[[object], object]:
    """Validator that turns a preset's name or a mapping with ``base`` into a whole mapping."""

    def expand(value: object) -> object:
        if isinstance(value, str):
            return preset(kind, value)
        if isinstance(value, dict):
            return _based(kind, value)
        return value

    return expand
