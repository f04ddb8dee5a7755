# SPDX-License-Identifier: Apache-2.0
"""What is recorded, held against cases worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest

from emu.sim.recording import Recording
from emu.sim.run import drive
from emu.sim.timeline import Timeline
from emu.spec import ExperimentSpec
from tests.golden.lab import NS, US, Flow, Outcome, experiment, prepare, scenario, simulate

GAP = 20
PREAMBLE = 8
PS_PER_BYTE = 20
"""At 400 Gb/s."""


@dataclass
class Recorded(Outcome):
    """A run with everything that was recorded of it."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def record(spec: ExperimentSpec, flows: Sequence[Flow]) -> Recorded:
    """Run to the end with everything recorded that the experiment asks for."""
    out = prepare(scenario(spec, flows))
    recording = Recording(out.engine, out.scenario, out.ports)
    timeline = Timeline(out.engine, out.scenario.fabric, out.ports)
    drive(out.engine, out.scenario, timeline, recording=recording)
    tables = recording.tables()
    notes = recording.notes(tables)
    return Recorded(out.scenario, out.engine, out.ports, tables=tables, notes=notes)


def everything(**more: Any) -> dict[str, Any]:
    return {"level": "everything", "sample_interval": "1us", **more}


def flow_ids(cell: str) -> set[int]:
    return {flow for flow, _ in json.loads(cell)}


# Two senders at one leaf send to a third host there: every pair of packets comes at the same
# time, and one of the two has to wait.
ONE_LEAF: dict[str, Any] = {"leaves": 1, "hosts_per_leaf": 3}
PAYLOAD = 4096
FRAMES = 12


def write_frames(count: int) -> list[int]:
    """Frames of a WRITE of `count` whole packets: RETH on the first, immediate on the last."""
    plain = 14 + 20 + 8 + 12 + 4 + 4 + PAYLOAD
    return [plain + 16, *[plain] * (count - 2), plain + 4]


def bursts_by_hand(threshold: int) -> list[tuple[int, int, int, int]]:
    """Start, end, peak and its time of every burst, with a queue in a list."""
    arrivals: list[tuple[int, int]] = []
    start = 100 * NS  # latency_tx of the NIC
    for size in write_frames(FRAMES):
        at = start + (size + PREAMBLE) * PS_PER_BYTE + 15 * NS + 500 * NS
        arrivals += [(at, size), (at, size)]
        start += (size + GAP) * PS_PER_BYTE
    bursts: list[tuple[int, int, int, int]] = []
    waiting: list[int] = []
    now, free, level, peak, peak_at, begin = 0, 0, 0, 0, 0, -1
    while arrivals or waiting:
        leaves = max(free, now)
        if arrivals and (not waiting or arrivals[0][0] <= leaves):
            now, size = arrivals.pop(0)
            waiting.append(size)
            level += size
            if level > threshold and begin < 0:
                begin, peak = now, 0
            if level > peak:
                peak, peak_at = level, now
            continue
        now, size = leaves, waiting.pop(0)
        free = now + (size + GAP) * PS_PER_BYTE
        level -= size
        if begin >= 0 and level <= threshold:
            bursts.append((begin, now, peak, peak_at))
            begin = -1
    return bursts


@pytest.mark.parametrize("threshold", [10_000, 20_000, 40_000])
def test_microbursts_have_the_times_worked_out_by_hand(threshold: int) -> None:
    spec = experiment(
        ONE_LEAF, nic={"latency_tx": "100ns"}, record=everything(microburst=f"{threshold}B")
    )
    flows = [Flow(0, 2, FRAMES * PAYLOAD), Flow(1, 2, FRAMES * PAYLOAD)]
    bursts = record(spec, flows).tables["microbursts"]
    columns = bursts[["start_ps", "end_ps", "peak_bytes", "peak_ps"]]
    assert [tuple(row) for row in columns.to_numpy().tolist()] == bursts_by_hand(threshold)
    assert (bursts["length_ps"] == bursts["end_ps"] - bursts["start_ps"]).all()
    assert (bursts["n_flows"].iloc[-1], flow_ids(bursts["flows"].iloc[-1])) == (2, {0, 1})


def test_no_microburst_below_the_threshold() -> None:
    spec = experiment(ONE_LEAF, record=everything(microburst="100KB"))
    flows = [Flow(0, 2, FRAMES * PAYLOAD), Flow(1, 2, FRAMES * PAYLOAD)]
    assert record(spec, flows).tables["microbursts"].empty


def test_a_microburst_that_the_run_cuts_has_no_end() -> None:
    spec = experiment(ONE_LEAF, record=everything(microburst="20KB"), stop={"at": "2us"})
    flows = [Flow(0, 2, 100 * PAYLOAD), Flow(1, 2, 100 * PAYLOAD)]
    burst = record(spec, flows).tables["microbursts"].iloc[-1]
    assert burst["end_ps"] == -1
    assert burst["length_ps"] == 2 * US - burst["start_ps"]


SMALL_BUFFER = {
    "buffer": "4MB",
    "pfc": {"headroom": "150KB", "headroom_pool": None, "alpha": 0.0625},
    "ecn": {"enabled": False},
}
# h0.0 and h1.0 at leaf0, h2.0 to h4.0 at leaf1: leaf1 cannot pass on to h2.0 what comes from the
# spine and from h3.0 at once. Flow 2 shares the way of flow 0 and goes to somebody else.
TREE = [Flow(0, 3, 4_000_000), Flow(4, 3, 4_000_000), Flow(1, 5, 2_000_000)]


def pause_tree() -> Recorded:
    spec = experiment(
        {"hosts_per_leaf": 3, "fabric_rate": "800G"}, switch=SMALL_BUFFER, record=everything()
    )
    return record(spec, TREE)


def test_the_pause_tree_of_a_congestion_that_spreads() -> None:
    out = pause_tree()
    pauses = out.tables["pauses"]
    congested = out.scenario.fabric.ports[int(out.ports.to_fabric[out.port("leaf1", "h3.0")])].name
    roots = pauses[pauses["parent"] == -1]
    assert set(roots["node"]) == {"leaf1"}
    assert set(roots["victim"]) == {"spine0", "h4.0"}
    assert set(roots["cause_name"]) == {congested}
    assert set(roots["depth"]) == {0}
    chain = pauses[pauses["depth"] == 1]
    assert set(zip(chain["node"], chain["victim"], strict=True)) == {("spine0", "leaf0")}
    leaves = pauses[pauses["depth"] == 2]
    assert set(leaves["node"]) == {"leaf0"}
    assert set(leaves["victim"]) <= {"h0.0", "h1.0"}
    assert "h1.0" in set(leaves["victim"])
    by_id = pauses.set_index("pause_id")
    for pause in chain.to_dict("records"):
        parent = by_id.loc[pause["parent"]]
        assert (parent["node"], parent["victim"]) == ("leaf1", "spine0")
        assert parent["obeyed_ps"] <= pause["start_ps"]
        assert pause["cause_port"] == parent["victim_port"]
    for pause in leaves.to_dict("records"):
        assert by_id.loc[pause["root"], "node"] == "leaf1"


def test_whose_congestion_it_is_and_who_waits_without_a_part_in_it() -> None:
    pauses = pause_tree().tables["pauses"]
    roots = pauses[pauses["parent"] == -1]
    assert set().union(*roots["cause_flows"].map(flow_ids)) == {0, 1}
    of_h1 = pauses[(pauses["victim"] == "h1.0") & (pauses["released_ps"] >= 0)]
    assert set().union(*of_h1["innocent_flows"].map(flow_ids)) == {2}
    # What the sender of the congestion waits for is its own.
    of_h4 = pauses[pauses["victim"] == "h4.0"]
    assert (of_h4["n_innocent"] == 0).all()


def test_the_pauses_add_up_to_the_pause_time_of_the_ports() -> None:
    out = pause_tree()
    pauses = out.tables["pauses"]
    pauses = pauses[pauses["obeyed_ps"] >= 0]
    end = pauses["released_ps"].where(pauses["released_ps"] >= 0, out.engine.now_ps)
    by_port = (end - pauses["obeyed_ps"]).groupby(pauses["victim_port"]).sum()
    for port, paused in by_port.items():
        row = int(out.ports.to_engine[port]) * 8 + 3
        assert paused == out.engine.queues()["pfc_rx_pause_ps"][row]


def test_a_slow_host_and_a_faulty_nic_are_roots_by_name() -> None:
    for fault, reason in (
        ({"kind": "slow-receiver", "host": "h2.0", "rate": "50G", "at": "0s"}, "receiver"),
        (
            {"kind": "nic-storm", "host": "h2.0", "priority": 3, "at": "1us", "for": "50us"},
            "storm",
        ),
    ):
        spec = experiment(ONE_LEAF, record=everything(), faults=[fault])
        pauses = record(spec, [Flow(0, 2, 4_000_000)]).tables["pauses"]
        first = pauses.iloc[0]
        assert (first["node"], first["reason"], first["parent"]) == ("h2.0", reason, -1)
        assert first["cause_port"] == -1
        assert set(pauses.loc[pauses["depth"] == 1, "node"]) <= {"leaf0"}


def test_a_watermark_is_the_maximum_of_the_series_at_one_packet() -> None:
    spec = experiment(ONE_LEAF, record={"level": "series", "sample_interval": "1us"})
    out = prepare(scenario(spec, [Flow(0, 2, 200_000), Flow(1, 2, 200_000, 40 * NS)]))
    recording = Recording(out.engine, out.scenario, out.ports)
    for at in range(NS, 20 * US, NS):  # a packet takes 84 ns
        out.engine.run_until(at)
        recording.sample()
    recording.finish()
    tables = recording.tables()
    row = out.port("leaf0", "h2.0") * 8 + 3
    counted = out.engine.queues()
    here = int(out.ports.to_fabric[row // 8])
    series = tables["port_series"].query(f"port == {here} and priority == 3")
    assert series["egress_bytes"].max() == counted["egress_watermark_bytes"][row]
    assert series["egress_watermark_bytes"].max() == counted["egress_watermark_bytes"][row]
    for sender in ("h0.0", "h1.0"):
        group = out.port("leaf0", sender)
        number = int(out.ports.to_fabric[group])
        held = tables["port_series"].query(f"port == {number} and priority == 3")["pg_bytes"]
        assert held.max() == counted["pg_watermark_bytes"][group * 8 + 3] > 0


def test_a_followed_packet_meets_every_hop_in_order() -> None:
    spec = experiment(record=everything(inband_every=1))
    out = record(spec, [Flow(0, 3, 20 * PAYLOAD), Flow(1, 3, 20 * PAYLOAD)])
    hops = out.tables["inband"]
    assert len(hops) == 2 * 20 * 4  # NIC, leaf, spine, leaf
    for _, packet in hops.groupby(["qp_id", "psn"]):
        assert packet["hop"].tolist() == [0, 1, 2, 3]
        assert [name.split(":")[0] for name in packet["name"]] == [
            packet["name"].iloc[0].split(":")[0], "leaf0", "spine0", "leaf1",
        ]  # fmt: skip
        # Joins a queue at the moment at which it arrives.
        assert packet["queued_ps"].tolist()[1:] == packet["arrives_ps"].tolist()[:-1]
        assert (packet["started_ps"] >= packet["queued_ps"]).all()
    last = hops[hops["hop"] == 3].groupby("flow_id")["arrives_ps"].max()
    assert last.tolist() == out.flows["end_ps"].tolist()


def test_a_packet_that_is_lost_ends_there_and_comes_again() -> None:
    fault = {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.2, "at": "0s"}
    spec = experiment(record=everything(inband_every=1), faults=[fault])
    out = record(spec, [Flow(0, 3, 40 * PAYLOAD)])
    hops = out.tables["inband"]
    lost = hops[hops["arrives_ps"] == -1]
    assert set(lost["name"].str.split(":").str[0]) == {"leaf0"}
    assert hops["attempt"].max() >= 1
    data_lost = out.drops["link_error"]
    assert 0 < len(lost) <= data_lost


def test_series_add_up_to_the_counters() -> None:
    out = record(experiment(record=everything()), [Flow(0, 3, 4_000_000)])
    series = out.tables["port_series"].groupby(["port", "priority"])["tx_packets"].sum()
    counted = out.tables["sai_counters"].query("counter == 'SAI_QUEUE_STAT_PACKETS'")
    names = {port.name: port.id for port in out.scenario.fabric.ports}
    for row in counted.to_dict("records"):
        assert series[names[row["name"]], row["index"]] == row["value"]
    received = out.tables["wire_series"].groupby("port")["rx_packets"].sum()
    arrived = out.tables["sai_counters"].query("counter == 'SAI_PORT_STAT_IF_IN_UCAST_PKTS'")
    for row in arrived.to_dict("records"):
        assert received[names[row["name"]]] == row["value"]
    pairs = out.tables["qp_series"]
    assert pairs["sent_bytes"].sum() == pairs["delivered_bytes"].sum() == 4_000_000


def test_in_errors_are_counted_where_they_arrive() -> None:
    fault = {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.1, "at": "0s"}
    out = record(experiment(record=everything(), faults=[fault]), [Flow(0, 3, 400_000)])
    errors = out.tables["sai_counters"].query("counter == 'SAI_PORT_STAT_IF_IN_ERRORS'")
    assert errors["value"].sum() == out.drops["link_error"] > 0
    assert {name.split(":")[0] for name in errors["name"]} <= {"leaf0", "spine0"}
    assert out.tables["wire_series"]["rx_errors"].sum() == out.drops["link_error"]


@pytest.mark.parametrize("level", ["off", "counters", "series", "everything"])
def test_what_happens_does_not_depend_on_what_is_recorded(level: str) -> None:
    fault = {"kind": "link-degraded", "link": "leaf0-spine0", "loss": 0.01, "at": "0s"}
    given = {"switch": SMALL_BUFFER, "clos": {"hosts_per_leaf": 3}, "faults": [fault]}
    plain = simulate(experiment(**given, record={"sample_interval": "1us"}), TREE)
    spec = experiment(**given, record={"level": level, "sample_interval": "1us"})
    recorded = record(spec, TREE)
    assert recorded.counters == plain.counters
    pd.testing.assert_frame_equal(recorded.flows, plain.flows)
    for name, column in plain.engine.queues().items():
        assert (recorded.engine.queues()[name] == column).all(), name


def test_each_level_has_its_tables() -> None:
    counters = {"sai_counters"}
    series = counters | {"queues", "port_series", "wire_series", "qp_series"}
    wanted = {
        "off": set(),
        "counters": counters,
        "series": series,
        "everything": series | {"microbursts", "pauses", "inband"},
    }
    for level, names in wanted.items():
        out = record(experiment(record={"level": level}), [Flow(0, 3, 100_000)])
        assert set(out.tables) == names


def test_a_table_that_is_cut_says_so() -> None:
    out = record(
        experiment(record=everything(inband_every=1, rows_max=1000)), [Flow(0, 3, 4_000_000)]
    )
    assert len(out.tables["inband"]) == 1000
    assert "inband stops after 1,000 rows (record.rows_max)" in out.notes


def test_pause_episodes_are_cut_at_the_cap_and_what_is_kept_is_the_same() -> None:
    """The first so many, with the same parents and the same moments."""
    flows = [Flow(flow.src, flow.dst, 20 * flow.size, flow.at_ps) for flow in TREE]
    clos = {"hosts_per_leaf": 3, "fabric_rate": "800G"}
    whole, cut = (
        record(experiment(clos, switch=SMALL_BUFFER, record=everything(pauses_max=most)), flows)
        for most in (10**6, 100)
    )
    assert len(whole.tables["pauses"]) > 150
    assert len(cut.tables["pauses"]) == 100
    assert "pauses stops after 100 episodes (record.pauses_max)" in cut.notes
    assert not any("pauses" in note for note in whole.notes)
    shape = ["parent", "port", "priority", "victim", "start_ps", "end_ps", "obeyed_ps"]
    kept = whole.tables["pauses"][shape].head(100).reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, cut.tables["pauses"][shape])
