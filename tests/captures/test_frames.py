# SPDX-License-Identifier: Apache-2.0
"""Captured frames show what the engine did, field by field, in every design."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.captures import resolve_captures
from emu.sim.run import run_variant
from emu.spec import CaptureSpec, ExperimentSpec, load_experiment
from tests.captures.captured import Captured, capture
from tests.captures.decode import read_file
from tests.golden.lab import Flow, experiment

DESIGNS: list[dict[str, Any]] = [
    {"name": "l3"},
    {"name": "l3-host"},
    {"name": "stretched-l2", "variant": "rstp"},
    {"name": "stretched-l2", "variant": "mlag"},
    {"name": "evpn", "variant": "l2vni"},
    {"name": "evpn", "variant": "l3vni"},
    {"name": "evpn", "variant": "l3vni", "vxlan_overhead": 54},
]
CLOS = {"spines": 2, "peer_links": 1}
FLOWS = [
    Flow(0, 2, 30_001),
    Flow(2, 0, 9_000, verb="read", lane=1),
    Flow(3, 1, 70_000, at_ps=1_000_000),
    Flow(0, 1, 5_000),
]
ROUTED = ("l3", "l3-host", "l3vni")


def name_of(design: dict[str, Any]) -> str:
    return "-".join(str(value) for value in design.values())


@pytest.fixture(scope="module", params=DESIGNS, ids=name_of)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Captured:
    spec = experiment(CLOS, design=request.param, nic={"ack_interval": 4})
    ports = ("h0", "h1", "h2", "h3", "leaf0", "leaf1", "spine0:leaf0", "spine1:leaf0")
    return capture(spec, FLOWS, tmp_path_factory.mktemp("captures"), *ports, payload="pattern")


def routed(run: Captured) -> bool:
    design = run.out.scenario.plan.design
    return design.split("/")[-1] in ROUTED


def mac(run: Captured, node: str) -> str:
    fabric = run.out.scenario.fabric
    number = fabric.node(node).id
    table = run.addresses
    if number < fabric.n_endpoints:
        return str(table["nics"][number]["mac"])
    return str(table["switches"][number - fabric.n_endpoints]["mac"])


def uplinks(run: Captured, leaf: str) -> pd.DataFrame:
    """Both uplinks; which spine a frame goes by is the hash's choice."""
    parts = [run.frames(leaf, f"spine{i}").assign(peer=f"spine{i}") for i in range(2)]
    return pd.concat(parts, ignore_index=True)


def test_every_whole_frame_has_the_right_icrc_and_the_payload_it_should(run: Captured) -> None:
    for path in sorted(run.folder.glob("*.pcapng")):
        for packet in read_file(path).packets:
            if packet.get("what") != "roce":
                continue
            assert packet["whole"]
            assert packet["icrc_ok"]
            words = np.frombuffer(packet["data"][: packet["payload"] // 8 * 8], dtype=">u8")
            if packet["opcode"] in (0x81, 0x11, 0x0C):
                assert packet["payload"] == 0
            elif len(words):
                assert len(set(words >> 32)) == 1, "one message"
                assert (np.diff((words & 0xFFFFFFFF).astype(np.int64)) == 1).all()


def test_a_port_shows_as_many_frames_and_bytes_as_it_counts(run: Captured) -> None:
    fabric, engine = run.out.scenario.fabric, run.out.engine
    queues = {name: column.reshape(-1, 8) for name, column in engine.queues().items()}
    for leaf in ("leaf0", "leaf1"):
        for port in fabric.ports_of(fabric.node(leaf).id):
            number = int(run.out.ports.to_engine[port])
            path = run.folder / f"{fabric.ports[port].name.replace(':', '-')}.pcapng"
            sent = [p for p in read_file(path).packets if p["tx"]]
            assert len(sent) == queues["tx_packets"][number].sum()
            assert sum(p["length"] + 4 + 20 for p in sent) == queues["tx_bytes"][number].sum()


def test_interface_and_section_say_what_they_are(run: Captured) -> None:
    fabric = run.out.scenario.fabric
    port = fabric.ports[fabric.ports_of(fabric.node("leaf0").id)[0]]
    file = read_file(run.folder / "leaf0-Ethernet0.pcapng")
    (interface,) = file.interfaces
    assert interface.name == "leaf0:Ethernet0" == port.name
    assert interface.speed_bps == 400 * 10**9
    assert (interface.tsresol, interface.link_type) == (9, 1)
    assert interface.mac == mac(run, "leaf0")
    assert fabric.links[port.link].name in interface.description
    assert file.application.startswith("emu ")
    assert run.out.scenario.plan.design in file.comment
    assert file.names[run.addresses["nics"][2]["ip"]] == "h2.0"


def test_times_are_in_order_and_nanoseconds_are_cut_from_picoseconds(run: Captured) -> None:
    for path in run.folder.glob("*.pcapng"):
        times = [(p["t_ps"], p["time_ns"]) for p in read_file(path).packets]
        assert times == sorted(times)
        assert all(ps // 1000 == ns for ps, ns in times)


def test_hosts_speak_to_a_gateway_where_it_is_routed_and_else_to_each_other(run: Captured) -> None:
    sent = run.frames("h0.0", "leaf0")
    sent = sent[sent["tx"]]
    assert (sent["src_mac"] == mac(run, "h0.0")).all()
    if routed(run):
        assert set(sent["dst_mac"]) == {run.addresses["gateway_mac"]}
        assert run.addresses["gateway_mac"]
    else:
        by_ip = {nic["ip"]: nic["mac"] for nic in run.addresses["nics"]}
        assert (sent["dst_mac"] == sent["dst_ip"].map(by_ip)).all()
    received = run.frames("h0.0", "leaf0")
    received = received[~received["tx"]]
    assert (received["dst_mac"] == mac(run, "h0.0")).all()
    if routed(run):
        assert set(received["src_mac"]) == {mac(run, "leaf0")}


def test_the_way_between_leaves(run: Captured) -> None:
    design = run.out.scenario.plan.design
    frames = uplinks(run, "leaf0")
    out = frames[frames["tx"]]
    assert len(out) > 5
    peers = out["peer"].map(lambda peer: mac(run, peer))
    if design.startswith("evpn"):
        table = run.addresses
        vtep = {row["switch"]: row.get("vtep_ip") for row in table["switches"]}
        assert (out["o_src_mac"] == mac(run, "leaf0")).all()
        assert (out["o_dst_mac"] == peers).all()
        assert set(out["o_src_ip"]) == {vtep["leaf0"]}
        assert set(out["o_dst_ip"]) == {vtep["leaf1"]}
        assert set(out["o_ttl"]) == {64}
        assert set(frames[~frames["tx"]]["o_ttl"]) == {63}
        assert set(out["vni"]) == {table["vni"]} == {100}
        assert (out["o_sport"] >= 0xC000).all()
        # The outer source port follows from the inner flow.
        flows = out.groupby(["src_ip", "dst_ip", "sport"])["o_sport"].nunique()
        assert (flows == 1).all()
        assert (out["o_dscp"] == out["dscp"]).all()
        tagged = run.out.scenario.plan.overhead_bytes == 54
        assert ("o_vlan" in out) == tagged
        if tagged:
            assert set(out["o_vlan"]) == {table["underlay_vlan"]}
            assert set(out["o_pcp"]) == {3}
    if design == "evpn/l3vni":
        assert (out["src_mac"] == mac(run, "leaf0")).all()
        assert (out["dst_mac"] == mac(run, "leaf1")).all()
    elif routed(run):
        assert (out["src_mac"] == mac(run, "leaf0")).all()
        assert (out["dst_mac"] == peers).all()
    else:
        hosts = {nic["ip"]: nic["mac"] for nic in run.addresses["nics"]}
        assert (out["src_mac"] == out["src_ip"].map(hosts)).all()
        assert (out["dst_mac"] == out["dst_ip"].map(hosts)).all()


def test_each_router_takes_one_from_the_ttl_and_a_bridge_none(run: Captured) -> None:
    design = run.out.scenario.plan.design
    wanted = {"l3": (64, 63, 62, 61), "l3-host": (64, 63, 62, 61), "evpn/l3vni": (64, 63, 63, 62)}
    at_host, up, down, end = wanted.get(design, (64, 64, 64, 64))
    far = {"198.18.1.10", "198.18.1.11", "198.19.0.12", "198.19.0.13"}

    def ttl(frames: pd.DataFrame, tx: bool, address: str) -> set[int]:
        chosen = frames[(frames["tx"] == tx) & frames[address].isin(far)]
        assert len(chosen)
        return set(chosen["ttl"])

    assert ttl(run.frames("h0.0", "leaf0"), True, "dst_ip") == {at_host}
    assert ttl(uplinks(run, "leaf0"), True, "dst_ip") == {up}
    assert ttl(uplinks(run, "leaf0"), False, "src_ip") == {down}
    assert ttl(run.frames("h0.0", "leaf0"), False, "src_ip") == {end}
    local = run.frames("h1.0", "leaf0")
    near = local[~local["tx"] & ~local["src_ip"].isin(far)]
    assert set(near["ttl"]) == {63 if routed(run) else 64}


def test_addresses_queue_pairs_and_ports_are_those_of_the_table(run: Captured) -> None:
    table = run.addresses
    ips = [nic["ip"] for nic in table["nics"]]
    assert len(set(ips)) == len(ips)
    known = {
        (ips[a], ips[b], pair["udp_sport"], pair[f"{end}_qpn"])
        for pair in table["queue_pairs"]
        for a, b, end in (
            (pair["src_endpoint"], pair["dst_endpoint"], "dst"),
            (pair["dst_endpoint"], pair["src_endpoint"], "src"),
        )
    }
    frames = uplinks(run, "leaf0")
    seen = set(frames[["src_ip", "dst_ip", "sport", "dest_qp"]].itertuples(index=False, name=None))
    assert seen <= known
    assert len(seen) >= 4


def test_a_message_is_a_first_middles_and_a_last_packet(run: Captured) -> None:
    sent = run.frames("h0.0", "leaf0")
    pair = next(p for p in run.addresses["queue_pairs"] if p["dst_endpoint"] == 2)
    data = sent[sent["tx"] & (sent["dest_qp"] == pair["dst_qpn"])]
    assert data["opcode"].tolist() == [0x06] + [0x07] * 6 + [0x09]
    assert data["psn"].tolist() == list(range(8))
    assert data["ack_request"].tolist() == [False] * 3 + [True] + [False] * 3 + [True]
    assert data["payload"].sum() == 30_001
    assert data["pad"].tolist() == [0] * 7 + [3]
    assert data["dma_length"].dropna().tolist() == [30_001]
    flow = run.out.flows[run.out.flows["payload_bytes"] == 30_001].iloc[0]
    assert data["immediate"].dropna().tolist() == [flow["flow_id"]]
    acks = sent[~sent["tx"] & (sent["dest_qp"] == pair["src_qpn"])]
    assert acks["opcode"].tolist() == [0x11] * 2
    assert acks["psn"].tolist() == [3, 7]
    assert acks["msn"].tolist() == [0, 1]
    assert set(acks["syndrome"]) == {0x1F}


def test_a_read_is_asked_for_and_answered(run: Captured) -> None:
    asked = run.frames("h0.0", "leaf0")
    asked = asked[asked["opcode"].between(0x0C, 0x10)]
    assert asked["opcode"].tolist() == [0x0C, 0x0D, 0x0E, 0x0F]
    assert asked["tx"].tolist() == [True, False, False, False]
    assert asked["dma_length"].dropna().tolist() == [9_000]
    assert asked["psn"].tolist() == [0, 0, 1, 2]
    assert asked["payload"].sum() == 9_000
    assert asked["msn"].dropna().tolist() == [1, 1]
    assert not asked[~asked["tx"]]["ack_request"].any()


def test_a_tagged_underlay_costs_its_four_bytes(tmp_path: Path) -> None:
    lengths = []
    for overhead in (50, 54):
        design = {"name": "evpn", "variant": "l3vni", "vxlan_overhead": overhead}
        spec = experiment({"spines": 1}, design=design)
        run = capture(spec, [Flow(0, 2, 4096)], tmp_path / str(overhead), "leaf0:spine0")
        frames = run.frames("leaf0", "spine0")
        lengths.append(frames[frames["opcode"] == 0x0B]["length"].iloc[0])
    assert lengths == [4096 + 58 + 20 + 50, 4096 + 58 + 20 + 54]


def test_snapped_frames_end_where_their_payload_begins(tmp_path: Path) -> None:
    run = capture(experiment(), [Flow(0, 2, 9_000)], tmp_path, "h0")
    frames = run.frames("h0.0", "leaf0")
    headers = {0x06: 70, 0x07: 54, 0x09: 58, 0x11: 62}
    assert (frames["captured"] == frames["opcode"].map(headers)).all()
    data = frames[frames["opcode"] != 0x11]
    assert (data["length"] - data["captured"] == data["payload"] + data["pad"] + 4).all()


def test_arp_is_a_broadcast_of_the_smallest_size(tmp_path: Path) -> None:
    timers = {"arp_refresh": "100us", "arp_age": "1s"}
    spec = experiment(design="stretched-l2/rstp", timers=timers)
    run = capture(spec, [Flow(0, 2, 10_000_000)], tmp_path, "h3", "h2")
    frames = run.frames("h3.0", "leaf1")
    arps = frames[frames["what"] == "arp"]
    assert set(arps["tx"]) == {False, True}
    assert set(arps["length"]) == {60}
    assert set(arps["dst_mac"]) == {"ff:ff:ff:ff:ff:ff"}
    assert set(arps["reception"]) == {3}
    assert (arps["operation"] == 1).all()
    assert (arps["src_mac"] == arps["sender_mac"]).all()
    assert (arps["sender_ip"] != arps["target_ip"]).all()
    own = arps[arps["tx"]]
    assert set(own["sender_ip"]) == {run.addresses["nics"][3]["ip"]}
    assert own["target_ip"].nunique() == 3, "everybody else in turn"


SMALL = {
    "buffer": "6MB",
    "pfc": {"headroom": "150KB", "headroom_pool": None, "alpha": 0.0625},
    "ecn": {"by_rate": {"400G": {"kmin": "20KB", "kmax": "80KB", "pmax": 0.2}}},
}
INCAST = [Flow(src, 0, 600_000, lane=src) for src in (1, 2, 3)]


@pytest.mark.parametrize(
    "design",
    [
        {"name": "l3"},
        {"name": "stretched-l2"},
        {"name": "evpn"},
        {"name": "evpn", "ecn_copy_decap": False},
        {"name": "evpn", "ecn_copy_encap": False},
        {"name": "evpn", "dscp_copy_encap": False, "dscp_copy_decap": False},
    ],
    ids=name_of,
)
def test_marks_notifications_and_pauses_are_those_that_the_engine_counts(
    design: dict[str, Any], tmp_path: Path
) -> None:
    spec = experiment({"leaves": 4, "hosts_per_leaf": 1}, design=design, switch=SMALL, cc="dcqcn")
    run = capture(spec, INCAST, tmp_path, "h0", "h1", "leaf0", "spine0", "leaf1", "leaf2")
    counters, flows = run.out.counters, run.out.flows
    received = run.frames("h0.0", "leaf0")
    data = received[received["opcode"].isin((0x06, 0x07, 0x09))]
    assert (data["ecn"] >= 2).all()
    assert (data["ecn"] == 3).sum() == flows["ecn_marked_packets"].sum()
    control = received[received["opcode"].isin((0x11, 0x81))]
    assert (control["ecn"] == 0).all()

    # A queue marks what was capable and not marked before.
    marked_before = run.frames("leaf0", "spine0")
    marked_after = run.frames("leaf0", "h0.0")
    copied = design.get("ecn_copy_decap", True)
    field = "o_ecn" if design["name"] == "evpn" else "ecn"
    came = marked_before[~marked_before["tx"]]
    went = marked_after[marked_after["tx"]]
    here = run.out.queue("leaf0", "h0.0")["ecn_marked_packets"]
    assert (went["ecn"] == 3).sum() == here + ((came[field] == 3).sum() if copied else 0)
    if design.get("ecn_copy_encap", True):
        assert (came[came["opcode"] < 0x0B][field] >= 2).all()
    else:
        assert (came[field] == 0).all()
    reaches_host = set(design) <= {"name", "variant"}
    assert (went["ecn"] == 3).any() == reaches_host == (counters["cnp_packets"] > 0)

    # One host sends all notifications; one CNP looks as annex A17.9 has it.
    cnps = received[received["opcode"] == 0x81]
    assert cnps["tx"].all()
    assert len(cnps) == counters["cnp_packets"]
    assert cnps["becn"].all()
    if reaches_host:
        assert set(cnps["psn"]) == {0}
        assert set(cnps["dscp"]) == {48}
        assert set(cnps["length"]) == {74}
        assert set(cnps["dest_qp"]) == {p["src_qpn"] for p in run.addresses["queue_pairs"]}

    if design.get("dscp_copy_encap", True):  # else tunnels are in priority 0, which may drop
        check_pauses(run)


def check_pauses(run: Captured) -> None:
    """Each pause frame is one that the engine counts, and looks as 802.1Qbb has it."""
    pauses = 0
    for leaf in ("leaf1", "leaf2"):
        frames = run.frames(leaf, "spine0")
        pfc = frames[frames["what"] == "pfc"]
        queue = run.out.queue(leaf, "spine0")
        xoff = pfc[pfc["quanta"].map(any)]
        assert (~xoff["tx"]).sum() == queue["pfc_rx_frames"]
        assert xoff["tx"].sum() == queue["pfc_tx_frames"]
        pauses += len(xoff)
    frames = run.frames("spine0", "leaf1")
    pfc = frames[frames["what"] == "pfc"]
    assert pauses > 0
    assert len(pfc)
    assert set(pfc["length"]) == {60}
    assert set(pfc["dst_mac"]) == {"01:80:c2:00:00:01"}
    assert set(pfc["src_mac"]) == {mac(run, "spine0"), mac(run, "leaf1")} & set(pfc["src_mac"])
    assert set(pfc["enable"]) == {1 << 3}
    assert set(pfc["reception"]) == {2}
    assert {quanta[3] for quanta in pfc["quanta"]} <= {0, 65535}
    assert all(sum(quanta) == quanta[3] for quanta in pfc["quanta"])


def test_a_lost_packet_is_asked_for_again_by_a_nak(tmp_path: Path) -> None:
    faults = [{"kind": "link-degraded", "link": "leaf0-spine0[0]", "loss": 0.02, "at": "0us"}]
    spec = experiment(faults=faults, nic={"retransmit_timeout": "100us"})
    run = capture(spec, [Flow(0, 2, 2_000_000)], tmp_path, "h0", "leaf0:spine0", "spine0:leaf0")
    frames = run.frames("h0.0", "leaf0")
    naks = frames[(frames["opcode"] == 0x11) & (frames["syndrome"] == 0x60)]
    assert len(naks) > 0
    data = frames[frames["tx"]]
    highest = data["psn"].cummax().shift(fill_value=-1)
    again = data[data["psn"] <= highest]
    flow = run.out.flows.iloc[0]
    assert again["payload"].sum() == flow["retransmitted_bytes"] > 0
    # Every NAK that arrived is followed by the packet that it names.
    for _, nak in naks.iterrows():
        later = data[data["t_ps"] > nak["t_ps"]]
        assert (later["psn"] == nak["psn"]).any()
    # Corrupted on the cable: it left one end and did not reach the other.
    near, far = run.frames("leaf0", "spine0"), run.frames("spine0", "leaf0")
    lost = near["tx"].sum() - (~far["tx"]).sum() + far["tx"].sum() - (~near["tx"]).sum()
    assert lost == run.out.drops["link_error"]


def test_filters(tmp_path: Path) -> None:
    flows = [
        Flow(0, 2, 50_000),
        Flow(1, 2, 40_000),
        Flow(0, 3, 30_000, priority=0),
        Flow(0, 2, 20_000),
    ]
    spec = experiment()

    def kept(name: str, **options: Any) -> pd.DataFrame:
        return capture(spec, flows, tmp_path / name, "leaf0:spine0", **options).frames(
            "leaf0", "spine0"
        )

    everything = kept("all")
    assert set(kept("rx", direction="rx")["tx"]) == {False}
    assert len(kept("tx", direction="tx")) == everything["tx"].sum()
    ips = {f"198.18.{i // 2}.{10 + i % 2}": f"h{i}" for i in range(4)}
    hosts = everything[["src_ip", "dst_ip"]].map(ips.get)
    of_h1 = (hosts == "h1").any(axis=1)
    assert kept("host", hosts=["h1"])["t_ps"].tolist() == everything[of_h1]["t_ps"].tolist()
    assert (
        len(kept("nics", hosts=["h1.0", "h[3-3]"])) == (hosts.isin(["h1", "h3"]).any(axis=1)).sum()
    )
    assert set(kept("priority", priorities=[0])["dscp"]) == {0}
    window = kept("window", start="2us", stop="3us")
    assert window["t_ps"].tolist() == [t for t in everything["t_ps"] if 2_000_000 <= t < 3_000_000]
    assert 0 < len(window) < len(everything)
    # Flows 0 and 3 share a queue pair; their data and ACKs are told apart.
    first, second = kept("flow 0", flows=[0]), kept("flow 3", flows=[3])
    assert first["payload"].sum() == 50_000
    assert second["payload"].sum() == 20_000
    assert first["psn"].max() < second["psn"].min()
    both = kept("flows", flows=[3, 0, 0])
    assert len(both) == len(first) + len(second)


def test_pfc_passes_filters_of_hosts_unless_it_is_switched_off(tmp_path: Path) -> None:
    spec = experiment({"leaves": 4, "hosts_per_leaf": 1}, switch=SMALL)
    counts = []
    for i, options in enumerate([{}, {"pfc": False}, {"priorities": [0]}]):
        run = capture(spec, INCAST, tmp_path / str(i), "leaf1:spine0", hosts=["h3"], **options)
        frames = run.frames("leaf1", "spine0")
        counts.append((frames["what"] == "pfc").sum() if len(frames) else 0)
    assert counts[0] > 0
    assert counts[1:] == [0, 0]


def test_a_capture_does_not_change_the_run(tmp_path: Path, repository: Path) -> None:
    spec = load_experiment(repository / "experiments" / "pcap-demo.yaml")
    bare = spec.model_copy(update={"record": spec.record.model_copy(update={"captures": ()})})
    bare._raw = {
        **spec._raw,
        "record": {k: v for k, v in spec._raw["record"].items() if k != "captures"},
    }
    digests = []
    for i, one in enumerate((spec, bare, spec)):
        variant = one.variants()[0]
        folder = run_variant(variant, 1, tmp_path / str(i) / "seed-1")
        assert (folder / "captures").is_dir() == (one is spec)
        digests.append(
            {
                str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in folder.rglob("*")
                if path.is_file() and path.name != "timing.json"
            }
        )
    tables = [{k: v for k, v in d.items() if k.endswith(".parquet")} for d in digests]
    assert len(tables[0]) >= 8
    assert tables[0] == tables[1]
    assert digests[0] == digests[2], "captures and addresses repeat to the byte"
    assert "captures/leaf0-Ethernet0.pcapng" in digests[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["leaf0:Ethernet1"], "did you mean leaf0:Ethernet8?"),
        (["leaf0:spine9"], "did you mean leaf0:spine0?"),
        (["laef0"], "did you mean leaf0?"),
        (["leaf0:spine0[3]"], "no port 'leaf0:spine0[3]'"),
        (["h0", "h0.0:p0"], "h0.0:p0 is captured already"),
    ],
)
def test_ports_that_do_not_exist_are_named(names: list[str], message: str) -> None:
    fabric = build_fabric(experiment().topology)
    with pytest.raises(SpecError) as caught:
        resolve_captures(fabric, [CaptureSpec(ports=tuple(names))])
    assert message in str(caught.value)
    assert "record.captures.0.ports" in str(caught.value)


def test_hosts_and_flows_that_do_not_exist_are_named(tmp_path: Path) -> None:
    fabric = build_fabric(experiment().topology)
    with pytest.raises(SpecError, match="no host or NIC 'h9'"):
        resolve_captures(fabric, [CaptureSpec(ports=("h0",), hosts=("h9",))])
    with pytest.raises(SpecError, match="no flow 4: this workload has 1"):
        capture(experiment(), [Flow(0, 2, 1)], tmp_path, "h0", flows=[4])


def test_ports_by_name_by_peer_and_by_node() -> None:
    fabric = build_fabric(experiment({"parallel_links": 2}).topology)

    def ports(*names: str) -> list[str]:
        found = resolve_captures(fabric, [CaptureSpec(ports=names)])
        return [fabric.ports[c.port].name for c in found]

    assert ports("leaf0:Ethernet4") == ["leaf0:Ethernet4"]
    assert ports("leaf0:spine0") == ["leaf0:Ethernet8", "leaf0:Ethernet12"]
    assert ports("leaf0:spine0[1]") == ["leaf0:Ethernet12"]
    assert ports("leaf0:h1") == ports("leaf0:h1.0") == ["leaf0:Ethernet4"]
    assert ports("h2") == ports("h2.0:p0") == ["h2.0:p0"]
    assert len(ports("spine0")) == 4


def test_a_text_is_a_capture_of_that_port() -> None:
    spec = ExperimentSpec.model_validate(
        {**experiment().model_dump(), "record": {"captures": ["leaf0:spine0", {"ports": "h0"}]}}
    )
    assert [c.ports for c in spec.record.captures] == [("leaf0:spine0",), ("h0",)]
