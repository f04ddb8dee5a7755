# SPDX-License-Identifier: Apache-2.0
"""What an error says, and that it survives the way back from a worker process."""

from __future__ import annotations

import pickle

import pytest

from emu.errors import (
    EmuError,
    Fault,
    InputError,
    Interrupted,
    RunError,
    SpecError,
    TraceError,
)


def test_a_fault_names_place_field_and_remedy() -> None:
    fault = Fault("is wrong", "a.b", "x.yaml", 3, 7, "do this\nor that")
    assert str(fault) == "x.yaml:3:7: a.b: is wrong\nhint: do this\nhint: or that"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("is wrong"), "is wrong"),
        (Fault("is wrong", file="x.yaml"), "x.yaml: is wrong"),
        (Fault("is wrong", "a"), "a: is wrong"),
        (Fault("is wrong", line=2, column=1), "line 2:1: is wrong"),
    ],
)
def test_what_is_not_known_is_left_out(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_a_spec_error_prints_all_its_faults_and_has_the_first_ones_place() -> None:
    error = SpecError([Fault("one", "a", "x.yaml", 1, 2), Fault("two", "b", "x.yaml", 3, 4)])
    assert str(error) == "x.yaml:1:2: a: one\nx.yaml:3:4: b: two"
    assert (error.file, error.line, error.column, error.field) == ("x.yaml", 1, 2, "a")


def test_a_spec_error_without_a_fault_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SpecError([])


def test_a_trace_error_names_the_row() -> None:
    error = TraceError("no number", file="t.csv", row=12, hint="look")
    assert str(error) == "t.csv: row 12: no number\nhint: look"
    assert (error.row, error.reason) == (12, "no number")


@pytest.mark.parametrize(
    "error",
    [
        SpecError([Fault("one", "a", "x.yaml", 1, 2, "h")]),
        TraceError("no number", file="t.csv", row=12, hint="look"),
        RunError("disk full"),
    ],
)
def test_errors_come_back_from_worker_processes(error: EmuError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_exit_codes() -> None:
    assert (EmuError.exit_code, RunError.exit_code) == (1, 1)
    assert (InputError.exit_code, SpecError.exit_code, TraceError.exit_code) == (2, 2, 2)
    assert Interrupted.exit_code == 130
