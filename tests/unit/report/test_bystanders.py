# SPDX-License-Identifier: Apache-2.0
"""What a fault of a host decides is told apart from what a design decides."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from emu.report.analysis import bystanders, kpi
from emu.report.analysis.slowdown import samples
from emu.telemetry import Run


@pytest.fixture
def run(synthetic: ModuleType, tmp_path: Path) -> Run:
    case = {"case": "base", "workload.load.fraction": "0.5"}
    synthetic.write_run(tmp_path / "run", synthetic.DESIGNS[0], case, 1, "v", 60)
    return Run(tmp_path / "run")


def stricken(run: Run, endpoints: list[int]) -> Run:
    path = run.path / "run.json"
    path.write_text(json.dumps({**run.meta, "faulted_endpoints": endpoints}))
    return Run(run.path)


def test_without_a_faulty_host_all_are_bystanders(run: Run) -> None:
    assert len(bystanders.transfers(run)) == len(run.transfers)
    assert bystanders.left_out([run]) == 0


def test_no_bystander_touches_the_faulty_host(run: Run) -> None:
    endpoint = int(run.flows["dst_endpoint"].iloc[0])
    hit = stricken(run, [endpoint])
    kept = bystanders.flows(hit)
    assert not kept[["src_endpoint", "dst_endpoint"]].isin([endpoint]).any().any()
    assert 0 < bystanders.left_out([hit]) < len(run.transfers)
    assert set(kept["transfer_id"]) == set(bystanders.transfers(hit)["transfer_id"])
    assert len(bystanders.requests(hit)) == len(bystanders.transfers(hit))
    assert len(samples([hit])) == len(bystanders.transfers(hit))


def test_goodput_counts_bystanders_alone(run: Run) -> None:
    everyone = sorted(set(run.flows["dst_endpoint"]) | set(run.flows["src_endpoint"]))
    assert kpi.goodput_gbytes_per_s(run) > 0
    assert bystanders.transfers(stricken(run, everyone)).empty
