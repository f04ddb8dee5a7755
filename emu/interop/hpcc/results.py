# SPDX-License-Identifier: Apache-2.0
"""``fct.txt`` and ``pfc.txt``: what the simulator writes, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emu.errors import InputError
from emu.interop.words import read_text


@dataclass(frozen=True)
class Fct:
    """Finished flows, in the order of the file."""

    src: npt.NDArray[np.int64]
    dst: npt.NDArray[np.int64]
    sport: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    start_ns: npt.NDArray[np.int64]
    fct_ns: npt.NDArray[np.int64]
    standalone_ns: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pfc:
    """PFC frames received: time, node, interface, pause (1) or resume (0)."""

    t_ns: npt.NDArray[np.int64]
    node: npt.NDArray[np.int64]
    interface: npt.NDArray[np.int64]
    pause: npt.NDArray[np.int64]


def node_of(address: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Node numbers of addresses."""
    return (address >> 8) & 0xFFFF


def _rows(path: Path, columns: int, base_16: int) -> npt.NDArray[np.int64]:
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            if len(fields) != columns:
                raise ValueError(f"{len(fields)} fields and not {columns}")
            rows.append([int(f, 16 if i < base_16 else 10) for i, f in enumerate(fields)])
        except ValueError as error:
            raise InputError(str(error), file=str(path), line=number, column=1) from None
    return np.array(rows, dtype=np.int64).reshape(-1, columns)


def read_fct(path: Path) -> Fct:
    """Read ``fct.txt``; InputError for damaged lines."""
    rows = _rows(path, 8, base_16=2)
    src, dst = node_of(rows[:, 0]), node_of(rows[:, 1])
    return Fct(src, dst, rows[:, 2], rows[:, 4], rows[:, 5], rows[:, 6], rows[:, 7])


def read_pfc(path: Path) -> Pfc:
    """Read ``pfc.txt``; InputError for damaged lines."""
    rows = _rows(path, 5, base_16=0)
    return Pfc(rows[:, 0], rows[:, 1], rows[:, 3], rows[:, 4])
