# SPDX-License-Identifier: Apache-2.0
"""What the inspection finds in a run's captures is what the run's own tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emu.core import _wire
from tests.captures.captured import Captured, capture
from tests.captures.test_frames import DESIGNS, SMALL, name_of
from tests.golden.lab import US, Flow, experiment

MTU = 4096
FLOWS = [
    *(Flow(src, 0, 500_000 + src, at_ps=src * US, lane=src) for src in (1, 2, 3)),
    *(Flow(1, 0, size, at_ps=50 * US + i, lane=1) for i, size in enumerate((1, 4096, 70_000))),
    Flow(2, 1, 200_000, verb="read", lane=7),
    Flow(0, 3, 90_000, verb="read", lane=7),
    Flow(0, 3, 5_000, at_ps=3 * US, verb="read", lane=7),
]
NICS = tuple(f"h{i}" for i in range(4))


def inspected(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Messages of a capture, with the addresses of the direction that the data takes."""
    inspector = _wire.Inspector(keep_messages=True)
    data = np.fromfile(path, dtype=np.uint8)
    inspector.feed(data, len(data))
    inspector.finish()
    messages = pd.DataFrame(inspector.take_messages())
    keys = pd.DataFrame(inspector.flow_keys(0))
    for name in ("src", "dst", "dst_qp"):
        messages[name] = keys[name].to_numpy()[messages["flow"]]
    return messages, inspector.findings()


def expected(run: Captured) -> pd.DataFrame:
    """The flows table, with what names each message on the wire."""
    table, flows = run.addresses, run.out.flows.copy()
    verbs = run.out.scenario.workload.flows["verb"].to_numpy()
    flows["verb"] = verbs
    packets = -(-flows["payload_bytes"] // MTU)
    flows["first_psn"] = packets.groupby(flows["qp_id"]).cumsum() - packets
    pairs = {pair["qp_id"]: pair for pair in table["queue_pairs"]}
    ips = [nic["ip"] for nic in table["nics"]]
    flows["src"] = [ips[e] for e in flows["src_endpoint"]]
    flows["dst"] = [ips[e] for e in flows["dst_endpoint"]]
    flows["dst_qp"] = [pairs[qp]["dst_qpn"] for qp in flows["qp_id"]]
    flows["src_qp"] = [pairs[qp]["src_qpn"] for qp in flows["qp_id"]]
    return flows


def check(run: Captured) -> None:
    """Every flow as its two NICs saw it."""
    flows = expected(run)
    latency = run.out.scenario.spec.topology.nic.latency_rx
    for end in ("src", "dst"):
        for endpoint, mine in flows.groupby(f"{end}_endpoint"):
            node = run.out.scenario.fabric.nodes[int(endpoint)].name
            leaf = run.out.scenario.fabric.nodes[
                run.out.scenario.fabric.peer_node(
                    run.out.scenario.fabric.ports_of(int(endpoint))[0]
                )
            ].name
            messages, findings = inspected(run.file(node, leaf))
            assert findings["icrc_wrong"][0] == 0
            assert findings["message_length"][0] == 0
            for _, flow in mine.iterrows():
                check_flow(flow, messages, end, latency)


def check_flow(flow: pd.Series, messages: pd.DataFrame, end: str, latency: int) -> None:
    # A READ is found with the flow of its request: from the requester to the responder.
    write = flow["verb"] == "write"
    source, target = ("src", "dst") if write else ("dst", "src")
    found = messages[
        (messages["src"] == flow[source])
        & (messages["dst"] == flow[target])
        & (messages["dst_qp"] == flow["dst_qp" if write else "src_qp"])
        & (messages["first_psn"] == flow["first_psn"])
    ]
    assert len(found) == 1, flow
    message = found.iloc[0]
    assert message["kind"] == ("write" if write else "read")
    assert message["length_bytes"] == flow["payload_bytes"]
    if end == "src":
        assert message["first_ps"] == flow["first_tx_ps"]
        if write:
            assert message["acked_ps"] + latency == flow["acked_ps"]
            assert message["naks"] == flow["naks"]
        assert message["packets"] == flow["packets"]
        again = flow["packets"] - -(-flow["payload_bytes"] // MTU)
        assert message["retransmitted_packets"] == again
    else:
        assert message["last_ps"] + latency == flow["end_ps"]
        assert message["payload_bytes"] == flow["payload_bytes"]


@pytest.mark.parametrize("design", DESIGNS, ids=name_of)
def test_times_and_packets_of_every_flow(design: dict[str, Any], tmp_path: Path) -> None:
    spec = experiment({"spines": 2, "peer_links": 1}, design=design, switch=SMALL, cc="dcqcn")
    run = capture(spec, FLOWS, tmp_path, *NICS)
    assert (run.out.flows["status"] == "done").all()
    assert run.out.counters["ecn_marked_packets"] > 0
    check(run)
    marked = sum(
        inspected(run.file(f"h{i}.0", f"leaf{i // 2}"))[0]
        .query("kind == 'write'")["marked_packets"]
        .sum()
        for i in (0,)
    )
    into_h0 = run.out.flows[run.out.flows["dst_endpoint"] == 0]
    assert marked == into_h0["ecn_marked_packets"].sum() > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_losses_and_retransmissions(seed: int, tmp_path: Path) -> None:
    faults = [{"kind": "link-degraded", "link": "leaf0-spine0[0]", "loss": 0.005, "at": "0us"}]
    spec = experiment(faults=faults, nic={"retransmit_timeout": "100us"}, cc="dcqcn")
    flows = [
        Flow(0, 2, 2_000_000),
        Flow(0, 2, 300_000, at_ps=US),
        Flow(1, 3, 1_500_000),
    ]
    run = capture(spec, flows, tmp_path, *NICS, seed=seed)
    table = run.out.flows
    assert (table["status"] == "done").all()
    assert (table["retransmitted_bytes"] > 0).any()
    assert table["naks"].sum() > 0
    check(run)


def test_a_repeated_read_is_one_flow_and_several_requests(tmp_path: Path) -> None:
    """On the wire a repeated request is one of its own, for the rest of the message;
    the inspection finds one message that took all of them."""
    faults = [{"kind": "link-degraded", "link": "leaf0-spine0[0]", "loss": 0.005, "at": "0us"}]
    spec = experiment(faults=faults, nic={"retransmit_timeout": "100us"})
    flows = [
        Flow(2, 1, 1_000_000, verb="read", lane=7),
        Flow(2, 1, 400_000, at_ps=US, verb="read", lane=7),
    ]
    run = capture(spec, flows, tmp_path, *NICS)
    latency = spec.topology.nic.latency_rx
    sent, received = run.frames("h2.0", "leaf1"), run.frames("h1.0", "leaf0")
    requests = received[received["tx"] & (received["opcode"] == 0x0C)]
    assert len(requests) > len(flows)
    for _, flow in expected(run).iterrows():
        psns = range(flow["first_psn"], flow["first_psn"] + -(-flow["payload_bytes"] // MTU))
        mine = requests[requests["psn"].isin(psns)]
        asked = flow["payload_bytes"] - (mine["psn"] - psns.start) * MTU
        assert mine["dma_length"].tolist() == asked.tolist()
        assert len(mine) == 1 + flow["naks"] + flow["timeouts"]
        answers = sent[sent["tx"] & sent["psn"].isin(psns)]
        assert len(answers) == flow["packets"]
        again = answers[answers["psn"].duplicated()]
        assert again["payload"].sum() == flow["retransmitted_bytes"]
        arrived = received[~received["tx"] & received["psn"].isin(psns)]
        # Go-back-N: complete when the last packet has come after all before it.
        wanted, end = psns.start, None
        for psn, at_ps in zip(arrived["psn"], arrived["t_ps"], strict=True):
            if psn == wanted:
                wanted, end = wanted + 1, at_ps
        assert wanted == psns.stop
        assert end + latency == flow["end_ps"]
    messages, findings = inspected(run.file("h1.0", "leaf0"))
    assert messages["first_psn"].tolist() == expected(run)["first_psn"].tolist()
    assert findings["message_length"][0] == 0
    for _, flow in expected(run).iterrows():
        check_flow(flow, messages, "dst", latency)
