# SPDX-License-Identifier: Apache-2.0
"""The section about routing: shown where runs differ in it, and what it says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emu.report import build
from emu.sim import run_experiment
from emu.spec import load_experiment

EXPERIMENT = """
kind: experiment
name: small
question: "Which routing?"
topology:
  kind: topology
  name: small
  clos:
    {{tiers: 2, leaves: 2, spines: 4, hosts_per_leaf: 4, host_rate: 400G, fabric_rate: 400G,
      host_cable: 3m, fabric_cable: 30m}}
  switches: {{leaf: tomahawk4}}
  nic: connectx7
workload:
  trace: {{file: {trace}, format: mooncake, limit: 4}}
  model: gpt-oss-120b
  engine: nixl-pull
  load: {{fraction: 0.5}}
transport: {{receiver: in-order}}
designs: [l3, stretched-l2/rstp]
base: false
cases:
  - {{name: ecmp, set: {{routing.policy: ecmp}}}}
  - {{name: other, designs: [l3], set: {{routing.policy: {policy}}}}}
seeds: [1, 2]
"""


def report(repository: Path, folder: Path, policy: str) -> Path:
    trace = repository / "traces" / "mooncake-sample.jsonl"
    file = folder / "small.yaml"
    file.write_text(EXPERIMENT.format(trace=trace, policy=policy), encoding="utf-8")
    runs = run_experiment(load_experiment(file), folder / "runs")
    build(runs, folder / "report")
    return folder / "report"


def test_the_matrix_has_every_routing_and_says_which_design_has_no_choice(
    repository: Path, tmp_path: Path
) -> None:
    out = report(repository, tmp_path, "adaptive")
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "## What does routing win, and what does it cost?" in text
    assert "L2 RSTP: ECMP only; there is no other policy to have." in text
    assert "Published results beside ours" in text
    assert 'id="routing-tail"' in (out / "index.html").read_text(encoding="utf-8")
    rows = pd.read_csv(out / "tables" / "routing.csv")
    tails = rows[rows["measure"] == "tail_slowdown"]
    assert len(tails) == 3, "two designs with ECMP, one with another policy"
    assert set(rows[rows["measure"] == "tail_over_ecmp"]["design"]) == {"L3"}
    jain = rows[(rows["measure"] == "uplinks_jain") & (rows["design"] == "L3")]
    assert jain["value"].iloc[0] != jain["value"].iloc[1]
    early = rows[rows["measure"] == "early_percent"].set_index(["routing", "design"])["value"]
    assert early.max() > 0
    state = rows[rows["measure"] == "reorder_state_bytes"]["value"]
    assert (state == 32).all(), "1 MiB of slots of 4096 bytes, one bit each"


def test_one_routing_needs_no_section(repository: Path, tmp_path: Path) -> None:
    out = report(repository, tmp_path, "ecmp")
    assert "What does routing win" not in (out / "report.md").read_text(encoding="utf-8")
    assert not (out / "tables" / "routing.csv").exists()


@pytest.mark.parametrize("case", ["ecmp", "flowlet", "adaptive", "spray", "pinned"])
def test_the_experiment_asks_every_policy(repository: Path, case: str) -> None:
    spec = load_experiment(repository / "experiments" / "routing.yaml")
    assert case in {variant.spec.routing.policy for variant in spec.variants()}


def test_the_answer_begins_with_what_routing_wins_where_that_is_what_varies(
    repository: Path, tmp_path: Path
) -> None:
    out = report(repository, tmp_path, "adaptive")
    answer = (out / "report.md").read_text(encoding="utf-8").split("\n##")[0]
    assert "L2 RSTP can have no other than ECMP." in answer
    gains = pd.read_csv(out / "tables" / "routing.csv").set_index("measure").loc[["tail_over_ecmp"]]
    expected = "over that of ECMP: L3" if gains["high"].iloc[0] < 1 else "On L3 no gain of it"
    assert expected in answer
