# SPDX-License-Identifier: Apache-2.0
"""Each wrong file beside this one ends in the message beside it, word for word.

A case is NAME.yaml and NAME.txt. EMU_UPDATE_GOLDEN=1 writes the messages anew;
read the difference before you keep it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.errors import SpecError
from emu.spec import load_experiment, load_topology

HERE = Path(__file__).resolve().parent
LOADERS = {"topology": load_topology, "experiment": load_experiment}
CASES = sorted(path for kind in LOADERS for path in (HERE / kind).glob("*.yaml"))


def _message(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        LOADERS[path.parent.name](path.name)
    assert caught.value.exit_code == 2
    return f"{caught.value}\n"


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_wrong_file_is_refused_with_its_message(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    golden, message = path.with_suffix(".txt"), _message(path)
    if os.environ.get("EMU_UPDATE_GOLDEN"):
        golden.write_text(message, encoding="utf-8")
    assert message == golden.read_text(encoding="utf-8")


def test_the_cases_differ_in_more_than_their_names() -> None:
    assert len({path.read_bytes() for path in CASES}) == len(CASES) >= 100


def test_no_message_is_left_without_its_case() -> None:
    texts = {path for kind in LOADERS for path in (HERE / kind).glob("*.txt")}
    assert texts == {path.with_suffix(".txt") for path in CASES}


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_no_message_speaks_of_the_libraries_beneath(path: Path) -> None:
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    for word in ("pydantic", "Input should", "Traceback", "validat", "str_type", "tuple", "dict_"):
        assert word not in text


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_what_is_no_file_is_refused_by_name(
    load: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.yaml").mkdir()
    Path("circle.yaml").symlink_to("circle.yaml")
    Path("nowhere.yaml").symlink_to("gone")
    said = {
        "folder.yaml": "this is a folder",
        "circle.yaml": "symbolic links",
        "nowhere.yaml": "there is no such file",
        "/dev/zero": "is too large",
    }
    for name, words in said.items():
        with pytest.raises(SpecError, match=words) as caught:
            load(name)
        assert str(caught.value).startswith(f"{name}: ")
    # None of these stops emu from looking around for a file that it can propose.
    with pytest.raises(SpecError, match=r"no such file|no topology file"):
        load("missing.yaml")
