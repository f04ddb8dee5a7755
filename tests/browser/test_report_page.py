# SPDX-License-Identifier: Apache-2.0
"""The report as a reader sees it: on a desk and on a phone, by day and by night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (390, 1440)
SCHEMES = ("light", "dark")

FIGURES = """
return [...document.querySelectorAll('figure')].map(f => ({
  id: f.id,
  panels: [...f.querySelectorAll('svg.panel')].map(s => {
    const r = s.getBoundingClientRect(), t = [...s.querySelectorAll('text')].filter(
      e => e.textContent.trim());
    const size = t.length ? Math.min(...t.map(e =>
      parseFloat(getComputedStyle(e).fontSize) * r.width / s.viewBox.baseVal.width)) : 0;
    const cut = t.filter(e => { const b = e.getBoundingClientRect();
      return b.width && (b.left < r.left - 2 || b.right > r.right + 2); })
      .map(e => e.textContent);
    return {left: r.left, right: r.right, width: r.width, height: r.height, size, cut,
            shown: getComputedStyle(s).visibility === 'visible'};
  }),
}));
"""

CONTRAST = """
const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
  .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
  return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
const page = lum(getComputedStyle(document.body).backgroundColor);
const ratio = c => { const l = lum(c);
  return (Math.max(l, page) + .05) / (Math.min(l, page) + .05); };
const found = {};
for (const e of document.querySelectorAll('h1, p, li, td, th, svg text')) {
  const s = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg');
  if (svg && /\\bon[345]\\b/.test(e.getAttribute('class'))) continue;  // text on a shade
  const c = svg ? s.fill : s.color, r = ratio(c);
  found[c] = Math.round(r * 100) / 100;
}
return found;
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_page_is_quiet_complete_and_fits(
    browser: Any, report_dir: Path, artefacts: Path, width: int, scheme: str
) -> None:
    browser.look(width, scheme)
    browser.open((report_dir / "index.html").as_uri())
    browser.screenshot(artefacts / f"report-{width}-{scheme}.png")
    requested, _ = browser.traffic()
    assert browser.complaints() == []
    assert [u for u in requested if not u.startswith(("file:", "data:"))] == []
    assert len([u for u in requested if u.startswith("file:")]) == 1
    assert browser.run("return document.documentElement.scrollWidth") <= width

    figures = browser.run(FIGURES)
    assert len(figures) >= 10
    for figure in figures:
        assert figure["panels"], figure["id"]
        for panel in figure["panels"]:
            assert panel["shown"], figure["id"]
            assert panel["width"] >= 300, figure["id"]
            assert panel["height"] >= 100, figure["id"]
            assert panel["left"] >= 0, figure["id"]
            assert panel["right"] <= width, figure["id"]
            assert panel["size"] >= 9.5, figure["id"]
            assert panel["cut"] == [], figure["id"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read_against_the_page(browser: Any, report_dir: Path, scheme: str) -> None:
    browser.look(1440, scheme)
    browser.open((report_dir / "index.html").as_uri())
    ratios = browser.run(CONTRAST)
    assert len(ratios) >= 6
    assert {colour: r for colour, r in ratios.items() if r < 4.5} == {}


def test_toggle_overrides_the_system_and_is_kept(browser: Any, report_dir: Path) -> None:
    browser.look(1440, "light")
    browser.open((report_dir / "index.html").as_uri())
    paint = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(paint)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(paint)
    assert dark != light
    browser.open((report_dir / "index.html").as_uri())
    assert browser.run(paint) == dark
    browser.run("document.getElementById('theme').click(); localStorage.clear()")
    assert browser.run(paint) == light


@pytest.mark.parametrize("width", WIDTHS)
def test_definitions_show_on_focus_inside_the_window(
    browser: Any, report_dir: Path, width: int
) -> None:
    browser.look(width, "light")
    browser.open((report_dir / "index.html").as_uri())
    boxes = browser.run("""
      const tip = document.getElementById('tip');
      return [...document.querySelectorAll('#table .term')].map(t => {
        t.scrollIntoView({block: 'center', behavior: 'instant'}); t.focus();
        const r = tip.getBoundingClientRect();
        const seen = !tip.hidden && tip.textContent === t.dataset.def;
        t.blur();
        return [seen || !t.getClientRects().length, r.left, r.right, tip.hidden];
      });""")
    assert len(boxes) >= 5
    for seen, left, right, hidden in boxes:
        assert seen
        assert left >= 0
        assert right <= width
        assert hidden


def test_a_number_leads_to_its_runs(browser: Any, report_dir: Path) -> None:
    browser.look(1440, "light")
    browser.open((report_dir / "index.html").as_uri())
    href = browser.run("return document.querySelector('#table td a').getAttribute('href')")
    browser.run("document.querySelector('#table td a').click()")
    shown = browser.run(
        "const e = document.getElementById(arguments[0]);"
        "return [e.closest('details').open, e.getBoundingClientRect().height]",
        href.removeprefix("#"),
    )
    assert shown[0]
    assert shown[1] > 0


def test_csv_inside_the_page_is_the_file_beside_it(browser: Any, report_dir: Path) -> None:
    browser.look(1440, "light")
    browser.open((report_dir / "index.html").as_uri())
    found = browser.run("""
      return [...document.querySelectorAll('a[download]')].map(a => [a.download,
        a.href.startsWith('data:') ?
          new TextDecoder().decode(Uint8Array.from(atob(a.href.split(',')[1]),
            c => c.charCodeAt(0))) : null]);""")
    assert len(found) >= 12
    for name, text in found:
        on_disk = (report_dir / "tables" / name).read_text(encoding="utf-8")
        assert text is None or text == on_disk, name


def test_paper_is_white_and_whole(browser: Any, report_dir: Path, artefacts: Path) -> None:
    browser.look(1440, "dark")
    browser.open((report_dir / "index.html").as_uri())
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.run("return getComputedStyle(document.body).backgroundColor") in {
        "rgb(255, 255, 255)", "rgba(0, 0, 0, 0)",
    }  # fmt: skip
    browser.screenshot(artefacts / "report-print.png")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
