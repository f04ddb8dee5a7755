# SPDX-License-Identifier: Apache-2.0
"""What `import emu` offers, and what it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import emu


def test_all_names_exist_and_are_all_that_is_visible() -> None:
    assert sorted(emu.__all__) == sorted(dir(emu))
    for name in emu.__all__:
        assert getattr(emu, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(emu, "no_such_name")


def test_version_is_that_of_the_package(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert emu.__version__ == project["project"]["version"]


def test_import_and_help_do_not_load_the_heavy_libraries() -> None:
    code = (
        "import sys, emu, emu.cli; "
        "print([m for m in ('pandas', 'pyarrow', 'numpy', 'pydantic', 'matplotlib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_importing_the_report_package_leaves_the_verb_in_place() -> None:
    importlib.import_module("emu.report")
    assert callable(emu.report)
