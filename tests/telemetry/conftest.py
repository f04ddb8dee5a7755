# SPDX-License-Identifier: Apache-2.0
"""One small run with everything recorded: an incast whose congestion spreads, and a lossy link."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from emu.sim import run_experiment
from emu.spec import ExperimentSpec, load_experiment

TOPOLOGY = {
    "kind": "topology",
    "name": "small",
    "clos": {
        "tiers": 2,
        "leaves": 2,
        "spines": 2,
        "hosts_per_leaf": 4,
        "parallel_links": 1,
        "host_rate": "400G",
        "fabric_rate": "400G",
        "host_delay": "15ns",
        "fabric_delay": "150ns",
    },
    "switches": {
        "leaf": {
            "base": "tomahawk4",
            "buffer": "4MB",
            "pfc": {"headroom": "150KB", "headroom_pool": None, "alpha": 0.0625},
            "ecn": {"by_rate": {"400G": {"kmin": "50KB", "kmax": "200KB", "pmax": 0.2}}},
        }
    },
    "nic": "connectx7",
}
EXPERIMENT = {
    "kind": "experiment",
    "name": "spread",
    "topology": "small.yaml",
    "workload": {"trace": {"file": "flows.csv", "format": "flows"}},
    "designs": ["l3"],
    "transport": {"cc": "dcqcn"},
    "seeds": [1],
    "record": {"level": "everything", "sample_interval": "10us", "inband_every": 100},
    "faults": [{"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.001, "at": "50us"}],
}


def write_flows(folder: Path, flows: Iterable[tuple[int, int, int, int]]) -> None:
    """A transfer per flow: microseconds, sender, receiver, bytes."""
    rows = [f"{at},h{a}.0,h{b}.0,{size},{i},write" for i, (at, a, b, size) in enumerate(flows)]
    head = "start_us,src,dst,bytes,transfer,verb"
    (folder / "flows.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def write_experiment(folder: Path, **more: object) -> Path:
    """The experiment's files in a folder."""
    pairs = [(0, 4), (1, 4), (5, 4), (6, 4), (2, 7), (3, 7)]
    write_flows(folder, [(min(i, 3), src, dst, 3_000_000) for i, (src, dst) in enumerate(pairs)])
    (folder / "small.yaml").write_text(yaml.safe_dump(TOPOLOGY), encoding="utf-8")
    path = folder / "spread.yaml"
    path.write_text(yaml.safe_dump({**EXPERIMENT, **more}), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def spread(tmp_path_factory: pytest.TempPathFactory) -> ExperimentSpec:
    """The experiment."""
    return load_experiment(write_experiment(tmp_path_factory.mktemp("spread")))


@pytest.fixture(scope="session")
def recorded(spread: ExperimentSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its run directory; beside it, `stream.ndjson` of the same run."""
    out = tmp_path_factory.mktemp("recorded")
    (directory,) = run_experiment(spread, out, stream=out / "stream.ndjson")
    return directory
