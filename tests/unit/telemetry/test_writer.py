# SPDX-License-Identifier: Apache-2.0
"""A run directory is whole or it is not there, and its bytes follow from its content."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emu.errors import InputError, RunError
from emu.telemetry import (
    COUNTER_KEYS,
    EXPERIMENT_FILE,
    RUN_KEYS,
    TABLES,
    Run,
    RunStatus,
    RunWriter,
    canonical_json,
    find_runs,
    parquet,
    read_status,
)

META: dict[str, Any] = {
    key: {"int": 1, "str": "x", "dict": {}, "list": [], "float": 1.0}[types[0].__name__]
    for key, (types, _) in RUN_KEYS.items()
} | {"counters": dict.fromkeys(COUNTER_KEYS, 0), "labels": {"design": "l3"}, "seed": 7}


def a_row(name: str, **values: Any) -> dict[str, list[Any]]:
    """One valid row of a table."""
    fill: dict[str, Any] = {"int": 0, "dou": float("nan"), "str": "", "boo": False}
    row = {f.name: [fill[str(f.type)[:3]]] for f in TABLES[name].schema}
    if name == "events":
        row |= {"kind": ["note"], "phase": ["step"]}
    return row | {k: [v] for k, v in values.items()}


def write(path: Path, **options: Any) -> Path:
    with RunWriter(path, **options) as run:
        for name in TABLES:
            run.write_table(name, a_row(name))
        run.write_meta(META)
        run.write_timing(wall_s=1.0, cpu_s=0.5)
    return path


def digest(path: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(path.iterdir())}


def test_round_trip(tmp_path: Path) -> None:
    run = Run(write(tmp_path / "v" / "seed-7"))
    assert (run.seed, run.labels, run.timing["cpu_s"]) == (7, {"design": "l3"}, 0.5)
    for name, table in TABLES.items():
        frame = getattr(run, name)
        assert (list(frame.columns), len(frame)) == (table.columns, 1), name
    assert run.blocks.loc[0, "transfers"] == 1
    assert not list(tmp_path.glob("v/.*"))


def test_every_column_is_documented_inside_the_file(tmp_path: Path) -> None:
    for table in TABLES.values():
        for field in table.schema:
            assert field.metadata[b"doc"], f"{table.name}.{field.name}"


def test_same_content_same_bytes(tmp_path: Path) -> None:
    assert digest(write(tmp_path / "a")) == digest(write(tmp_path / "b"))


def test_column_order_and_integer_width_do_not_matter(tmp_path: Path) -> None:
    row = a_row("flows")
    shuffled = pd.DataFrame({k: np.asarray(row[k]) for k in reversed(row)})
    shuffled["packets"] = shuffled["packets"].astype(np.int32)
    with pytest.raises(ValueError, match="lacks"), RunWriter(tmp_path / "a") as run:
        run.write_table("flows", shuffled)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("payload_bytes", 1.5, "payload_bytes"),
        ("end_ps", float("nan"), "missing values"),
        ("priority", 300, "priority"),
        ("status", None, "missing values"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    tmp_path: Path, column: str, value: Any, message: str
) -> None:
    row = a_row("flows") | {column: np.array([value], dtype=object if value is None else None)}
    with pytest.raises(ValueError, match=message), RunWriter(tmp_path / "a") as run:
        run.write_table("flows", row)
    assert list(tmp_path.iterdir()) == []


def test_missing_and_unknown_columns_are_named(tmp_path: Path) -> None:
    row = a_row("switches")
    row["buffer"] = row.pop("buffer_bytes")
    with (
        pytest.raises(ValueError, match=r"missing \['buffer_bytes'\], unknown \['buffer'\]"),
        RunWriter(tmp_path / "a") as run,
    ):
        run.write_table("switches", row)


def test_unknown_event_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="meteor"), RunWriter(tmp_path / "a") as run:
        run.write_table("events", a_row("events", kind="meteor"))


def test_meta_names_every_fault_at_once(tmp_path: Path) -> None:
    meta = META | {"seed": "seven"}
    del meta["design"]
    with (
        pytest.raises(ValueError, match=r"design is missing.*seed is text"),
        RunWriter(tmp_path / "a") as run,
    ):
        run.write_meta(meta)


def test_optional_tables_may_be_left_out(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "a") as run:
        for name, table in TABLES.items():
            if table.required:
                run.write_table(name, a_row(name))
        run.write_meta(META)
    assert len(Run(tmp_path / "a").queues) == 0


def test_a_run_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    write(tmp_path / "a")
    with pytest.raises(RunError, match="there is a run already"):
        write(tmp_path / "a")
    write(tmp_path / "a", replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("damage", ["run.json", "flows.parquet"])
def test_a_damaged_run_is_incomplete(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a")
    file = path / damage
    file.write_bytes(file.read_bytes()[:-2])
    assert read_status(path) is RunStatus.INCOMPLETE
    with pytest.raises(RunError, match="not complete"):
        Run(path)


def test_missing_run(tmp_path: Path) -> None:
    assert read_status(tmp_path / "none") is RunStatus.MISSING
    with pytest.raises(InputError, match="no run here"):
        Run(tmp_path / "none")
    with pytest.raises(InputError, match="no such folder"):
        find_runs([tmp_path / "none"])


def test_a_folder_above_the_run_says_where_the_run_is(tmp_path: Path) -> None:
    path = write(tmp_path / "l3" / "seed-1")
    for folder in (tmp_path, tmp_path / "l3"):
        with pytest.raises(InputError, match="there is no run here") as caught:
            Run(folder)
        assert str(path) in caught.value.hint


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    meta = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(canonical_json(meta | {"schema": 99}))
    with pytest.raises(RunError, match="schema 99"):
        Run(path)


def _write_and_hang(path: Path) -> None:
    with RunWriter(path) as run:
        run.write_table("flows", a_row("flows"))
        run.write_meta(META)
        (path.parent / "ready").touch()
        time.sleep(60)


def test_a_killed_writer_leaves_no_run_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "seed-1"
    process = multiprocessing.get_context("spawn").Process(target=_write_and_hang, args=(path,))
    process.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert read_status(path) is RunStatus.MISSING
    complete, incomplete = find_runs([tmp_path])
    assert (complete, len(incomplete)) == ([], 1)
    write(path)
    assert find_runs([tmp_path]) == ([path], [])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_failing_writes_are_clear_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(parquet, "open_file", fail)
    with pytest.raises(RunError, match=message):
        write(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(RunError, match="a file is in the way"):
        write(tmp_path / "out" / "seed-1")


def test_canonical_json_refuses_nan() -> None:
    assert canonical_json({"b": np.int64(1), "a": (1, 2)}) == canonical_json({"a": [1, 2], "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_runs_that_an_experiment_has_not_come_to_are_incomplete(tmp_path: Path) -> None:
    done = write(tmp_path / "l3" / "seed-1")
    runs = ["l3/seed-1", "l3/seed-2"]
    (tmp_path / EXPERIMENT_FILE).write_text(json.dumps({"experiment": "x", "runs": runs}))
    assert find_runs([tmp_path]) == ([done], [tmp_path / "l3" / "seed-2"])
    assert find_runs([done]) == ([done], [])
    (tmp_path / EXPERIMENT_FILE).write_text("{")
    assert find_runs([tmp_path]) == ([done], [])
