# SPDX-License-Identifier: Apache-2.0
"""Publishing adds and never overwrites."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from emu.errors import InputError, RunError
from emu.report import publish

DAY = dt.date(2026, 3, 1)


def reports(public: Path) -> list[str]:
    return sorted(p.name for p in (public / "reports").iterdir())


def test_index_says_what_was_asked_and_answered(report_dir: Path, tmp_path: Path) -> None:
    index = publish([report_dir], tmp_path / "public", date=DAY)
    about = json.loads((report_dir / "report.json").read_text())
    text = index.read_text(encoding="utf-8")
    for expected in ("2026-03-01", about["question"], about["emu_version"], "emu run experiments"):
        assert expected in text
    (name,) = reports(tmp_path / "public")
    assert f'href="reports/{name}/index.html"' in text


def test_publishing_twice_changes_nothing(report_dir: Path, tmp_path: Path) -> None:
    index = publish([report_dir], tmp_path / "public", date=DAY)
    before = index.read_bytes()
    publish([report_dir], tmp_path / "public", date=dt.date(2027, 1, 1))
    assert index.read_bytes() == before
    assert len(reports(tmp_path / "public")) == 1


def test_a_report_that_differs_is_added_and_comes_first(report_dir: Path, tmp_path: Path) -> None:
    public = tmp_path / "public"
    publish([report_dir], public, date=DAY)
    old = reports(public)[0]
    newer = tmp_path / "newer"
    shutil.copytree(report_dir, newer)
    about = json.loads((newer / "report.json").read_text())
    (newer / "report.json").write_text(json.dumps(about | {"answer": "It changed."}))
    text = publish([newer], public, date=dt.date(2026, 4, 1)).read_text(encoding="utf-8")
    assert len(reports(public)) == 2
    assert text.index("2026-04-01") < text.index("2026-03-01")
    assert (public / "reports" / old / "index.html").is_file()
    assert len(json.loads((public / "reports.json").read_text())) == 2


def test_index_without_new_reports(tmp_path: Path) -> None:
    text = publish([], tmp_path / "public").read_text(encoding="utf-8")
    assert "Nothing has been published yet" in text


@pytest.mark.parametrize("content", [None, "{", '{"report": 99}'])
def test_only_reports_are_published(tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    if content is not None:
        (folder / "report.json").write_text(content)
    with pytest.raises(InputError, match="not a report"):
        publish([folder], tmp_path / "public")
    assert reports(tmp_path / "public") == []


@pytest.mark.parametrize("text", ["[]", "null", "{", '{"report": 0}', "\x00"])
def test_a_damaged_report_is_refused(report_dir: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "report"
    shutil.copytree(report_dir, folder)
    (folder / "report.json").write_text(text)
    with pytest.raises(InputError, match="not a report"):
        publish([folder], tmp_path / "public")


@pytest.mark.parametrize("text", ["[]", "{}", "{"])
def test_a_damaged_entry_of_the_site_is_named(report_dir: Path, tmp_path: Path, text: str) -> None:
    root = tmp_path / "public"
    publish([report_dir], root)
    (entry,) = root.glob("reports/*/entry.json")
    entry.write_text(text)
    with pytest.raises(RunError, match=f"{entry.parent.name}.*publish its report again"):
        publish([], root)


def test_a_full_disk_is_one_line_and_leaves_no_half_report(
    report_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise shutil.Error([("a/x.svg", "b/x.svg", "No space left on device"), ("c", "d", "e")])

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(RunError, match=r"cannot publish x.svg: No space left on device$"):
        publish([report_dir], tmp_path / "public")
    assert not list((tmp_path / "public" / "reports").iterdir())
