# SPDX-License-Identifier: Apache-2.0
"""Equally long columns with names: what flows, queue pairs and transfers are kept in.

Numpy alone makes them, because pandas takes longer to import than a small fabric to build;
``frame()`` is for those who look at them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Column = npt.NDArray[Any]


class Table:
    """Columns by name, none of which is changed: every method makes a new table.

    Parameters
    ----------
    columns : mapping of str to array-like
        Arrays of one length; a single number or word stands for a whole column of it.

    Raises
    ------
    ValueError
        When the arrays differ in length.
    """

    def __init__(self, columns: Mapping[str, npt.ArrayLike]) -> None:
        arrays = {name: _column(values) for name, values in columns.items()}
        lengths = {len(array) for array in arrays.values() if array.ndim}
        if len(lengths) > 1:
            raise ValueError(f"columns of {sorted(lengths)} rows")
        self._rows = lengths.pop() if lengths else 0
        self.columns: Mapping[str, Column] = {
            name: array if array.ndim else np.full(self._rows, array[()], dtype=array.dtype)
            for name, array in arrays.items()
        }

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def take(self, rows: slice | Column) -> Table:
        """These rows: a slice, their numbers, or a truth value for each."""
        return Table({name: column[rows] for name, column in self.columns.items()})

    def select(self, names: Iterable[str]) -> Table:
        """These columns, in this order."""
        return Table({name: self.columns[name] for name in names})

    def having(self, **columns: npt.ArrayLike) -> Table:
        """With these columns put in place of those of the same name, or added."""
        return Table({**self.columns, **columns})

    def records(self) -> list[dict[str, Any]]:
        """A mapping by name for each row."""
        rows = zip(*(column.tolist() for column in self.columns.values()), strict=True)
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))


def concat(tables: Sequence[Table]) -> Table:
    """Tables with the same columns one below the other; the first says in which order."""
    if len(tables) == 1:
        return tables[0]
    for table in tables:
        if table.columns.keys() != tables[0].columns.keys():
            raise ValueError(f"columns {list(tables[0].columns)} and {list(table.columns)}")
    return Table(
        {name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns}
    )


def group_rows(keys: Sequence[Column]) -> tuple[Column, npt.NDArray[np.int64]]:
    """Groups of rows that are alike in all keys, in ascending order of them.

    Returns
    -------
    first : array
        The first row of each group.
    number : array of int64
        The group of each row.
    """
    order = np.lexsort(tuple(reversed(keys)))
    begins = np.zeros(len(order), dtype=bool)
    begins[:1] = True
    for key in keys:
        ordered = key[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(begins) - 1
    return order[begins], number


def distinct(values: Column) -> Column:
    """Each value once, in ascending order; np.unique would import numpy.ma to do the same."""
    flat = values.ravel()
    first, _ = group_rows([flat])
    found: Column = flat[first]
    return found


def _column(values: npt.ArrayLike) -> Column:
    array = np.asarray(values)
    # Words are few and long columns of them many: the objects are shared.
    return array.astype(object) if array.dtype.kind == "U" else array
