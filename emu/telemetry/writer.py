# SPDX-License-Identifier: Apache-2.0
"""Writes run directories: whole or not at all, and the same bytes for the same run."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from emu.errors import RunError
from emu.telemetry.schema import (
    COUNTER_KEYS,
    RUN_KEYS,
    SCHEMA_VERSION,
    TABLES,
    describe,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq

__all__ = [
    "FLOWS_PER_GROUP",
    "RunStatus",
    "RunWriter",
    "canonical_json",
    "read_status",
    "remove_dead_partials",
]

FLOWS_PER_GROUP = 1 << 15
"""Rows per row group of flows.parquet, which is written as flows end."""

_RUN_JSON = "run.json"
_TIMING_JSON = "timing.json"


class RunStatus(StrEnum):
    """State of a run directory."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    MISSING = "missing"


def read_status(path: Path) -> RunStatus:
    """Tell whether `path` holds a whole run.

    A directory written by `RunWriter` is whole as soon as it has its final name; a file
    that somebody deleted or cut afterwards makes it incomplete again.
    """
    if not (path / _RUN_JSON).is_file():
        return RunStatus.MISSING
    try:
        meta = json.loads((path / _RUN_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return RunStatus.INCOMPLETE
    if not isinstance(meta, dict) or meta.get("status") != RunStatus.COMPLETE:
        return RunStatus.INCOMPLETE
    whole = all(_is_whole_parquet(path / t.filename) for t in TABLES.values())
    whole = whole and all((path / c["file"]).is_file() for c in meta.get("captures", ()))
    return RunStatus.COMPLETE if whole else RunStatus.INCOMPLETE


def _is_whole_parquet(path: Path) -> bool:
    # A parquet file begins and ends with its magic number; reading the footer of every
    # table of a thousand runs would make --resume slow.
    try:
        with path.open("rb") as handle:
            head = handle.read(4)
            handle.seek(-4, os.SEEK_END)
            return head == b"PAR1" and handle.read(4) == b"PAR1"
    except OSError:
        return False


def canonical_json(value: Any) -> str:
    """JSON text of `value` that depends on nothing but the value.

    Raises
    ------
    ValueError
        For NaN and infinity, which JSON cannot say.
    """
    return (
        json.dumps(_plain(value), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        + "\n"
    )


def _plain(value: Any) -> Any:
    """Turn numpy scalars, tuples, paths and enums into what JSON has."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Path):
        return value.as_posix()
    return value


class RunWriter:
    """Collects one run in a hidden directory beside its place and moves it there when whole.

    Use as a context manager: leaving it normally publishes the run, an exception removes
    what was written. A killed process leaves only `.<name>.partial-<pid>`, which no reader
    takes for a run and the next writer of the same run removes.

    Parameters
    ----------
    path : Path
        Final directory, `<out>/<variant id>/seed-<n>`. Parents are created.
    replace : bool
        Whether a run that is already there is replaced; otherwise it is an error.

    Raises
    ------
    RunError
        If the folder cannot be written, the disk is full or the run is already there.

    Examples
    --------
    >>> with RunWriter(path) as run:                                    # doctest: +SKIP
    ...     for name, frame in frames.items():
    ...         run.write_table(name, frame)
    ...     run.write_meta(meta)
    ...     run.write_timing(wall_s=1.2, cpu_s=1.1)
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
        self._replace = replace
        self._written: set[str] = set()
        self._flows: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        if self.path.exists() and not self._replace:
            raise RunError(
                f"{self.path}: there is a run already; choose another folder, "
                "resume it or replace it"
            )
        with _ClearErrors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_dead_partials(self.path)
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._flows is not None:
                with _ClearErrors(self.path):
                    self._flows.close()
            if kind is None:
                self._publish()
        except BaseException:
            shutil.rmtree(self.partial, ignore_errors=True)
            raise
        if kind is not None:
            shutil.rmtree(self.partial, ignore_errors=True)

    def append_flows(self, frame: pd.DataFrame | Mapping[str, Any]) -> None:
        """Write the next rows of the table of flows, instead of the whole with `write_table`:
        `FLOWS_PER_GROUP` at a time but for the last, which gives the same bytes."""
        from emu.telemetry import parquet

        table = parquet.arrow_table("flows", frame)
        with _ClearErrors(self.path):
            if self._flows is None:
                path = self.partial / TABLES["flows"].filename
                self._flows = parquet.open_file(path, table.schema)
            self._flows.write_table(table, FLOWS_PER_GROUP)
        self._written.add("flows")

    def write_table(self, name: str, frame: pd.DataFrame | Mapping[str, Any]) -> None:
        """Write one table of `TABLES`.

        Columns may be in any order and of any integer width; a value that does not fit the
        schema (a fraction or a missing value in an integer column) is an error.
        """
        from emu.telemetry import parquet

        table = parquet.arrow_table(name, frame)
        with _ClearErrors(self.path):
            rows = FLOWS_PER_GROUP if name == "flows" else parquet.ROWS_PER_GROUP
            with parquet.open_file(self.partial / TABLES[name].filename, table.schema) as out:
                out.write_table(table, rows)
        self._written.add(name)

    def write_meta(self, meta: Mapping[str, Any]) -> None:
        """Write run.json; `schema` and `status` are added here."""
        whole = {**meta, "schema": SCHEMA_VERSION, "status": RunStatus.COMPLETE.value}
        check_meta(_plain(whole))
        self._write_text(_RUN_JSON, canonical_json(whole))
        self._written.add(_RUN_JSON)

    def write_timing(
        self, *, wall_s: float, cpu_s: float, code_sha256: str = "", **more: float
    ) -> None:
        """Write timing.json: what this execution took and which build made it, outside the
        "same bytes" promise."""
        values = {"wall_s": wall_s, "cpu_s": cpu_s, **more}
        finite: dict[str, float | str] = {k: v for k, v in values.items() if math.isfinite(v)}
        if code_sha256:
            finite["code_sha256"] = code_sha256
        self._write_text(_TIMING_JSON, canonical_json(finite))

    def _write_text(self, name: str, text: str) -> None:
        with _ClearErrors(self.path), (self.partial / name).open("w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())

    def _publish(self) -> None:
        missing = {t.name for t in TABLES.values() if t.required} - self._written
        if _RUN_JSON not in self._written:
            missing.add(_RUN_JSON)
        if missing:
            raise ValueError(f"run {self.path.name} lacks {sorted(missing)}")
        for table in TABLES.values():
            if table.name not in self._written:
                self.write_table(table.name, dict.fromkeys(table.columns, ()))
        with _ClearErrors(self.path):
            if self.path.exists():
                # rename() cannot replace a directory that has files in it.
                old = self.path.with_name(f".{self.path.name}.replaced-{os.getpid()}")
                self.path.rename(old)
                self.partial.rename(self.path)
                shutil.rmtree(old, ignore_errors=True)
            else:
                self.partial.rename(self.path)


def check_meta(meta: Mapping[str, Any]) -> None:
    """Check run.json against `RUN_KEYS` and `COUNTER_KEYS`.

    Raises
    ------
    ValueError
        Naming every missing key and every key of the wrong type.
    """
    faults = [f"{key} is missing ({doc})" for key, (_, doc) in RUN_KEYS.items() if key not in meta]
    faults += [
        f"{key} is {describe(meta[key])}, expected {' or '.join(t.__name__ for t in types)}"
        for key, (types, _) in RUN_KEYS.items()
        if key in meta and not isinstance(meta[key], types)
    ]
    counters = meta.get("counters", {})
    faults += [f"counters.{key} is missing" for key in COUNTER_KEYS if key not in counters]
    if faults:
        raise ValueError("run.json: " + "; ".join(faults))


class _ClearErrors:
    """Turns an OSError into a RunError that says what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, OSError):
            return
        text = {
            errno.ENOSPC: "the disk is full; free some space and run again with --resume",
            errno.EDQUOT: "the disk quota is used up; free some space and run again with --resume",
            errno.EACCES: "the folder cannot be written; choose another one with --out",
            errno.EPERM: "the folder cannot be written; choose another one with --out",
            errno.EROFS: "the folder is on a read-only file system; choose another with --out",
            errno.ENOTDIR: "a file is in the way; choose another folder with --out",
            errno.EEXIST: "a file is in the way; choose another folder with --out",
        }.get(error.errno or 0, error.strerror or str(error))
        raise RunError(f"{self.path}: cannot write the run: {text}") from error


def remove_dead_partials(path: Path) -> None:
    """Remove what processes that are gone have left of a run."""
    prefix = f".{path.name}.partial-"
    for left in path.parent.glob(f"{prefix}*"):
        pid = left.name.removeprefix(prefix)
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
