# SPDX-License-Identifier: Apache-2.0
"""A report's folder, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emu.errors import RunError


@contextmanager
def replacing(out: Path, marker: str, what: str) -> Iterator[Path]:
    """A folder to write into, which takes the place of ``out`` when all is written.

    Parameters
    ----------
    out : Path
        Nothing, an empty folder, or an earlier report of the same kind, which goes.
    marker : str
        File by which a report of this kind is known.
    what : str
        What such a report is called in a message: "a report".

    Raises
    ------
    RunError
        When something else stands there, or the disk takes no more.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / marker).is_file())):
        raise RunError(f"{out}: holds something that is not {what}; choose another folder")
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "tables").mkdir(parents=True)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as error:
        raise RunError(f"{out}: cannot write the report: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
