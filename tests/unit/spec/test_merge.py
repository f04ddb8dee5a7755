# SPDX-License-Identifier: Apache-2.0
"""Laying mappings over each other, paths and near misses."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.spec import hostset, merge, nearest
from emu.spec.merge import deep_merge, set_path

KEYS = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=3)


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": "preset"}, {"a": {"x": 1}}, {"a": {"base": "preset", "x": 1}}),
        ({"a": "preset"}, {"a": {"base": "other"}}, {"a": {"base": "other"}}),
        ({"a": {"x": 1}}, {"a": "preset"}, {"a": "preset"}),
    ],
)
def test_merge(base: Any, over: Any, merged: Any) -> None:
    assert deep_merge(base, over) == merged


@given(MAPPINGS, MAPPINGS)
def test_merging_twice_changes_nothing_more(base: Any, over: Any) -> None:
    once = deep_merge(base, over)
    assert deep_merge(once, over) == once


@given(MAPPINGS)
def test_nothing_laid_over_changes_nothing(base: Any) -> None:
    assert deep_merge(base, {}) == base


def test_set_path_copies() -> None:
    data: dict[str, Any] = {"a": {"b": [{"c": 1}]}, "d": {0: 5}}
    assert set_path(data, "a.b.0.c", 2) == {"a": {"b": [{"c": 2}]}, "d": {0: 5}}
    assert set_path(data, "d.0", 6)["d"] == {0: 6}
    assert set_path(data, "e.f", 1)["e"] == {"f": 1}
    assert set_path({"a": "preset"}, "a.x", 1) == {"a": {"base": "preset", "x": 1}}
    assert data == {"a": {"b": [{"c": 1}]}, "d": {0: 5}}


@pytest.mark.parametrize("path", ["a.5", "a.x", "b.c"])
def test_a_path_into_nothing_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"there is no item|has no field"):
        set_path({"a": [1], "b": 3}, path, 0)


@pytest.mark.parametrize("module", [hostset, merge, nearest])
def test_examples_in_the_docstrings(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
