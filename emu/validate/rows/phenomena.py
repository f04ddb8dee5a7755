# SPDX-License-Identifier: Apache-2.0
"""Known phenomena: they appear without being asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emu.fabric.dependency import deadlock_circles
from emu.sim.timeline import engine_events
from emu.validate.lab import Done, load, runs
from emu.validate.row import Check, Result, Row, at_least

PART = "Known phenomena"


def _by_case(folder: Path, name: str) -> dict[str, Done]:
    return {done.variant.labels["case"]: done for done in runs(load(folder, name))}


def _took_us(done: Done, flow: int) -> float:
    row = done.flows[done.flows["flow_id"] == flow].iloc[0]
    return float(row["end_ps"] - row["post_ps"]) / 1e6


def victim(folder: Path) -> Result:
    """A flow to an idle host waits behind an incast that it shares nothing but a link with."""
    cases = _by_case(folder, "victim.yaml")
    times = {name: _took_us(done, 0) for name, done in cases.items()}
    return Result(
        [
            at_least("slowdown of the victim under PFC alone", 2.0,
                     times["pfc"] / times["alone"]),
            Check("lost packets", 0, cases["pfc"].counters["dropped_packets"], 0.0, True),
        ],
        notes=[
            f"The victim takes {times['alone']:.0f} us alone and {times['pfc']:.0f} us beside an "
            "incast to another host: its packets stand behind paused ones."
        ],
    )  # fmt: skip


def spreading(folder: Path) -> Result:
    """One host that pauses for ever stops hosts that never spoke to it."""
    (done,) = runs(load(folder, "congestion-tree.yaml"))
    fabric = done.scenario.fabric
    paused = done.engine.queues()["pfc_rx_frames"].reshape(-1, 8)[:, 3]
    tiers: dict[int, int] = {}
    for port in fabric.ports:
        if paused[done.ports.to_engine[port.id]]:
            tier = fabric.nodes[port.node].tier
            tiers[tier] = tiers.get(tier, 0) + 1
    return Result(
        [
            at_least("leaf ports that were paused", 2, tiers.get(1, 0)),
            at_least("spine ports that were paused", 1, tiers.get(2, 0)),
            at_least("hosts that were paused", 3, tiers.get(0, 0)),
            Check("lost packets", 0, done.counters["dropped_packets"], 0.0, True),
        ]
    )


def parking_lot(folder: Path) -> Result:
    """A port shares by ingress, not by flow: who comes alone gets as much as three together."""
    (done,) = runs(load(folder, "parking-lot.yaml"))
    sent = done.flows["packets"].to_numpy(np.float64)
    return Result(
        [Check("near flow over a far one, from 3 that share an uplink", 3.0,
               float(sent[0] / sent[1:].mean()), 0.1)]
    )  # fmt: skip


def collapse(folder: Path) -> Result:
    """Go-back-N without PFC: an incast loses, and waits for timeouts."""
    cases = _by_case(folder, "incast-collapse.yaml")
    ends = {name: float(done.flows["end_ps"].max()) / 1e6 for name, done in cases.items()}
    return Result(
        [
            Check("lost packets with PFC", 0, cases["pfc"].counters["dropped_packets"], 0.0, True),
            at_least("lost packets without PFC", 1, cases["no pfc"].counters["dropped_packets"]),
            at_least("completion without PFC over with", 2.0, ends["no pfc"] / ends["pfc"]),
        ],
        notes=[f"The last of 16 messages is there after {ends['pfc']:.0f} us with PFC and after "
               f"{ends['no pfc']:.0f} us without."],
    )  # fmt: skip


def polarisation(folder: Path) -> Result:
    """The same hash at two tiers: the second choice repeats the first."""
    cases = _by_case(folder, "polarisation.yaml")
    used = {}
    for name, done in cases.items():
        fabric = done.scenario.fabric
        sent = done.engine.queues()["tx_payload_bytes"].reshape(-1, 8)[:, 3]
        ups = [p for p in fabric.ports
               if fabric.nodes[p.node].tier == 2 and fabric.nodes[fabric.peer_node(p.id)].tier == 3
               and fabric.nodes[p.node].pod == 0]  # fmt: skip
        used[name] = sum(sent[done.ports.to_engine[p.id]] > 0 for p in ups) / len(ups)
    return Result(
        [
            Check("share of spine uplinks in use, a seed per switch", 1.0, used["own seeds"], 0.0,
                  True),
            Check("share of spine uplinks in use, one seed", 0.5, used["one seed"], 0.0, True),
        ]
    )  # fmt: skip


def _deadlocks(done: Done) -> int:
    events = engine_events(done.engine, done.scenario.fabric, done.ports)
    return sum(event["kind"] == "pfc-deadlock" for event in events)


def deadlock(folder: Path) -> Result:
    """Two paths that go up twice lock up for good; up-down paths and the watchdog do not."""
    cases = _by_case(folder, "deadlock.yaml")
    found = {name: _deadlocks(done) for name, done in cases.items()}
    predicted = {
        name: len(deadlock_circles(done.scenario.fabric, done.scenario.plan))
        for name, done in cases.items()
    }
    ended = {name: int((done.flows["end_ps"] >= 0).sum()) for name, done in cases.items()}
    flows = len(cases["bounce"].flows)
    storms = cases["watchdog"].engine.queues()["pfc_wd_detected"].sum()
    restored = cases["watchdog"].engine.queues()["pfc_wd_restored"].sum()
    return Result(
        [
            Check("circles that the static check finds, up-down", 0, predicted["up-down"], 0, True),
            Check("deadlocks, up-down", 0, found["up-down"], 0, True),
            Check("circles that the static check finds, bounce", 1, predicted["bounce"], 0, True),
            at_least("deadlocks, bounce", 1, found["bounce"]),
            Check("transfers that end after the routes are mended", 0, ended["bounce"], 0, True),
            Check("lost packets, bounce", 0, cases["bounce"].counters["dropped_packets"], 0, True),
            at_least("queues that the watchdog freed", 4, storms),
            Check("of those, restored", storms, restored, 0, True),
            Check("transfers that end with the watchdog", flows, ended["watchdog"], 0, True),
        ],
        notes=[
            "Four links wait for each other. Mending the routes does not end that, dropping what "
            f"waits does: the watchdog costs {cases['watchdog'].counters['dropped_packets']:,} "
            "packets, and every transfer ends."
        ],
    )  # fmt: skip


ROWS = (
    Row("victim", PART, "Head-of-line blocking under PFC",
        "Zhu et al., SIGCOMM 2015 (victim flows under PFC)", "victim.yaml", victim),
    Row("congestion-tree", PART, "Pauses spread from one bad host",
        "Guo et al., SIGCOMM 2016, 4 (slow receiver and NIC storm)", "congestion-tree.yaml",
        spreading),
    Row("parking-lot", PART, "Unfairness of PFC between ports",
        "Zhu et al., SIGCOMM 2015 (unfairness of PFC)", "parking-lot.yaml", parking_lot),
    Row("incast-collapse", PART, "Incast without PFC",
        "Zhu et al., SIGCOMM 2015 (why DCQCN needs PFC)", "incast-collapse.yaml", collapse),
    Row("polarisation", PART, "Hash polarisation",
        "two equal choices in a row leave half of the paths idle", "polarisation.yaml",
        polarisation),
    Row("deadlock", PART, "PFC deadlock, found by circle, and what ends it",
        "Guo et al., SIGCOMM 2016, 4 (deadlock)", "deadlock.yaml", deadlock),
)  # fmt: skip
