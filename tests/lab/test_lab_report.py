# SPDX-License-Identifier: Apache-2.0
"""The lab beside the simulator: from an experiment on both backends to a page in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import chromium

browser = chromium.browser

TINY = """\
kind: experiment
name: tiny
question: "Do both carry the same?"
topology: {topology}
workload: {{trace: {{file: {trace}, format: flows}}}}
designs:
  - {{name: l3, control: frr}}
  - {{name: stretched-l2, variant: rstp, control: ovs}}
overrides: {{nic: {{retransmit_timeout: 200us}}}}
cases:
  - name: link-failure
    designs: [l3 frr]
    set: {{faults: [{{kind: link-down, link: leaf1-spine0, at: 8us}}]}}
record: {{sample_interval: 1us, captures: [{{ports: [leaf0, leaf1], stop: 20us}}]}}
stop: {{drain: 20ms}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """What `emu lab report` writes, run twice: the second time everything is there."""
    folder = tmp_path_factory.mktemp("tiny")
    experiment = folder / "tiny.yaml"
    topology = repository / "topologies" / "lab-2x2x4.yaml"
    trace = Path(__file__).with_name("tiny.csv")
    experiment.write_text(TINY.format(topology=topology, trace=trace))
    command = [Path(sys.executable).parent / "emu", "lab", "report", experiment]
    command += ["--out", folder / "runs", "--page", folder / "page", "--dilation", "20000"]
    first = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert first.returncode == 0, first.stderr
    assert str(folder / "page" / "index.html") in first.stderr
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")}
    second = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert second.returncode == 0, second.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")} == before
    return folder


def test_a_tree_carries_the_same_on_both_backends(made: Path) -> None:
    document = json.loads((made / "page" / "agreement.json").read_text())
    rows = {(row["case"], row["label"]): row for row in document["variants"]}
    assert set(rows) == {
        ("base", "l3 frr"), ("base", "stretched-l2 rstp ovs"), ("link-failure", "l3 frr"),
    }  # fmt: skip
    assert all(row["seeds"] == [1] for row in rows.values())
    tree = rows["base", "stretched-l2 rstp ovs"]
    assert tree["lab"]["fct_median_us"] == pytest.approx(tree["sim"]["fct_median_us"], rel=0.05)


def test_a_lab_run_says_when_its_switches_had_answered_the_fault(made: Path) -> None:
    (found,) = (made / "runs" / "lab").glob("link-failure*/seed-1/run.json")
    meta = json.loads(found.read_text())
    (answer,) = meta["responses"]
    assert answer["start_ps"] == answer["detected_ps"] == 8_000_000
    last = meta["lab"]["swallowed_last_ps"].values()
    assert answer["repaired_ps"] == min(last, default=8_000_000)
    assert answer["converged_ps"] == max(last, default=8_000_000)


def test_the_page_opens_offline_at_any_width_and_scheme(
    made: Path,
    browser: Any,
    artefacts: Path,
) -> None:
    for width in (390, 1440):
        for scheme in ("light", "dark"):
            browser.look(width, scheme)
            browser.open((made / "page" / "index.html").as_uri())
            browser.screenshot(artefacts / f"lab-report-{width}-{scheme}.png")
            assert browser.complaints() == []
            requested, _ = browser.traffic()
            assert [u for u in requested if not u.startswith(("file:", "data:"))] == []
            assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run("return document.querySelectorAll('#variants table').length") == 2
    assert "of wall time" in browser.run("return document.getElementById('answer').innerText")
