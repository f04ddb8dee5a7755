# SPDX-License-Identifier: Apache-2.0
"""The report folder: whole, self-contained, traceable, the same for the same runs."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from emu.errors import InputError, RunError
from emu.report import build
from emu.report.build import PAGE_BYTES_MAX


class Page(HTMLParser):
    """Ids, links and loaded resources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.cells: list[bool] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found.get("href")))
        if tag == "link" or "src" in found or tag in {"iframe", "object", "img", "script"}:
            self.loaded.append(str(found.get("href") or found.get("src") or ""))


@pytest.fixture(scope="module")
def page(report_dir: Path) -> Page:
    return Page((report_dir / "index.html").read_text(encoding="utf-8"))


def test_everything_is_there(report_dir: Path) -> None:
    assert {p.name for p in report_dir.iterdir()} == {
        "index.html", "report.md", "report.json", "tables", "figures",
    }  # fmt: skip
    assert {"answer.csv", "kpi.csv", "cost.csv", "runs.csv", "parameters.csv", "timers.csv"} <= {
        p.name for p in (report_dir / "tables").iterdir()
    }


def test_the_page_loads_nothing(page: Page, report_dir: Path) -> None:
    assert [x for x in page.loaded if x and not x.startswith("data:")] == []
    text = (report_dir / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"url\((?!['\"]?data:)", text) == []
    assert "@import" not in text
    assert set(re.findall(r"https?://[^\"'<> ]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_page_is_small_enough(report_dir: Path) -> None:
    assert (report_dir / "index.html").stat().st_size < PAGE_BYTES_MAX


def test_every_link_leads_somewhere(page: Page, report_dir: Path) -> None:
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        elif not link.startswith("data:"):
            assert (report_dir / link).is_file(), link


def test_every_number_of_the_tables_links_to_its_runs(report_dir: Path) -> None:
    text = (report_dir / "index.html").read_text(encoding="utf-8")
    for table in re.findall(r'<table id="(?:answer|kpi|cost)-.*?</table>', text, re.S):
        for cell in re.findall(r"<td(?! class=\"text).*?</td>", table, re.S):
            assert '<a href="#runs-' in cell, cell


def test_every_figure_has_title_text_and_data(report_dir: Path) -> None:
    text = (report_dir / "index.html").read_text(encoding="utf-8")
    figures = re.findall(r'<figure id="([^"]+)">(.*?)</figure>', text, re.S)
    assert len(figures) >= 9
    for ident, body in figures:
        assert "?" in re.findall(r"<h3>(.*?)</h3>", body)[0], ident
        assert body.count("<desc") == body.count("<svg"), ident
        assert f'download="figure-{ident}.csv"' in body
        assert len(pd.read_csv(report_dir / "tables" / f"figure-{ident}.csv")) > 0


def test_svg_files_stand_alone(report_dir: Path) -> None:
    files = list((report_dir / "figures").glob("*.svg"))
    assert len(files) >= 8
    for file in files:
        root = ET.fromstring(file.read_text(encoding="utf-8"))
        assert root.get("width")
        assert "--d0" in file.read_text(encoding="utf-8")


def test_question_and_answer_come_first(report_dir: Path) -> None:
    about = json.loads((report_dir / "report.json").read_text())
    text = (report_dir / "index.html").read_text(encoding="utf-8")
    assert text.index("<h1>") < text.index('class="lead"') < text.index("<table")
    assert about["question"] == "Which fabric design keeps KV transfers lossless and their " \
                                "tail short?"  # fmt: skip
    assert about["answer"].startswith("Without a fault no design lost a packet")
    markdown = (report_dir / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith(f"# {about['question']}\n\n**Without a fault no design lost")
    assert about["answer"] in markdown.replace("**", "")


def test_markdown_tables_are_tables(report_dir: Path) -> None:
    lines = (report_dir / "report.md").read_text(encoding="utf-8").splitlines()
    rows = [i for i, line in enumerate(lines) if re.match(r"\|[-:| ]+\|$", line)]
    assert len(rows) >= 8
    for i in rows:
        assert lines[i - 1].count("|") == lines[i].count("|") == lines[i + 1].count("|")


def test_same_runs_same_bytes(runs_dir: Path, report_dir: Path, tmp_path: Path) -> None:
    again = build([runs_dir], tmp_path / "again").parent

    def digests(folder: Path) -> dict[str, str]:
        return {
            p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file()
        }  # fmt: skip

    assert digests(again) == digests(report_dir)


def test_an_older_report_is_replaced_and_nothing_else(runs_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    build([runs_dir], out)
    (out / "old").touch()
    build([runs_dir], out)
    assert not (out / "old").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a report"):
        build([runs_dir], tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.txt").exists()


def test_unfinished_runs_are_an_error_unless_allowed(runs_dir: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(runs_dir, runs)
    (next(runs.glob("l3-base-0p4/*")) / "flows.parquet").unlink()
    with pytest.raises(RunError, match="not complete"):
        build([runs], tmp_path / "report")
    page = build([runs], tmp_path / "report", allow_incomplete=True)
    assert "missing here: 1." in page.read_text(encoding="utf-8")


def test_no_runs_and_mixed_experiments(
    synthetic: ModuleType, runs_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no complete run"):
        build([tmp_path / "empty"], tmp_path / "report")
    other = tmp_path / "other"
    shutil.copytree(next(runs_dir.glob("l3-base-0p4/seed-1")), other)
    text = (other / "run.json").read_text().replace('"first-look"', '"incast"')
    (other / "run.json").write_text(text)
    with pytest.raises(RunError, match="2 experiments"):
        build([runs_dir, other], tmp_path / "report")


def test_a_single_run_makes_a_report(runs_dir: Path, tmp_path: Path) -> None:
    run = next(runs_dir.glob("l3-base-0p4/seed-1"))
    text = build([run], tmp_path / "report").read_text(encoding="utf-8")
    assert "No design lost a packet." in text
    assert "With one seed an interval says nothing" in text


def test_timer_variants_are_drawn_and_told(synthetic: ModuleType, tmp_path: Path) -> None:
    synthetic.write_runs(tmp_path / "runs", designs=synthetic.DESIGNS[:3], loads=(0.7,),
                         seeds=(1, 2), transfers=60, withdraw_ms=(20, 500))  # fmt: skip
    page = build([tmp_path / "runs"], tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    assert "Does the answer rest on bgp_remote_withdraw_per_hop?" in text
    assert "the answer flips" in text or "does not flip" in text


def test_a_full_disk_leaves_the_old_report(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    page = build([runs_dir], out)
    before = page.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match="No space left"):
        build([runs_dir], out)
    assert page.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]
