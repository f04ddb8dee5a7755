# SPDX-License-Identifier: Apache-2.0
"""Tables of numpy columns do what the data frames do that they stand for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emu.workload.table import Table, concat, distinct, group_rows


def test_a_single_value_stands_for_a_whole_column() -> None:
    table = Table({"a": [3, 1, 2], "b": np.int64(7), "c": "read"})
    assert len(table) == 3
    assert table["b"].tolist() == [7, 7, 7]
    assert table["c"].tolist() == ["read"] * 3
    assert table["c"].dtype == object


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="columns of \\[2, 3\\] rows"):
        Table({"a": [1, 2], "b": [1, 2, 3]})


def test_changes_make_new_tables() -> None:
    table = Table({"a": [3, 1, 2], "b": [0, 1, 2]})
    assert table.having(a=np.int64(5), d=[7, 8, 9]).records()[1] == {"a": 5, "b": 1, "d": 8}
    assert table.select(["b", "a"]).take(table["a"] > 1).records() == [
        {"b": 0, "a": 3}, {"b": 2, "a": 2}
    ]  # fmt: skip
    assert table.take(slice(1, None))["a"].tolist() == [1, 2]
    assert table["a"].tolist() == [3, 1, 2]


def test_tables_below_each_other_have_the_same_columns() -> None:
    one, other = Table({"a": [1], "b": "x"}), Table({"b": "y", "a": [2, 3]})
    assert concat([one, other]).records()[2] == {"a": 3, "b": "y"}
    with pytest.raises(ValueError, match="columns"):
        concat([one, one.select(["a"])])


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_pandas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = Table({"a": rng.integers(-3, 3, 200), "b": rng.integers(0, 4, 200)})
    first, number = group_rows([table["a"], table["b"]])
    groups = table.frame().groupby(["a", "b"], sort=True)
    assert np.array_equal(number, groups.ngroup())
    rows = table.frame().reset_index().groupby(["a", "b"], sort=True)["index"].first()
    assert np.array_equal(first, rows)


def test_no_rows_make_no_groups() -> None:
    first, number = group_rows([np.zeros(0, dtype=np.int64)])
    assert (len(first), len(number)) == (0, 0)


def test_distinct_values_are_those_of_numpy() -> None:
    values = np.array([[5, -1], [5, 3]])
    assert distinct(values).tolist() == np.unique(values).tolist()
    assert distinct(values[:0]).tolist() == []


def test_a_frame_has_the_same_columns() -> None:
    frame = Table({"a": [1, 2], "b": "x"}).frame()
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"a": [1, 2], "b": ["x", "x"]}))
