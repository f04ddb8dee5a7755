# SPDX-License-Identifier: Apache-2.0
"""Flows made a few at a time are the flows made all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from emu.fabric.build import build_fabric
from emu.spec import load_experiment
from emu.workload import Workload, build_workload, request_flows
from emu.workload.table import concat

REPOSITORY = Path(__file__).resolve().parents[3]
CHANGES: list[dict[str, Any]] = [
    {"engine": "mooncake", "load": {"fraction": 0.7}},
    {"engine": "layered"},
    {"engine": "nixl-pull", "background": [{"pattern": "incast", "load": 0.05, "fan_in": 4}]},
]


def workload(change: dict[str, Any], folder: Path) -> Workload:
    file = folder / "stream.yaml"
    trace = {"file": str(REPOSITORY / "traces" / "mooncake-sample.jsonl"), "limit": 40}
    spec = {
        "kind": "experiment",
        "name": "stream",
        "question": "Do the parts make the whole?",
        "topology": "leaf-spine-32x400G-dual",
        "workload": {"trace": trace, "model": "gpt-oss-120b", **change},
        "designs": ["l3"],
    }
    file.write_text(yaml.safe_dump(spec))
    experiment = load_experiment(file)
    return build_workload(experiment, build_fabric(experiment.topology), 3)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change["engine"])
def test_the_size_of_a_group_does_not_show(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = workload(change, tmp_path)
    assert len(list(whole.stream.blocks())) == 1
    assert len(whole.flows) == whole.stream.count
    monkeypatch.setattr(request_flows, "GROUP", 3)
    parts = workload(change, tmp_path)
    blocks = list(parts.stream.blocks())
    assert len(blocks) > 5
    pd.testing.assert_frame_equal(concat(blocks).frame(), whole.flows)
    pd.testing.assert_frame_equal(parts.qps, whole.qps)
    pd.testing.assert_frame_equal(parts.transfers, whole.transfers)
    assert parts.stats == whole.stats


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change["engine"])
def test_what_is_told_beforehand_is_what_comes(change: dict[str, Any], tmp_path: Path) -> None:
    made = workload(change, tmp_path)
    flows, stream = made.flows, made.stream
    assert stream.count == len(flows)
    assert stream.last_post_ps == flows["post_ps"].max()
    assert np.array_equal(stream.per_qp, np.bincount(flows["qp_id"], minlength=len(made.qps)))
    assert np.array_equal(stream.reads, np.unique(flows.loc[flows["verb"] == "read", "qp_id"]))
    ends = flows.groupby("qp_id")[["src_endpoint", "dst_endpoint", "priority"]].first()
    assert ends.reset_index().equals(made.qps[["qp_id", *ends.columns]])
    assert flows["post_ps"].is_monotonic_increasing
    own = concat(list(stream.transfers()))
    assert sorted(own["transfer_id"]) == sorted(flows.loc[flows["transfer_id"] >= 0, "transfer_id"])
