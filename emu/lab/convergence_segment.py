# SPDX-License-Identifier: Apache-2.0
"""How long until a leaf sends nothing more to another leaf that has lost its hosts.

Two leaves have the same hosts; when one loses its link to them it withdraws what it announced,
and all others have to send to its partner alone. With an Ethernet segment (``segment``) that is
one route and, in zebra and the kernel, one nexthop group for all MACs. Without (``macs``) it is
a route and a forwarding entry per MAC.

The two leaves are stood in for by ``evpn_speaker``, each in a namespace of its own and with a
session to every spine; the leaf that is watched, the spines and their kernels are the lab's. Time
runs from the first byte of the withdrawal to the kernel's last change, as the kernel tells it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from emu.errors import RunError
from emu.lab.convergence_cases import Case, Outcome
from emu.lab.designs.evpn_frr import VNI
from emu.lab.designs.routers import AS_FIRST_LEAF, FABRIC, asn, router
from emu.lab.evpn_speaker import Segment, Speaker
from emu.lab.kernel_events import kernel_events
from emu.lab.launch import run
from emu.lab.namespaces import enter, ip_batch, socket_in

if TYPE_CHECKING:
    from emu.lab.lab import Lab
    from emu.lab.plan import LabNode

STAND_INS = 2
FIRST_LINK = IPv4Address("198.19.64.0")
"""Of the links of the stand-ins, four addresses each."""
FIRST_VTEP = IPv4Address("198.19.65.0")
ESI = bytes.fromhex("02e100000000000001")
NO_ESI = bytes(9)
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Pair:
    """The two leaves that share hosts, and the one that is watched."""

    speakers: tuple[Speaker, ...]
    segment: Segment
    watched: str
    """Namespace of the leaf that sends to them."""

    @property
    def lost(self) -> str:
        """VTEP of the leaf that loses its hosts."""
        return self.speakers[0].vtep

    @property
    def kept(self) -> str:
        """VTEP of its partner."""
        return self.speakers[1].vtep


def withdrawn_segments(lab: Lab, case: Case, failures: int) -> Outcome:
    """Withdraw, wait until nothing goes to that leaf, announce again; so many times."""
    macs = tuple(f"02:e4:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(case.macs))
    segment = Segment(ESI if case.fault == "segment" else NO_ESI, VNI, macs)
    with standing_pair(lab, segment) as pair:
        vtep = pair.lost
        lost = segment.per_segment(vtep) if case.fault == "segment" else segment.mac_routes(vtep)
        times = [_one_failure(lab, pair, lost) * 1000 for _ in range(failures)]
    return Outcome(case, tuple(times), 0.0)


@contextmanager
def standing_pair(lab: Lab, segment: Segment) -> Iterator[Pair]:
    """Two leaves that announce a segment, at the lab's spines; the first leaf of the lab has
    taken it up when this begins."""
    speakers = tuple(_stand_in(lab, number) for number in range(STAND_INS))
    pair = Pair(speakers, segment, lab.paths.namespace(lab.plan.leaves[0].namespace))
    try:
        for number, speaker in enumerate(speakers):
            _connect(lab, speaker, number)
            announce(pair, speaker)
        wait_until_announced(pair)
        yield pair
    finally:
        for speaker in speakers:
            speaker.close()


def announce(pair: Pair, speaker: Speaker) -> None:
    """All that one leaf says of the segment."""
    if pair.segment.esi != NO_ESI:
        speaker.announce(pair.segment.per_segment(speaker.vtep), VNI, segment=True)
        speaker.announce(pair.segment.per_instance(speaker.vtep), VNI)
    speaker.announce(pair.segment.mac_routes(speaker.vtep), VNI)


def wait_until_announced(pair: Pair) -> None:
    """Until the watched leaf sends to both leaves of the segment, or without one to the first.

    Of two MAC routes that are alike bgpd takes the one with the lower VTEP.
    """
    both = {pair.lost, pair.kept} if pair.segment.esi != NO_ESI else {pair.lost}
    wait_until_forwarding(pair, both, "does not take up the routes of its stand-ins")


def vteps_by_mac(pair: Pair) -> dict[str, set[str]]:
    """Where the kernel of the watched leaf may send what is for each MAC of the segment."""
    forwarding = json.loads(run(["bridge", "-n", pair.watched, "-j", "fdb", "show"]))
    hops = {hop["id"]: hop for hop in _nexthops(pair)}
    ways: dict[str, set[str]] = {mac: set() for mac in pair.segment.macs}
    for entry in forwarding:
        own = ways.get(entry["mac"])
        if own is None:
            continue
        if "dst" in entry:
            own.add(entry["dst"])
        elif "nhid" in entry:
            hop = hops.get(entry["nhid"], {})
            members = [hops.get(member["id"], {}) for member in hop.get("group", [])] or [hop]
            own |= {member["gateway"] for member in members if "gateway" in member}
    return ways


def _nexthops(pair: Pair) -> list[Any]:
    return list(json.loads(run(["ip", "-n", pair.watched, "-j", "nexthop", "show"]) or "[]"))


def wait_until_forwarding(pair: Pair, vteps: set[str], complaint: str) -> None:
    """Until what is for any of the MACs goes to just these VTEPs.

    Raises
    ------
    RunError
        When that does not happen; says what the watched leaf then does.
    """
    deadline = time.monotonic() + PATIENCE_S
    while any(found != vteps for found in vteps_by_mac(pair).values()):
        if time.monotonic() > deadline:
            raise RunError(f"{pair.watched} {complaint}")
        time.sleep(0.05)


def _one_failure(lab: Lab, pair: Pair, lost: Sequence[Any]) -> float:
    """Seconds from the withdrawal of some routes to the kernel's last change."""
    watchers = [
        lab.launcher.popen(
            f"probe-{what}", enter(pair.watched, [tool, "-timestamp", "monitor", what]),
            stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )
        for tool, what in (("bridge", "fdb"), ("ip", "nexthop"))
    ]  # fmt: skip
    time.sleep(0.3)
    began = pair.speakers[0].withdraw(lost)
    wait_until_forwarding(
        pair, {pair.kept}, "goes on sending to a leaf that has withdrawn its routes"
    )
    time.sleep(0.2)
    told = []
    for watcher in watchers:
        watcher.terminate()
        told += kernel_events(watcher.communicate(timeout=20)[0])
    ended = _last_change(told, frozenset(pair.segment.macs))
    announce(pair, pair.speakers[0])
    wait_until_announced(pair)
    return ended - began


def _last_change(told: Sequence[tuple[float, str]], macs: frozenset[str]) -> float:
    """Wall time of the last change of a MAC's entry or of a nexthop group.

    >>> told = [(1.0, "02:e4:00:00:00:00 dev vxlan10 dst 198.19.65.1 self"),
    ...         (2.0, "id 536870913 group 268435459 fdb"), (3.0, "id 268435459 via 198.19.65.1")]
    >>> _last_change(told, frozenset({"02:e4:00:00:00:00"}))
    2.0
    """
    moments = [
        moment
        for moment, line in told
        if line.removeprefix("Deleted ").split()[0] in macs or " group " in line
    ]
    if not moments:
        raise RunError("the kernel told of no change when a leaf withdrew its routes")
    return max(moments)


def _stand_in(lab: Lab, number: int) -> Speaker:
    """A namespace that is cabled to every spine, and what will speak in it."""
    name, vtep = f"esi{number}", str(FIRST_VTEP + number)
    full = lab.make_namespace(name)
    ip_batch(full, [f"address add {vtep}/32 dev lo"])
    for index, spine in enumerate(_spines(lab)):
        here, there = _addresses(lab, number, index)
        mac = f"02:e5:00:00:{number:02x}:{index:02x}"
        ends = (name, f"eth{index}", mac), (spine.namespace, f"esi{number}", "02:e6" + mac[5:])
        lab.make_cable(ends, lab.plan.fabric_mtu)
        ip_batch(full, [f"address add {here}/30 dev eth{index}", f"link set eth{index} up"])
        ip_batch(
            lab.paths.namespace(spine.namespace),
            [f"address add {there}/30 dev esi{number}", f"link set esi{number} up"],
        )
    return Speaker(AS_FIRST_LEAF + len(lab.plan.leaves) + number, vtep)


def _connect(lab: Lab, speaker: Speaker, number: int) -> None:
    """Sessions with all spines."""
    sessions, own = [], []
    for index, spine in enumerate(_spines(lab)):
        here, there = _addresses(lab, number, index)
        router(lab, spine).vtysh(
            "configure terminal", f"router bgp {asn(lab, spine)}",
            f"neighbor {here} peer-group {FABRIC}",
        )  # fmt: skip
        stream = socket_in(lab.paths.namespace(f"esi{number}"), socket.AF_INET, socket.SOCK_STREAM)
        stream.bind((here, 0))
        sessions.append((stream, there))
        own.append(here)
    speaker.connect(sessions, PATIENCE_S)
    speaker.announce_vtep(own)


def _addresses(lab: Lab, number: int, spine: int) -> tuple[str, str]:
    """Of a link: the stand-in's address and the spine's."""
    first = FIRST_LINK + 4 * (number * len(_spines(lab)) + spine)
    return str(first + 1), str(first + 2)


def _spines(lab: Lab) -> list[LabNode]:
    """Switches above the leaves that a leaf is cabled to."""
    leaf = lab.plan.leaves[0]
    names = [lab.plan.peer(port).node for port in lab.plan.fabric_ports(leaf)]
    return [lab.plan.by_name[name] for name in dict.fromkeys(names)]
