# SPDX-License-Identifier: Apache-2.0
"""The whole way from a trace to the four frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emu.errors import SpecError, TraceError
from emu.fabric.graph import Fabric
from emu.spec import BackgroundSpec, ExperimentSpec, load_experiment
from emu.workload import Workload, build_workload, check_workload, find_model
from emu.workload.background import background_flows
from emu.workload.frames import REQUEST_COLUMNS
from emu.workload.queue_pairs import udp_source_port
from emu.workload.wire import wire_bytes

Make = Callable[..., Workload]

ENGINES = ("nixl-pull", "nixl-push", "mooncake", "layered")


def _check_frames(work: Workload, fabric: Fabric) -> None:
    """What the engine relies on."""
    for frame, key in (
        (work.requests, "request_id"),
        (work.transfers, "transfer_id"),
        (work.flows, "flow_id"),
        (work.qps, "qp_id"),
    ):
        assert frame[key].tolist() == list(range(len(frame)))
    flows, qps = work.flows, work.qps
    assert flows["post_ps"].is_monotonic_increasing
    assert flows["post_ps"].min() >= 0
    assert flows["payload_bytes"].min() > 0
    assert flows["src_endpoint"].between(0, fabric.n_endpoints - 1).all()
    assert flows["dst_endpoint"].between(0, fabric.n_endpoints - 1).all()
    assert (flows["src_endpoint"] != flows["dst_endpoint"]).all()
    joined = flows.merge(qps, on="qp_id", suffixes=("", "_qp"))
    for name in ("src_endpoint", "dst_endpoint", "priority"):
        assert (joined[name] == joined[f"{name}_qp"]).all()
    assert qps["udp_sport"].between(0xC000, 0xFFFF).all()
    assert set(qps["qp_id"]) == set(flows["qp_id"])
    own = flows[flows["transfer_id"] >= 0].groupby("transfer_id")
    assert own["payload_bytes"].sum().tolist() == work.transfers["kv_bytes"].tolist()
    assert own["post_ps"].min().tolist() == work.transfers["ready_ps"].tolist()
    assert own.size().tolist() == work.transfers["n_flows"].tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_frames_hold_what_the_engine_relies_on(make: Make, fabric: Fabric, engine: str) -> None:
    work = make(engine=engine)
    _check_frames(work, fabric)
    assert tuple(work.requests.columns) == REQUEST_COLUMNS
    assert work.requests["kv_bytes"].tolist() == work.transfers["kv_bytes"].tolist()
    assert set(work.flows["verb"]) == {"read" if engine == "nixl-pull" else "write"}
    assert set(work.flows["src_endpoint"]) <= set(range(8))
    assert set(work.flows["dst_endpoint"]) <= set(range(8, 16))
    assert work.flows["post_ps"].min() == 0


def test_bytes_are_those_of_the_model(make: Make) -> None:
    work = make(model="llama-3.1-70b", kv_dtype="fp8")
    tokens = work.requests["input_tokens"].to_numpy()
    assert work.requests["kv_bytes"].tolist() == (tokens * 163_840).tolist()


def test_latent_cache_crosses_once_per_decode_rank(make: Make) -> None:
    work = make(parallelism={"prefill_tp": 2, "decode_tp": 4})
    tokens = work.requests["input_tokens"].to_numpy()
    assert work.requests["kv_bytes"].tolist() == (4 * tokens * 70_272).tolist()
    assert work.stats["kv_copies"] == 4
    assert any("crosses the network 4 times" in note for note in work.notes)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", [0.1, 0.7])
def test_offered_load_is_the_stated_one(
    make: Make, fabric: Fabric, engine: str, fraction: float
) -> None:
    work = make(engine=engine, load={"fraction": fraction, "method": "compress"})
    wire = wire_bytes(work.flows["payload_bytes"].to_numpy(), fabric.spec.nic.mtu).sum()
    capacity = 8 * 400 * 10**9
    measured = wire * 8 / (work.span_ps / 1e12) / capacity
    assert measured == pytest.approx(fraction, rel=1e-6)
    assert work.offered_load == pytest.approx(fraction)


def test_without_a_fraction_the_trace_keeps_its_time(make: Make) -> None:
    work = make(load={"fraction": None, "method": "compress"}, trace={"spread": "0s"})
    arrivals = np.diff(np.sort(work.requests["arrival_ps"]))
    assert set((arrivals // 10**9).tolist()) <= {0, 2997, 3000, 3001, 3003}
    assert work.stats["time_compression"] == 1.0
    assert 0 < work.offered_load < 0.1


def test_compression_leaves_queue_and_prefill_times_alone(make: Make) -> None:
    one = make(load={"fraction": 0.2, "method": "compress"})
    two = make(load={"fraction": 0.8, "method": "compress"})
    for begin, end in (("arrival_ps", "prefill_start_ps"), ("prefill_start_ps", "prefill_end_ps")):
        spent = [w.requests[end] - w.requests[begin] for w in (one, two)]
        assert spent[0].tolist() == spent[1].tolist()
    assert one.span_ps == pytest.approx(4 * two.span_ps, rel=1e-6)
    assert one.requests["kv_bytes"].tolist() == two.requests["kv_bytes"].tolist()


def test_pull_posts_after_prefill_by_the_overhead(make: Make) -> None:
    work = make(engine="nixl-pull")
    wait = work.transfers["ready_ps"] - work.transfers["last_ready_ps"]
    # DeepSeek: one region per layer.
    assert set(wait) == {61 * 2_430_000}


@pytest.mark.parametrize("engine", ["mooncake", "layered"])
def test_pushed_parts_leave_before_prefill_ends(make: Make, engine: str) -> None:
    work = make(engine=engine)
    long = work.requests["input_tokens"].to_numpy() > 2048
    early = work.transfers["last_ready_ps"] - work.transfers["ready_ps"]
    assert (early[long] > 0).all()


def test_prefill_queue_delays_prefills_at_the_traces_own_rate(make: Make) -> None:
    slow = {"prefill": {"tokens_per_s": 10_000.0}, "prefill_queue": True}
    requests = make(compute=slow).requests
    assert (requests["prefill_start_ps"] > requests["arrival_ps"]).any()
    for _, own in requests.groupby("prefill_worker"):
        spent = (own["prefill_end_ps"] - own["prefill_start_ps"]).sum()
        assert spent > 0


def test_the_queue_and_superposition_exclude_each_other(make: Make) -> None:
    with pytest.raises(SpecError, match=r"prefill_queue is true and load\.method is superpose"):
        make(compute={"prefill_queue": True}, load={"fraction": 0.5, "method": "superpose"})


def test_seeds_change_times_and_ports_but_no_sizes(make: Make) -> None:
    one, again, two = make(seed=1), make(seed=1), make(seed=2)
    for name in ("requests", "transfers", "flows", "qps"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(again, name))
    assert one.qps["udp_sport"].tolist() != two.qps["udp_sport"].tolist()
    tokens = [sorted(w.requests["input_tokens"]) for w in (one, two)]
    # The spread may carry rows over the limit; within it sizes are the trace's own.
    assert len(set(tokens[0]) & set(tokens[1])) > 0.8 * len(set(tokens[0]))
    assert (one.stats, one.notes) == (again.stats, again.notes)


def test_superposed_sessions_reach_the_load_with_the_traces_own_durations(make: Make) -> None:
    work = make(trace={"limit": 500}, load={"fraction": 0.5, "method": "superpose"})
    assert len(work.requests) == 500
    assert work.stats["sessions"] > 10
    assert work.offered_load == pytest.approx(0.5)
    # So many copies as come near the load: little is left for compression.
    assert 0.5 < work.stats["time_compression"] < 2


def test_a_stated_number_of_sessions_is_kept(make: Make) -> None:
    work = make(trace={"limit": None}, load={"fraction": 0.5, "method": "superpose", "sessions": 3})
    assert work.stats["sessions"] == 3
    assert len(work.requests) == 3 * 400
    counts = work.requests["input_tokens"].value_counts()
    assert (counts % 3 == 0).all()


def test_prefixes_of_different_sessions_are_not_shared(make: Make) -> None:
    sessions = {"fraction": 0.5, "method": "superpose", "sessions": 2}
    reuse = {"prefix_reuse": True, "parallelism": {"prefill_tp": 2, "decode_tp": 8}}
    one = make(trace={"limit": None}, load={"fraction": 0.5, "method": "compress"}, **reuse)
    two = make(trace={"limit": None}, load=sessions, **reuse)
    shares = [
        w.requests["reused_tokens"].sum() / w.requests["input_tokens"].sum() for w in (one, two)
    ]
    assert 0 < shares[1] < 1.5 * shares[0]


def test_reuse_saves_bytes_and_never_all_of_them(make: Make) -> None:
    reuse = {"prefix_reuse": True, "placement": {"decode": "prefix-aware"}}
    requests = make(trace={"limit": None}, **reuse).requests
    reused = requests["reused_tokens"]
    assert reused.sum() > 0
    assert (reused < requests["input_tokens"]).all()
    left = (requests["input_tokens"] - reused).to_numpy()
    size = find_model("deepseek-v3").kv_bytes(left, "bf16") * 2
    assert requests["kv_bytes"].tolist() == size.tolist()


def test_prefix_aware_placement_finds_more_than_round_robin(make: Make) -> None:
    found = [
        make(trace={"limit": None}, prefix_reuse=True, placement={"decode": policy})
        .requests["reused_tokens"]
        .sum()
        for policy in ("round-robin", "prefix-aware")
    ]
    assert found[1] > found[0]


@pytest.mark.parametrize("pattern", ["uniform", "incast", "all-to-all"])
def test_background_traffic_has_its_load(make: Make, fabric: Fabric, pattern: str) -> None:
    entry = {"pattern": pattern, "load": 0.2, "size": "100KB", "fan_in": 4, "priority": 3}
    work = make(background=[entry])
    _check_frames(work, fabric)
    extra = work.flows[work.flows["transfer_id"] == -1]
    assert len(extra) == work.stats["background_messages"]
    wire = wire_bytes(extra["payload_bytes"].to_numpy(), fabric.spec.nic.mtu).sum()
    window = work.flows.loc[work.flows["transfer_id"] >= 0, "post_ps"].max() / 1e12
    assert wire * 8 / window / (16 * 400e9) == pytest.approx(0.2, rel=0.1)
    # Same priority and, often, the same endpoints: still queue pairs of their own.
    own = work.flows[work.flows["transfer_id"] >= 0]
    assert not set(own["qp_id"]) & set(extra["qp_id"])
    events = extra.groupby("post_ps")
    if pattern == "incast":
        assert (events["dst_endpoint"].nunique() == 1).all()
        assert (events["src_endpoint"].nunique() == 4).all()
    if pattern == "all-to-all":
        assert (events.size() == 12).all()


def test_background_leaves_the_transfers_alone(make: Make) -> None:
    entry = {"pattern": "incast", "load": 0.1, "start": "1ms", "stop": "3ms"}
    alone, beside = make(), make(background=[entry])
    pd.testing.assert_frame_equal(alone.transfers, beside.transfers)
    extra = beside.flows[beside.flows["transfer_id"] == -1]
    assert extra["post_ps"].between(10**9, 3 * 10**9).all()


def test_background_that_does_not_fit(make: Make, fabric: Fabric) -> None:
    crowd = BackgroundSpec(pattern="all-to-all", load=0.1, fan_in=17)
    with pytest.raises(SpecError, match="all-to-all with fan_in 17 takes 17 endpoints"):
        background_flows((crowd,), fabric, 10**12, 1)
    with pytest.raises(SpecError, match="at most 5,000,000 fit"):
        make(background=[{"pattern": "uniform", "load": 1.0, "size": "1B", "stop": "1s"}])


def test_a_single_transfer_has_no_load(make: Make) -> None:
    with pytest.raises(SpecError, match="at least two transfers"):
        make(trace={"limit": 1})
    work = make(trace={"limit": 1}, load={"fraction": None, "method": "compress"})
    assert (work.offered_load, work.span_ps, len(work.transfers)) == (0.0, 0, 1)


def test_a_note_warns_when_posts_spread_beyond_the_span(make: Make) -> None:
    work = make(
        engine="layered",
        trace={"limit": 100},
        load={"fraction": 0.5, "method": "superpose"},
        compute={"prefill": "h100-tp8-llama405b"},
    )
    assert any("the mean load is lower" in note for note in work.notes)


def _flow_list(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "flows.csv"
    path.write_text(text)
    return {"file": str(path), "limit": None}


def test_flow_list_becomes_transfers_without_requests(
    make: Make, fabric: Fabric, tmp_path: Path
) -> None:
    text = (
        "start_us,src,dst,bytes,transfer,priority,verb\n"
        "0,h0.0,h9.0,1000,7,,\n1,1,9,500,7,,read\n2.5,3,12,4096,,5,write\n"
    )
    load = {"fraction": None, "method": "compress"}
    work = make(trace=_flow_list(tmp_path, text), load=load)
    _check_frames(work, fabric)
    assert len(work.requests) == 0
    assert tuple(work.requests.columns) == REQUEST_COLUMNS
    assert work.transfers["kv_bytes"].tolist() == [1500, 4096]
    assert work.transfers["request_id"].tolist() == [-1, -1]
    assert work.flows["post_ps"].tolist() == [0, 1_000_000, 2_500_000]
    assert work.flows["verb"].tolist() == ["write", "read", "write"]
    assert work.flows["priority"].tolist() == [3, 3, 5]
    assert work.model is None


def test_flow_list_is_compressed_to_a_load(make: Make, tmp_path: Path) -> None:
    rows = "".join(f"{i * 10},{i % 8},{8 + i % 8},1000000\n" for i in range(50))
    work = make(trace=_flow_list(tmp_path, "start_us,src,dst,bytes\n" + rows))
    assert work.offered_load == pytest.approx(0.5)
    assert any("compressed" in note for note in work.notes)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1,h99.0,2,5", "row 3: unknown endpoint 'h99.0'"),
        ("1,16,2,5", "row 3: unknown endpoint '16'"),
        ("1,h2.0,2,5", "row 3: src h2.0 and dst 2 are the same endpoint"),
    ],
)
def test_endpoints_that_the_fabric_lacks(make: Make, tmp_path: Path, row: str, said: str) -> None:
    text = f"start_us,src,dst,bytes\n0,0,1,5\n{row}\n"
    with pytest.raises(TraceError) as caught:
        make(trace=_flow_list(tmp_path, text))
    assert said in str(caught.value)


def test_rails_carry_rank_i_on_nic_i(
    make_spec: Callable[..., ExperimentSpec], rail_fabric: Fabric
) -> None:
    spec = make_spec(
        topology="rail-16x8x400G",
        parallelism={"prefill_tp": 8, "decode_tp": 8},
        model="llama-3.1-70b",
    )
    flows = build_workload(spec, rail_fabric, 1).flows
    rail = [
        flows[side].map(lambda e: rail_fabric.nodes[e].nic)
        for side in ("src_endpoint", "dst_endpoint")
    ]
    assert (rail[0] == rail[1]).all()


def test_source_port_is_that_of_rdma_core() -> None:
    # rdma_calc_flow_label and rdma_flow_label_to_udp_sport, worked out by hand.
    product = 0x11 * 0x12
    label = (product ^ product >> 20) & 0xFFFFF
    assert udp_source_port(np.array([0x11]), np.array([0x12])).tolist() == [
        ((label & 0x3FFF) ^ (label >> 14)) | 0xC000
    ]


def test_skipped_rows_reach_the_stats(make: Make, tmp_path: Path, sample: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    path.write_text("nonsense\n" + sample.read_text())
    work = make(trace={"file": str(path), "skip_bad": True})
    assert work.stats["rows_skipped"] == {"not JSON": 1}
    assert work.stats["rows_read"] == 401


def test_a_small_prefix_cache_finds_less(make: Make) -> None:
    reuse = {"prefix_reuse": True, "parallelism": {"prefill_tp": 2, "decode_tp": 8}}
    found = [
        make(trace={"limit": None}, prefix_capacity=capacity, **reuse)
        .requests["reused_tokens"]
        .sum()
        for capacity in (None, "90GB", "1B")
    ]
    assert found[0] > found[1] > found[2] >= 0


def test_reuse_without_prefixes_in_the_trace_is_said_to_have_no_effect(
    make: Make, repository: Path
) -> None:
    trace = {"file": str(repository / "traces" / "azure-conv-sample.csv")}
    work = make(trace=trace, prefix_reuse=True)
    assert work.requests["reused_tokens"].sum() == 0
    assert any("no effect" in note for note in work.notes)


def test_everything_that_is_unknown_is_told_at_once(
    make_spec: Callable[..., ExperimentSpec], fabric: Fabric
) -> None:
    spec = make_spec(
        model="kimi-k", engine="moncake", compute={"prefill": "h100"}, parallelism={"decode_tp": 16}
    )
    for refuse in (check_workload, lambda spec, fabric: build_workload(spec, fabric, 1)):
        with pytest.raises(SpecError) as caught:
            refuse(spec, fabric)
        fields = [fault.field for fault in caught.value.faults]
        assert fields == [
            "workload.model",
            "workload.engine",
            "workload.compute.prefill",
            "workload.parallelism.decode_tp",
        ]


def test_faults_tell_file_line_and_column(tmp_path: Path, fabric: Fabric, sample: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "kind: experiment\nname: x\ntopology: leaf-spine-16x400G\nworkload:\n"
        f"  trace: {{file: {sample}}}\n  model: kimi-k\ndesigns: [l3]\n"
    )
    with pytest.raises(SpecError) as caught:
        check_workload(load_experiment(path), fabric)
    assert "x.yaml:6:10: workload.model: unknown model 'kimi-k'" in str(caught.value)


def test_more_sessions_than_fit_are_refused_at_once(make: Make) -> None:
    load = {"fraction": None, "method": "superpose", "sessions": 100_000}
    with pytest.raises(SpecError, match=r"the workload has 80,000,000 messages"):
        make(trace={"limit": None}, load=load)


def test_a_flow_list_is_replayed_as_it_stands_unless_a_load_is_stated(
    make_spec: Callable[..., ExperimentSpec], fabric: Fabric, tmp_path: Path
) -> None:
    path = tmp_path / "flows.csv"
    path.write_text("start_us,src,dst,bytes\n0,0,9,1000\n7,1,9,500\n")
    spec = make_spec(trace={"file": str(path), "limit": None}, load={})
    assert build_workload(spec, fabric, 1).flows["post_ps"].tolist() == [0, 7_000_000]
