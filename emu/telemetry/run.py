# SPDX-License-Identifier: Apache-2.0
"""Reads run directories."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emu.errors import InputError, RunError
from emu.telemetry.schema import SCHEMA_VERSION, TABLES
from emu.telemetry.writer import RunStatus, read_status

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXPERIMENT_FILE", "Run", "find_runs"]

EXPERIMENT_FILE = "experiment.json"
"""In the folder that holds all runs of an experiment: its name and which runs there will be."""


class Run:
    """One variant, one seed, one backend. Tables are read when first asked for.

    Parameters
    ----------
    path : Path
        A run directory.

    Raises
    ------
    InputError
        If there is no run.
    RunError
        If it is incomplete, or another schema version wrote it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        status = read_status(self.path)
        if status is RunStatus.MISSING:
            raise InputError("there is no run here", file=str(self.path), hint=_below(self.path))
        if status is not RunStatus.COMPLETE:
            raise RunError(
                f"{self.path}: the run is not complete; finish it with `emu run --resume`"
            )
        text = (self.path / "run.json").read_text(encoding="utf-8")
        self.meta: dict[str, Any] = json.loads(text)
        if self.meta.get("schema") != SCHEMA_VERSION:
            raise RunError(
                f"{self.path}: written with schema {self.meta.get('schema')}, this version of emu "
                f"reads schema {SCHEMA_VERSION}; run the experiment again"
            )

    def __repr__(self) -> str:
        return f"Run({self.meta['variant']!r}, seed={self.seed})"

    def table(self, name: str) -> pd.DataFrame:
        """Read one table of `TABLES`, uncached."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path / TABLES[name].filename
        try:
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path}: cannot be read: {error}") from error
        return frame

    @cached_property
    def flows(self) -> pd.DataFrame:
        return self.table("flows")

    @cached_property
    def transfers(self) -> pd.DataFrame:
        return self.table("transfers")

    @cached_property
    def requests(self) -> pd.DataFrame:
        return self.table("requests")

    @cached_property
    def qps(self) -> pd.DataFrame:
        return self.table("qps")

    @cached_property
    def ports(self) -> pd.DataFrame:
        return self.table("ports")

    @cached_property
    def switches(self) -> pd.DataFrame:
        return self.table("switches")

    @cached_property
    def links(self) -> pd.DataFrame:
        return self.table("links")

    @cached_property
    def queues(self) -> pd.DataFrame:
        return self.table("queues")

    @cached_property
    def series(self) -> pd.DataFrame:
        return self.table("series")

    @cached_property
    def events(self) -> pd.DataFrame:
        return self.table("events")

    @cached_property
    def sai_counters(self) -> pd.DataFrame:
        return self.table("sai_counters")

    @cached_property
    def port_series(self) -> pd.DataFrame:
        return self.table("port_series")

    @cached_property
    def wire_series(self) -> pd.DataFrame:
        return self.table("wire_series")

    @cached_property
    def qp_series(self) -> pd.DataFrame:
        return self.table("qp_series")

    @cached_property
    def microbursts(self) -> pd.DataFrame:
        return self.table("microbursts")

    @cached_property
    def pauses(self) -> pd.DataFrame:
        return self.table("pauses")

    @cached_property
    def inband(self) -> pd.DataFrame:
        return self.table("inband")

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """Blocks of time: transfers, bytes and unfinished transfers that start in each."""
        import pandas as pd

        grouped = self.transfers.groupby("block", sort=True)
        return pd.DataFrame(
            {
                "start_ps": grouped["start_ps"].min(),
                "transfers": grouped.size(),
                "kv_bytes": grouped["kv_bytes"].sum(),
                "unfinished": grouped["end_ps"].agg(lambda end: int((end < 0).sum())),
            }
        ).reset_index()

    @cached_property
    def timing(self) -> dict[str, float]:
        """Wall and CPU seconds of the execution; empty if they were not kept."""
        try:
            value: dict[str, float] = json.loads((self.path / "timing.json").read_text())
        except (OSError, ValueError):
            return {}
        return value

    @property
    def seed(self) -> int:
        return int(self.meta["seed"])

    @property
    def design(self) -> str:
        return str(self.meta["design"])

    @property
    def labels(self) -> dict[str, str]:
        return {str(k): str(v) for k, v in self.meta["labels"].items()}

    @property
    def counters(self) -> dict[str, Any]:
        value: dict[str, Any] = self.meta["counters"]
        return value


def _wanted(folder: Path) -> set[Path]:
    """Runs that the experiment which fills this folder is to have in the end."""
    try:
        found = json.loads((folder / EXPERIMENT_FILE).read_text(encoding="utf-8"))
        return {folder / str(name) for name in found["runs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _below(path: Path) -> str:
    """Where the run may have been meant to be."""
    found = next((p.parent for p in sorted(path.glob("*/run.json"))), None)
    found = found or next((p.parent for p in sorted(path.glob("*/*/run.json"))), None)
    return f"a run directory holds run.json, such as {found}" if found else ""


def find_runs(paths: Iterable[Path | str]) -> tuple[list[Path], list[Path]]:
    """Find run directories at or below the given paths.

    Returns
    -------
    complete, incomplete : list of Path
        Sorted; hidden folders (unfinished writers) count as incomplete, and so do runs that the
        experiment has not come to yet (`EXPERIMENT_FILE`).
    """
    complete: set[Path] = set()
    incomplete: set[Path] = set()
    for given in map(Path, paths):
        if not given.exists():
            raise InputError("no such folder", file=str(given))
        for file in [given / "run.json", *given.rglob("run.json")]:
            if not file.is_file():
                continue
            hidden = any(part.startswith(".") for part in file.relative_to(given).parts)
            whole = not hidden and read_status(file.parent) is RunStatus.COMPLETE
            (complete if whole else incomplete).add(file.parent)
        incomplete.update(p for p in given.rglob(".*.partial-*") if p.is_dir())
        incomplete.update(_wanted(given) - complete)
    return sorted(complete), sorted(incomplete)
