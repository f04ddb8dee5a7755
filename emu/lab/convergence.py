# SPDX-License-Identifier: Apache-2.0
"""How long real control planes take to repair a fabric, in wall time, over many failures.

Links fail in two ways: ``carrier`` sets one down, so both ends know at once; ``silent`` drops
everything on a link whose carrier stays, as a broken linecard does, and only a protocol's own
keepalives can tell. Routes of hosts are withdrawn in two ways, see ``convergence_segment``. The
result is a profile whose ``timers`` an experiment can take.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from emu.errors import RunError
from emu.lab.convergence_cases import CASES, FAILURES_MIN, Case, Outcome
from emu.lab.convergence_segment import withdrawn_segments
from emu.lab.kernel_events import kernel_events
from emu.lab.launch import run
from emu.lab.namespaces import enter
from emu.lab.probes import ProbeStream
from emu.lab.reach import wait_until_reachable
from emu.lab.whole import wait_until_whole

if TYPE_CHECKING:
    from emu.lab.lab import Lab, Tell
    from emu.spec.topology import TopologySpec

REPAIR_MAX_S = 60.0
QUIET_S = 0.5
"""All streams flow again for so long: the repair is over."""


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
            outcome = _MEASURES.get(case.fault, _outages)(lab, case, failures)
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
    gone = [
        moment
        for moment, line in kernel_events(text)
        if line.startswith("Deleted") and f"dst {vtep} " in f"{line} "
    ]
    if not gone:
        raise RunError("bridge monitor did not see the MACs of a lost leaf go")
    return gone[-1]


_MEASURES: dict[str, Callable[[Lab, Case, int], Outcome]] = {
    "leaf": _withdrawals,
    "segment": withdrawn_segments,
    "macs": withdrawn_segments,
}
"""By kind of failure; the others break links under a stream of probes."""
