# SPDX-License-Identifier: Apache-2.0
"""Laying one mapping over another, and reaching into them by dotted paths."""

from __future__ import annotations

from typing import Any


def deep_merge(base: Any, over: Any) -> Any:
    """A copy of ``base`` with ``over`` laid on top.

    Mappings are merged key by key; anything else (lists too) replaces what was there.
    Laying a mapping over a name makes a mapping with that ``base``: overriding
    one field of ``leaf: tomahawk4`` keeps the rest of the preset.
    """
    if not isinstance(over, dict):
        return over
    if isinstance(base, str) and "base" not in over:
        return {"base": base, **over}
    if not isinstance(base, dict):
        return over
    merged = dict(base)
    for key, value in over.items():
        merged[key] = deep_merge(merged[key], value) if key in merged else value
    return merged


def split_path(path: str) -> list[str]:
    """Keys of a dotted path.

    >>> split_path("workload.load.fraction")
    ['workload', 'load', 'fraction']
    """
    return path.split(".")


def set_path(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of ``data`` in which the dotted path has the value.

    List items are named by their number. ValueError when the path runs into
    something that has no parts.
    """
    copy = _with(data, split_path(path), value)
    assert isinstance(copy, dict)
    return copy


def _with(node: Any, keys: list[str], value: Any) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(node, list):
        if not key.isdigit() or int(key) >= len(node):
            raise ValueError(f"there is no item {key!r}: the list has {len(node)} items")
        return [_with(item, rest, value) if i == int(key) else item for i, item in enumerate(node)]
    if isinstance(node, str) or node is None:
        node = {"base": node} if isinstance(node, str) else {}
    if not isinstance(node, dict):
        raise ValueError(f"{node!r} has no field {key!r}")
    # YAML keys may be integers (dwrr: {0: 50}); the path has only text.
    actual: Any = next((k for k in node if str(k) == key), key)
    return {**node, actual: _with(node.get(actual), rest, value)}
