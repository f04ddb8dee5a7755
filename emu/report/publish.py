# SPDX-License-Identifier: Apache-2.0
"""Collects finished reports into a static site."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from emu.errors import InputError, RunError
from emu.report.build import REPORT_SCHEMA
from emu.report.page import environment, page_css
from emu.telemetry import canonical_json

__all__ = ["publish"]

_ENTRY = "entry.json"
_ID_LENGTH = 12


def publish(
    report_dirs: Sequence[Path | str], public: Path | str, *, date: dt.date | None = None
) -> Path:
    """Copy reports into `public/reports/` and rewrite the index.

    A report's folder is named after its content: publishing it again changes nothing, and a
    report that differs gets a folder of its own. Nothing that was published is overwritten.

    Parameters
    ----------
    report_dirs : sequence of Path
        Folders written by `build`.
    public : Path
        Root of the site; created if missing.
    date : datetime.date, optional
        Date shown beside the newly published reports; today (UTC) if not given.

    Returns
    -------
    Path
        The index, `public/index.html`.
    """
    root = Path(public)
    day = date or dt.datetime.now(dt.UTC).date()
    try:
        (root / "reports").mkdir(parents=True, exist_ok=True)
        for folder in map(Path, report_dirs):
            _add(folder, root / "reports", day)
        entries = _entries(root / "reports")
        _replace(root / "index.html", _render(entries))
        _replace(root / "reports.json", canonical_json(entries))
        # Without it a well-known static host ignores folders it takes for its own.
        (root / ".nojekyll").touch()
    except shutil.Error as error:
        # One entry (source, copy, reason) per file that could not be copied.
        _, copy, reason = error.args[0][0]
        raise RunError(f"{root}: cannot publish {Path(copy).name}: {reason}") from error
    except OSError as error:
        raise RunError(f"{root}: cannot publish: {error.strerror or error}") from error
    return root / "index.html"


def _add(folder: Path, reports: Path, day: dt.date) -> None:
    about = _about(folder)
    name = f"{about['experiment']}-{_digest(folder)[:_ID_LENGTH]}"
    place = reports / name
    if place.exists():
        return
    partial = reports / f".{name}.partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(folder, partial)
        (partial / _ENTRY).write_text(canonical_json({"published": day.isoformat()}))
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _about(folder: Path) -> dict[str, Any]:
    about: Any
    try:
        about = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict):
        raise InputError(
            "not a report (no readable report.json); build it with `emu report`", file=str(folder)
        )
    if about.get("report") != REPORT_SCHEMA or not (folder / "index.html").is_file():
        raise InputError("not a report that this version of emu can publish", file=str(folder))
    return about


def _digest(folder: Path) -> str:
    """Digest over names and contents of a report's files."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _ENTRY):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _entries(reports: Path) -> list[dict[str, Any]]:
    """Everything published so far, newest first."""
    found = []
    for place in sorted(p for p in reports.iterdir() if p.is_dir() and p.name[0] != "."):
        about = _about(place)
        about["published"] = _published(place / _ENTRY)
        about["path"] = f"reports/{place.name}/"
        found.append(about)
    found.sort(key=lambda e: (e["experiment"], e["path"]))
    found.sort(key=lambda e: str(e["published"]), reverse=True)
    return found


def _published(entry: Path) -> str:
    try:
        return str(json.loads(entry.read_text(encoding="utf-8"))["published"])
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            f"{entry}: damaged; remove the folder {entry.parent.name} and publish its report again"
        ) from None


def _render(entries: list[dict[str, Any]]) -> str:
    template = environment().get_template("public.html.j2")
    return template.render(entries=entries, css=Markup(page_css()))


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
