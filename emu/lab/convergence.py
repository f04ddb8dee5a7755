# SPDX-License-Identifier: Apache-2.0
"""How long real control planes take to repair a fabric, in wall time, over many failures.

Two kinds of failure: ``carrier`` sets a link down, so both ends know at once; ``silent`` drops
everything on a link whose carrier stays, as a broken linecard does, and only a protocol's own
keepalives can tell. The result is a profile whose ``timers`` an experiment can take.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emu.errors import RunError
from emu.lab.launch import run
from emu.lab.namespaces import enter
from emu.lab.probes import ProbeStream
from emu.lab.reach import wait_until_reachable
from emu.lab.whole import wait_until_whole

if TYPE_CHECKING:
    from emu.lab.lab import Lab, Tell
    from emu.spec.topology import TopologySpec

FAILURES_MIN = 20
"""Fewer say little about a distribution; the profile then says so."""
REPAIR_MAX_S = 60.0
QUIET_S = 0.5
"""All streams flow again for so long: the repair is over."""


@dataclass(frozen=True)
class Case:
    """One control plane and one kind of failure."""

    name: str
    title: str
    design: str
    control: str
    fault: str
    """``carrier``, ``silent`` or ``leaf`` (all uplinks of a leaf)."""
    near: bool
    """The link is at the sender's leaf, rather than at the receiver's."""
    timer: str = ""
    """The simulator's timer that the median stands for."""
    options: tuple[tuple[str, str], ...] = ()


CASES = (
    Case("bgp-local", "FRR BGP, link of the own leaf down", "l3", "frr", "carrier", True,
         "bgp_local_repair"),
    Case("bgp-remote", "FRR BGP, link of the far leaf down", "l3", "frr", "carrier", False,
         "bgp_remote_withdraw_per_hop"),
    Case("bgp-bfd-silent", "FRR BGP with BFD, link of the far leaf silent", "l3", "frr", "silent",
         False, "", (("bfd", "on"),)),
    Case("bgp-hold-silent", "FRR BGP without BFD, link of the far leaf silent", "l3", "frr",
         "silent", False),
    Case("rstp", "Open vSwitch RSTP, link of the tree down", "stretched-l2/rstp", "ovs",
         "carrier", True, "rstp_local"),
    Case("evpn-mass-withdraw", "FRR EVPN, all MACs of a lost leaf withdrawn", "evpn/l2vni",
         "frr", "leaf", False, "esi_mass_withdraw"),
    Case("controller-remote", "OpenFlow controller, link of the far leaf down", "l3",
         "controller", "carrier", False),
)  # fmt: skip


REFUSED = {
    "evpn-esi": (
        "FRR 8.4 ties an EVPN Ethernet segment to a bond (`evpn mh es-id` on any other interface: "
        '"ESI cannot be associated with this interface type") in a VLAN-aware bridge; the '
        "kernels that the lab is made for have neither bonding nor bridge VLAN filtering"
    )
}
"""Cases that somebody may look for, and why the lab does not measure them."""


@dataclass(frozen=True)
class Outcome:
    """The outages of one case, and what the probes show without any failure."""

    case: Case
    outages_ms: tuple[float, ...]
    noise_ms: float

    def describe(self) -> dict[str, Any]:
        """As it stands in a profile."""
        values = sorted(self.outages_ms)
        return {
            "title": self.case.title,
            "design": self.case.design,
            "control": self.case.control,
            "failure": self.case.fault,
            **({"options": dict(self.case.options)} if self.case.options else {}),
            "failures": len(values),
            "noise_ms": round(self.noise_ms, 2),
            "min_ms": round(values[0], 2),
            "median_ms": round(statistics.median(values), 2),
            "p95_ms": round(values[min(len(values) - 1, round(0.95 * (len(values) - 1)))], 2),
            "max_ms": round(values[-1], 2),
            "outages_ms": [round(value, 2) for value in self.outages_ms],
        }


def measure(
    topology: TopologySpec,
    failures: int = FAILURES_MIN,
    names: Sequence[str] = (),
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """Build each case's lab, break it ``failures`` times, and return the profile."""
    from emu.lab.lab import Lab

    outcomes = []
    for case in CASES:
        if names and case.name not in names:
            continue
        tell(f"{case.name}: {case.title}")
        lab = Lab.up(topology, case.design, case.control, options=dict(case.options))
        try:
            outcome = _withdrawals(lab, case, failures) if case.fault == "leaf" else _outages(
                lab, case, failures
            )  # fmt: skip
        finally:
            lab.down()
        outcomes.append(outcome)
        facts = outcome.describe()
        tell(
            f"{case.name}: median {facts['median_ms']:g} ms, {facts['min_ms']:g} to "
            f"{facts['max_ms']:g} ms over {failures} failures"
        )
    return profile(outcomes)


def profile(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What is written: each case, and the timers that the simulator can take."""
    timers = {
        outcome.case.timer: f"{statistics.median(outcome.outages_ms):.2f}ms"
        for outcome in outcomes
        if outcome.case.timer
    }
    return {
        "kind": "convergence-profile",
        "cases": {outcome.case.name: outcome.describe() for outcome in outcomes},
        "timers": timers,
    }


def _outages(lab: Lab, case: Case, failures: int) -> Outcome:
    """Probes from the first leaf to the last; links to the spines fail in turn."""
    source, target = lab.plan.hosts[0].name, lab.plan.hosts[-1].name
    leaf = lab.plan.leaves[0 if case.near else -1]
    uplinks = [
        lab.plan.fabric.links[lab.plan.fabric.ports[port.id].link].name
        for port in lab.plan.fabric_ports(leaf)
    ]
    with ProbeStream(lab, source, target) as stream:
        time.sleep(2)
        noise = stream.outage_s(0.0)
        outages: list[float] = []
        attempts = 0
        while len(outages) < failures:
            if attempts >= 4 * failures:
                raise RunError(f"{case.name}: links fail and no probe is lost")
            link = uplinks[attempts % len(uplinks)]
            attempts += 1
            outage = _one_failure(lab, case, stream, link)
            # A link that carried no probe, such as one outside of the tree, tells nothing.
            if outage > 0 or case.design != "stretched-l2/rstp":
                outages.append(outage * 1000)
    return Outcome(case, tuple(outages), noise * 1000)


def _one_failure(lab: Lab, case: Case, stream: ProbeStream, link: str) -> float:
    stream.forget()
    time.sleep(0.2)
    began = time.monotonic()
    _break(lab, case, link, broken=True)
    _wait_for_flow(stream, began, case.name)
    outage = stream.outage_s(began)
    _break(lab, case, link, broken=False)
    wait_until_reachable(lab)
    wait_until_whole(lab)
    return outage


def _wait_for_flow(stream: ProbeStream, began: float, name: str) -> None:
    """Until no stream has been silent for a while."""
    calm_since = None
    while True:
        now = time.monotonic()
        if now - began > REPAIR_MAX_S:
            raise RunError(f"{name}: no repair within {REPAIR_MAX_S:g} s")
        if stream.silence_s(began) > 0.1:
            calm_since = None
        elif calm_since is None:
            calm_since = now
        elif now - calm_since > QUIET_S:
            return
        time.sleep(0.02)


def _break(lab: Lab, case: Case, link: str, *, broken: bool) -> None:
    if case.fault == "carrier":
        lab.set_link(link, up=not broken)
        return
    fabric_link = lab.plan.fabric.link(link)
    for port in (lab.plan.ports[fabric_link.a], lab.plan.ports[fabric_link.b]):
        space = lab.paths.namespace(port.namespace)
        hook = f'type filter hook ingress device "{port.interface}" priority -10;'
        # One namespace may hold both ends.
        table = f"table netdev cut{port.id}"
        cut = f"{table} {{\nchain in0 {{ {hook} drop; }}\n}}\n"
        text = cut if broken else f"delete {table}\n"
        run(enter(space, ["nft", "-f", "-"]), text=text)


def _withdrawals(lab: Lab, case: Case, failures: int) -> Outcome:
    """All uplinks of the last leaf go at once; until the first leaf has none of its MACs."""
    first, last = lab.plan.leaves[0], lab.plan.leaves[-1]
    space = lab.paths.namespace(first.namespace)
    uplinks = [port.interface for port in lab.plan.fabric_ports(last)]
    far = lab.paths.namespace(last.namespace)
    times = []
    for _ in range(failures):
        watcher = lab.launcher.popen(
            "probe-fdb", enter(space, ["bridge", "-timestamp", "monitor", "fdb"]),
            stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.3)
        began = time.time()
        batch = "".join(f"link set {name} down\n" for name in uplinks)
        run(["ip", "-n", far, "-batch", "-"], text=batch)
        deadline = time.monotonic() + REPAIR_MAX_S
        while f"dst {last.loopback}" in _fdb(space):
            if time.monotonic() > deadline:
                raise RunError("the MACs of a lost leaf stay")
            time.sleep(0.02)
        time.sleep(0.2)
        watcher.terminate()
        out = watcher.communicate(timeout=20)[0]
        times.append((_last_removal(out, last.loopback) - began) * 1000)
        batch = batch.replace(" down", " up")
        run(["ip", "-n", far, "-batch", "-"], text=batch)
        wait_until_reachable(lab)
        wait_until_whole(lab)
    return Outcome(case, tuple(times), 0.0)


def _fdb(space: str) -> str:
    return run(enter(space, ["bridge", "fdb", "show"]))


def _last_removal(text: str, vtep: str) -> float:
    """Wall time at which the last entry towards a VTEP went, from `bridge monitor`.

    >>> stamp = "Timestamp: Thu Jan  1 00:00:01 1970 250000 usec"
    >>> line = "Deleted 02:e1:00:00:00:06 dev vxlan10 dst 198.19.0.2 self"
    >>> round(_last_removal(f"{stamp}\\n{line}\\n", "198.19.0.2") % 1, 2)
    0.25
    """
    last = moment = 0.0
    for line in text.splitlines():
        stamp = re.match(r"Timestamp: (.+) (\d+) usec", line)
        if stamp:
            moment = time.mktime(time.strptime(stamp[1])) + int(stamp[2]) / 1e6
        elif line.startswith("Deleted") and f"dst {vtep} " in f"{line} ":
            last = moment
    if last == 0.0:
        raise RunError("bridge monitor did not see the MACs of a lost leaf go")
    return last
