# SPDX-License-Identifier: Apache-2.0
"""The page of one capture: self-contained, the same every time, true to the inspection."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from emu.errors import RunError
from emu.report.capture import capture_page
from tests.cli.test_cases import run_emu
from tests.oracle import containers as box
from tests.oracle import corpus


def page(capture: Path, out: Path) -> str:
    assert capture_page(str(capture), out) is None
    return out.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(corpus.FILES))
def test_every_kind_of_capture_gets_a_page_that_needs_nothing_else(
    name: str, captures: dict[str, Path], tmp_path: Path
) -> None:
    html = page(captures[name], tmp_path / "a.html")
    assert page(captures[name], tmp_path / "b.html") == html
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', html)
    assert html.count("<svg") == html.count("</svg>")
    for anchor in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{anchor}"' in html, anchor
    assert len(html) < 400_000


def test_the_answer_says_what_was_lost_marked_and_paused(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    html = page(captures["nak.pcapng"], tmp_path / "nak.html")
    assert "4 of 13 packets were sent again, and nothing is missing in the end." in html
    html = page(captures["cnp.pcapng"], tmp_path / "cnp.html")
    assert re.search(r"[\d.]+ % of the packets were marked by congestion, \d+ CNPs", html)
    html = page(captures["pfc.pcapng"], tmp_path / "pfc.html")
    assert re.search(r"\d+ pauses, the longest [\d.]+ µs", html)
    assert "Who was stopped?" in html
    html = page(captures["plain.pcapng"], tmp_path / "plain.html")
    assert "Nobody was paused." in html
    assert "Who was stopped?" not in html


def test_the_data_behind_a_figure_is_in_the_page(captures: dict[str, Path], tmp_path: Path) -> None:
    html = page(captures["pfc.pcapng"], tmp_path / "pfc.html")
    files = {
        name: base64.b64decode(coded).decode()
        for coded, name in re.findall(r'base64,([^"]+)" download="([^"]+)"', html)
    }
    assert {"figure-throughput.csv", "figure-pauses.csv", "flows.csv", "pauses.csv"} <= set(files)
    assert files["figure-pauses.csv"].startswith("port_priority,asked_for_by,start_ps,end_ps\n")
    bins = files["figure-throughput.csv"].splitlines()
    assert bins[0] == "start_ps,wire_bps,goodput_bps"


def test_a_name_from_the_capture_is_text_and_never_markup(tmp_path: Path) -> None:
    hostile = box.Interface("<script>alert(1)</script>", speed_bps=10**11)
    capture = tmp_path / "a.pcapng"
    capture.write_bytes(box.pcapng(list(corpus.KINDS["pfc"]()), (hostile,)))
    html = page(capture, tmp_path / "a.html")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_a_damaged_capture_has_a_page_that_says_so(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "cut.pcapng").write_bytes(captures["plain.pcapng"].read_bytes()[:-9])
    done = run_emu(["pcap", "report", "cut.pcapng", "--out", "cut.html"], tmp_path)
    assert done.returncode == 3
    assert "cut off" in done.stderr
    assert "The capture is not whole" in (tmp_path / "cut.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error(
    captures: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="cannot write"):
        capture_page(str(captures["plain.pcapng"]), tmp_path / "no" / "such" / "folder.html")
