# SPDX-License-Identifier: Apache-2.0
"""A small fabric, and experiments that differ in their workload only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.fabric import build_fabric
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec, load_topology
from emu.workload import Workload, build_workload

Make = Callable[..., Workload]


@pytest.fixture(scope="session")
def fabric() -> Fabric:
    """16 single-NIC hosts: 0 to 7 prefill, 8 to 15 decode."""
    return build_fabric(load_topology("leaf-spine-16x400G"))


@pytest.fixture(scope="session")
def rail_fabric() -> Fabric:
    """16 hosts of 8 NICs: 0 to 7 prefill, 8 to 15 decode."""
    return build_fabric(load_topology("rail-16x8x400G"))


@pytest.fixture(scope="session")
def sample(repository: Path) -> Path:
    """The Mooncake sample."""
    return repository / "traces" / "mooncake-sample.jsonl"


@pytest.fixture(scope="session")
def make_spec(sample: Path) -> Callable[..., ExperimentSpec]:
    """An experiment from keys of ``workload``."""

    def make(topology: str = "leaf-spine-16x400G", **workload: Any) -> ExperimentSpec:
        trace = {"file": str(sample), "limit": 60, **workload.pop("trace", {})}
        base: dict[str, Any] = {
            "trace": trace,
            "model": "deepseek-v3",
            "parallelism": {"prefill_tp": 2, "decode_tp": 2},
            "load": {"fraction": 0.5, "method": "compress"},
        }
        return ExperimentSpec.model_validate(
            {
                "kind": "experiment",
                "name": "test",
                "topology": topology,
                "workload": {**base, **workload},
                "designs": ["l3"],
            }
        )

    return make


@pytest.fixture(scope="session")
def make(make_spec: Callable[..., ExperimentSpec], fabric: Fabric) -> Make:
    """A workload on the small fabric from keys of ``workload``."""

    def build(seed: int = 1, **workload: Any) -> Workload:
        return build_workload(make_spec(**workload), fabric, seed)

    return build
