# SPDX-License-Identifier: Apache-2.0
"""The section about failures and its pages: what runs show, when there is nothing to compare."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

from emu.report import build
from emu.sim import run_experiment
from emu.spec import load_experiment

EXPERIMENT = """
kind: experiment
name: small
question: "What does it cost?"
topology:
  kind: topology
  name: small
  clos:
    {{tiers: 2, leaves: 2, spines: 2, hosts_per_leaf: 4, host_rate: 400G, fabric_rate: 400G,
      host_cable: 3m, fabric_cable: 30m}}
  switches: {{leaf: tomahawk4}}
  nic: connectx7
workload:
  trace: {{file: {trace}, format: mooncake, limit: 4}}
  model: gpt-oss-20b
  compute: {{prefill: {{tokens_per_s: 20000000}}}}
  engine: nixl-pull
  load: {{fraction: 0.5}}
transport: {{receiver: selective-repeat}}
timers: {{loss_of_signal: 100us, bgp_local_repair: 200us, bgp_remote_withdraw_per_hop: 300us}}
designs: [l3, stretched-l2/rstp]
base: false
cases:
  - name: healthy
  - {{name: healthy adaptive, designs: [l3], set: {{routing.policy: adaptive}}}}
  - name: uplink down
    set: {{faults: [{{kind: link-down, link: leaf0-spine0, at: 1ms}}]}}
  - name: uplink down adaptive
    designs: [l3]
    set: {{faults: [{{kind: link-down, link: leaf0-spine0, at: 1ms}}], routing.policy: adaptive}}
{more}
seeds: [1, 2]
stop: {{drain: 300ms}}
record: {{level: "off"}}
"""
HOLE = """
  - name: black hole
    set: {faults: [{kind: black-hole, switch: spine0, at: 1ms, for: 2ms}]}
"""


@pytest.fixture(scope="module")
def out(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(repository, tmp_path_factory.mktemp("failures"), HOLE)


def report(repository: Path, folder: Path, more: str, noticed: str = "100us") -> Path:
    trace = repository / "traces" / "mooncake-sample.jsonl"
    file = folder / "small.yaml"
    text = EXPERIMENT.format(trace=trace, more=more)
    text = text.replace("loss_of_signal: 100us", f"loss_of_signal: {noticed}")
    file.write_text(text, encoding="utf-8")
    runs = run_experiment(load_experiment(file), folder / "runs")
    build(runs, folder / "report")
    return folder / "report"


def values(out: Path, measure: str) -> dict[tuple[str, str, str], float]:
    rows = pd.read_csv(out / "tables" / "failures.csv")
    own = rows[rows["measure"] == measure]
    return dict(
        zip(
            zip(own["fault"], own["design"], own["routing"], strict=True), own["value"], strict=True
        )
    )


def test_times_of_the_repair_are_those_of_the_timers(out: Path) -> None:
    us = 10**6
    assert values(out, "detected_ps")["Uplink down", "L3", "ECMP"] == 100 * us
    assert values(out, "repaired_ps")["Uplink down", "L3", "adaptive"] == 300 * us
    assert values(out, "converged_ps")["Uplink down", "L3", "ECMP"] == 600 * us
    assert values(out, "detected_ps")["Black hole", "L3", "–"] == float("inf")


def test_a_fault_that_is_noticed_at_once_is_noticed(repository: Path, tmp_path: Path) -> None:
    found = report(repository, tmp_path, HOLE, noticed="0s")
    assert values(found, "detected_ps")["Uplink down", "L3", "ECMP"] == 0


def test_what_went_into_a_dead_end_is_a_part_of_what_was_lost(out: Path) -> None:
    lost, holes = values(out, "lost_bytes"), values(out, "blackholed_bytes")
    assert lost.keys() == holes.keys()
    assert all(holes[key] <= lost[key] for key in lost)
    assert holes["Black hole", "L3", "–"] > 0


def test_each_fault_has_a_page_that_the_section_leads_to(out: Path) -> None:
    assert {p.name for p in (out / "faults").iterdir()} == {"uplink-down.html", "black-hole.html"}
    index = (out / "index.html").read_text(encoding="utf-8")
    assert 'href="faults/uplink-down.html"' in index
    page = (out / "faults" / "uplink-down.html").read_text(encoding="utf-8")
    assert "link-down: at 1ms, link leaf0-spine0" in page
    assert "noticed: down" in page
    for figure in ("delivered", "lost"):
        data = pd.read_csv(out / "tables" / f"figure-uplink-down-{figure}.csv")
        assert set(data["design"]) == {"L3", "L2 RSTP"}
        assert set(data["routing"]) == {"ECMP", "adaptive"}
        ET.parse(out / "figures" / f"uplink-down-{figure}.svg")


def test_the_timeline_counts_every_byte_that_was_delivered(out: Path) -> None:
    """Over its steps; what comes before and after them is not on the page."""
    data = pd.read_csv(out / "tables" / "figure-black-hole-delivered.csv")
    own = data[data["design"] == "L3"]
    step_s = float(own["t_after_fault_ms"].diff().iloc[-1]) / 1e3
    drawn = float(own["per_s"].sum()) * step_s
    runs = sorted((out.parent / "runs").glob("black-hole_l3/seed-*"))
    sent = [pd.read_parquet(run / "flows.parquet")["payload_bytes"].sum() for run in runs]
    assert 0 < drawn <= 1.001 * sum(sent) / len(sent)


def test_the_origin_of_times_is_said(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "set by the experiment: bgp_local_repair" in text
    assert "No control plane notices 1 of 2 faults: black hole." in text


def test_one_fault_is_nothing_to_compare(repository: Path, tmp_path: Path) -> None:
    found = report(repository, tmp_path, "")
    assert not (found / "faults").exists()
    assert "What does each fault cost?" not in (found / "report.md").read_text(encoding="utf-8")
