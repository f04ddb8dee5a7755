# SPDX-License-Identifier: Apache-2.0
"""Every file or folder in cases/ is a damaged trace; messages.txt has what must be said of it.

``EMU_UPDATE_CASES=1`` writes messages.txt anew, to be reviewed as a diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from emu.errors import TraceError
from emu.workload import ReadOptions, read_trace

HERE = Path(__file__).parent
CASES = HERE / "cases"
MESSAGES = HERE / "messages.txt"
NAMES = sorted(path.name for path in CASES.iterdir())
# Damage to one row, as opposed to damage to the file.
ROW = re.compile(r": row \d+: ")


def _message(name: str) -> str:
    with pytest.raises(TraceError) as caught:
        read_trace(CASES / name)
    return str(caught.value).replace(f"{CASES}{os.sep}", "")


def _wanted() -> dict[str, str]:
    blocks = MESSAGES.read_text(encoding="utf-8").split("\n\n")
    parts = [block.strip().split("\n", 1) for block in blocks if block.strip()]
    return {name.removeprefix("== "): text for name, text in parts}


def test_messages_are_up_to_date_with_the_cases() -> None:
    if os.environ.get("EMU_UPDATE_CASES"):
        blocks = [f"== {name}\n{_message(name)}\n" for name in NAMES]
        MESSAGES.write_text("\n".join(blocks), encoding="utf-8")
    assert sorted(_wanted()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_damaged_trace_is_refused_with_its_message(name: str) -> None:
    message = _message(name)
    assert message == _wanted()[name]
    assert "hint: " in message


@pytest.mark.parametrize("name", [name for name in NAMES if (CASES / name).is_file()])
def test_skip_bad_counts_damaged_rows_and_keeps_the_others(name: str) -> None:
    if not ROW.search(_message(name)):
        pytest.skip("the whole file is damaged, not a row")
    try:
        trace = read_trace(CASES / name, options=ReadOptions(skip_bad=True))
    except TraceError as error:
        assert "no usable row (1 read, 1 skipped)" in str(error)  # noqa: PT017
        return
    assert sum(trace.skipped.values()) == 1
    assert len(trace) + 1 == trace.rows_read


def test_there_are_many_of_them() -> None:
    assert len({_message(name) for name in NAMES}) >= 50
