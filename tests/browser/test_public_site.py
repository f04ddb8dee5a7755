# SPDX-License-Identifier: Apache-2.0
"""The published site, served on loopback, every link followed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest

from emu.report import publish

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_every_link_of_the_site_answers(
    browser: Any, site: Any, report_dir: Path, tmp_path: Path, artefacts: Path
) -> None:
    second = tmp_path / "second"
    shutil.copytree(report_dir, second)
    about = json.loads((second / "report.json").read_text())
    (second / "report.json").write_text(json.dumps(about | {"answer": "It changed."}))
    publish([report_dir, second], tmp_path / "public")
    root = site(tmp_path / "public")

    browser.look(390, "light")
    browser.open(root)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.screenshot(artefacts / "public-390-light.png")
    browser.look(1440, "dark")
    browser.open(root)
    browser.screenshot(artefacts / "public-1440-dark.png")

    waiting, seen, pages = [root], set(), 0
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        browser.open(url)
        requested, status = browser.traffic()
        assert status.get(url) == 200, url
        assert [u for u in requested if not u.startswith((root, "data:"))] == [], url
        complaints = browser.complaints()
        if not url.endswith(("/", ".html")):
            continue  # for a bare file Chromium asks for an icon that nobody promised
        assert complaints == [], url
        pages += 1
        links, ids = browser.run(
            "return [[...document.querySelectorAll('a')].map(a => a.href),"
            "[...document.querySelectorAll('[id]')].map(e => e.id)]"
        )
        for link in links:
            target, fragment = urldefrag(link)
            if link.startswith("data:"):
                continue
            assert link.startswith(root), link
            if target in {url, url + "index.html"}:
                assert fragment in ids, link
            else:
                waiting.append(target)
    assert pages == 3
    assert len(seen) > 20
