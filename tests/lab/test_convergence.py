# SPDX-License-Identifier: Apache-2.0
"""Measured repair times: a few failures here, twenty and more for a profile."""

from __future__ import annotations

from pathlib import Path

from emu.lab.convergence import measure
from emu.spec import load_topology
from emu.spec.timers import TimersSpec
from emu.units import parse_time


def test_a_profile_has_outages_and_timers_that_the_simulator_takes(repository: Path) -> None:
    topology = load_topology(repository / "topologies" / "lab-2x2x4.yaml")
    names = ["bgp-remote", "bgp-bfd-silent", "evpn-mass-withdraw"]
    profile = measure(topology, failures=2, names=names)
    assert list(profile["cases"]) == names
    for facts in profile["cases"].values():
        assert facts["failures"] == len(facts["outages_ms"]) == 2
        assert 0 <= facts["min_ms"] <= facts["median_ms"] <= facts["p95_ms"] <= facts["max_ms"]
    # Three intervals of 100 ms have to be missed before BFD says so.
    assert profile["cases"]["bgp-bfd-silent"]["min_ms"] >= 200
    timers = TimersSpec.model_validate(profile["timers"])
    measured = parse_time(profile["timers"]["bgp_remote_withdraw_per_hop"])
    assert timers.bgp_remote_withdraw_per_hop == measured > 0
