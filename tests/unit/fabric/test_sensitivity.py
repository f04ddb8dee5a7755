# SPDX-License-Identifier: Apache-2.0
"""A run rests on an assumed time exactly when another value of it gives another plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emu.fabric import build_fabric
from emu.fabric.sensitivity import moving_timers
from emu.spec import load_experiment
from emu.spec.design import design_keys
from emu.spec.timers import TimersSpec

S_PS = 10**12
LONG_PS = 86_400 * S_PS
FAULTS: dict[str, dict[str, Any]] = {
    "uplink": {"kind": "link-down", "link": "leaf0-spine0[0]", "at": "1ms"},
    "bundle": {"kind": "link-down", "link": "leaf0-spine0", "at": "1ms", "for": "60s"},
    "access": {"kind": "link-down", "link": "h0.0-leaf0", "at": "1ms", "for": "60s"},
    "leaf": {"kind": "switch-down", "switch": "leaf0", "at": "1ms", "for": "60s"},
    "silent": {"kind": "silent-host", "host": "h31", "at": "1ms"},
}


def moving(
    folder: Path,
    repository: Path,
    design: str,
    fault: str | None,
    until_ps: int = LONG_PS,
    timers: dict[str, str] | None = None,
    topology: str = "leaf-spine-32x400G-dual",
) -> frozenset[str]:
    path = folder / "experiment.yaml"
    experiment = {
        "kind": "experiment",
        "name": "x",
        "topology": str(repository / "topologies" / f"{topology}.yaml"),
        "workload": {"trace": {"file": str(repository / "traces" / "mooncake-sample.jsonl")}},
        "designs": [design],
        "timers": timers or {},
        "faults": [FAULTS[fault]] if fault else [],
    }
    path.write_text(yaml.safe_dump(experiment))
    (variant,) = load_experiment(path).variants()
    return moving_timers(build_fabric(variant.spec.topology), variant.spec, 1, until_ps)


@pytest.mark.parametrize(
    ("design", "timer"),
    [
        ("l3", "bgp_local_repair"),
        ("l3-host", "bgp_local_repair"),
        ("evpn/l2vni", "bgp_local_repair"),
        ("stretched-l2/rstp", "lacp_member"),
        ("stretched-l2/mlag", "lacp_member"),
    ],
)
def test_one_of_parallel_links_is_repaired_where_it_ends(
    tmp_path: Path, repository: Path, design: str, timer: str
) -> None:
    assert moving(tmp_path, repository, design, "uplink", S_PS) == {"loss_of_signal", timer}


def test_without_a_fault_nothing_assumed_moves_a_routed_run(
    tmp_path: Path, repository: Path
) -> None:
    for design in ("l3", "l3-host", "evpn/l3vni"):
        assert moving(tmp_path, repository, design, None) == frozenset()


def test_what_would_happen_after_the_end_moves_nothing(tmp_path: Path, repository: Path) -> None:
    assert moving(tmp_path, repository, "l3", "uplink", until_ps=10**9) == frozenset()


def test_bfd_brings_its_interval(tmp_path: Path, repository: Path) -> None:
    found = moving(tmp_path, repository, "l3", "uplink", timers={"detection": "bfd"})
    assert found == {"bfd_interval", "bgp_local_repair"}


def test_every_timer_moves_something(tmp_path: Path, repository: Path) -> None:
    """A time that no mechanism heeds would be a knob that lies."""
    found: set[str] = set()
    for design in design_keys():
        for fault in FAULTS:
            for detection in ("los", "bfd"):
                found |= moving(
                    tmp_path, repository, design, fault, timers={"detection": detection}
                )
    single = "leaf-spine-32x400G"
    found |= moving(tmp_path, repository, "evpn/l2vni", "silent", topology=single)
    # How often a host broadcasts ARP is load, not forwarding.
    assert found == set(TimersSpec.names()) - {"arp_refresh"}
