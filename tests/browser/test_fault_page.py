# SPDX-License-Identifier: Apache-2.0
"""A fault's page as a reader sees it: on a desk and on a phone, by day and by night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_report_page import FIGURES, SCHEMES, WIDTHS
from tests.unit.report.test_failures import HOLE, report

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def faults(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(repository, tmp_path_factory.mktemp("faults"), HOLE) / "faults"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_fits_and_loads_nothing(
    browser: Any, faults: Path, artefacts: Path, width: int, scheme: str
) -> None:
    browser.look(width, scheme)
    for page in sorted(faults.glob("*.html")):
        browser.open(page.as_uri())
        browser.screenshot(artefacts / f"fault-{page.stem}-{width}-{scheme}.png")
        requested, _ = browser.traffic()
        assert browser.complaints() == []
        assert [u for u in requested if not u.startswith("data:")] == [page.as_uri()]
        assert browser.run("return document.documentElement.scrollWidth") <= width
        figures = browser.run(FIGURES)
        assert {f["id"].rsplit("-", 1)[1] for f in figures} == {
            "delivered", "lost", "again", "paused", "flooded",
        }  # fmt: skip
        for panel in [panel for figure in figures for panel in figure["panels"]]:
            assert panel["shown"]
            assert 0 <= panel["left"] < panel["right"] <= width
            assert panel["size"] >= 9.5
            assert panel["cut"] == []


def test_the_section_leads_to_every_page_and_each_back(browser: Any, faults: Path) -> None:
    browser.look(1440, "light")
    browser.open((faults.parent / "index.html").as_uri())
    links = browser.run(
        "return [...document.querySelectorAll('#failures a')].map(a => a.getAttribute('href'))"
    )
    pages = {link for link in links if link.startswith("faults/")}
    assert pages == {f"faults/{page.name}" for page in faults.glob("*.html")}
    for page in pages:
        browser.open((faults.parent / page).as_uri())
        back = browser.run(
            "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        )
        files = {href.split("#")[0] for href in back if not href.startswith(("data:", "#"))}
        assert "../index.html" in files
        for href in files:
            assert (faults / href).is_file(), href
