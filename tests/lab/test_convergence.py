# SPDX-License-Identifier: Apache-2.0
"""Measured repair times: a few failures here, twenty and more for a profile."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emu.lab.convergence import measure
from emu.lab.convergence_segment import (
    ESI,
    VNI,
    Segment,
    standing_pair,
    vteps_by_mac,
    wait_until_forwarding,
)
from emu.lab.namespaces import socket_in
from emu.spec import load_topology
from emu.spec.timers import TimersSpec
from emu.units import parse_time


def test_a_profile_has_outages_and_timers_that_the_simulator_takes(repository: Path) -> None:
    topology = load_topology(repository / "topologies" / "lab-2x2x4.yaml")
    names = ["bgp-remote", "bgp-bfd-silent", "evpn-leaf-lost", "evpn-mass-withdraw"]
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
    assert timers.esi_mass_withdraw > 0


MACS = tuple(f"02:e4:00:00:00:{number:02x}" for number in range(20))


def test_one_route_takes_a_leaf_out_of_a_segment_and_one_nexthop_group_moves_all_macs(
    start_lab: Callable[..., Any],
) -> None:
    lab = start_lab("evpn/l2vni", "frr")
    with standing_pair(lab, Segment(ESI, VNI, MACS)) as pair:
        assert all(ways == {pair.lost, pair.kept} for ways in vteps_by_mac(pair).values())
        assert sum(_arrivals(lab, pair).values()) == len(MACS)
        before = _entries(lab)
        pair.speakers[0].withdraw(pair.segment.per_segment(pair.lost))
        wait_until_forwarding(pair, {pair.kept}, "keeps a withdrawn leaf")
        # Not one entry of the table has changed: they name the group, and the group has.
        assert _entries(lab) == before
        assert set(before) == set(MACS)
        assert len(set(before.values())) == 1
        assert _arrivals(lab, pair) == {pair.lost: 0, pair.kept: len(MACS)}


def _entries(lab: Any) -> dict[str, str]:
    """Nexthop group of each MAC in the first leaf's VXLAN device."""
    text = lab.node(lab.plan.leaves[0].name).cmd("bridge fdb show dev", f"vxlan{VNI}")
    return dict(re.findall(r"^(02:e4:\S+) .*nhid (\d+)", text, re.MULTILINE))


def _arrivals(lab: Any, pair: Any) -> dict[str, int]:
    """What each stand-in gets of one frame from the first host to every MAC."""
    port = lab.plan.ports_of(lab.plan.hosts[0])[0]
    takers = {}
    for number, speaker in enumerate(pair.speakers):
        taker = socket_in(lab.paths.namespace(f"esi{number}"), socket.AF_INET, socket.SOCK_DGRAM)
        taker.bind((speaker.vtep, 4789))
        taker.setblocking(False)
        takers[speaker.vtep] = taker
    with socket_in(lab.paths.namespace(port.namespace), socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((port.interface, 0))
        for mac in MACS:
            # An EtherType for experiments (IEEE 802): nobody answers, everybody forwards.
            head = bytes.fromhex((mac + port.mac).replace(":", "")) + b"\x88\xb5"
            raw.send(head.ljust(60, b"\0"))
    time.sleep(0.5)
    counts = {}
    for vtep, taker in takers.items():
        with taker:
            counts[vtep] = _count(taker)
    return counts


def _count(taker: socket.socket) -> int:
    """Waiting VXLAN packets whose inner frame is for one of the MACs."""
    wanted = {bytes.fromhex(mac.replace(":", "")) for mac in MACS}
    count = 0
    while True:
        try:
            count += taker.recv(2048)[8:14] in wanted
        except BlockingIOError:
            return count
