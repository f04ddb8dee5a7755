# SPDX-License-Identifier: Apache-2.0
"""Plausible, schema-valid runs without an engine: what the report's tests read.

The numbers are drawn, not simulated. They only have to have the shapes that the report must
cope with: heavy tails, blocked links, drops after a fault, a design that loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emu.telemetry import COUNTER_KEYS, RunWriter

LEAVES, SPINES, PARALLEL, HOSTS_PER_LEAF = 4, 4, 2, 8
RATE_BPS = 400 * 10**9
INTERVAL_PS = 100 * 10**6
MS = 10**9
FAULT_AT_PS, FAULT_FOR_PS = 20 * MS, 20 * MS


@dataclass(frozen=True)
class Design:
    key: str
    label: str
    tail: float
    """How fast its slowdowns grow with load."""
    loss_ms: float
    """For how long it loses packets after a link failure."""
    active: float
    """Share of the fabric links that carry data."""
    overhead: int = 0
    floods: bool = False


DESIGNS: tuple[Design, ...] = (
    Design("l3", "l3", 1.00, 3.0, 1.0),
    Design("l3-host", "l3-host", 0.85, 1.0, 1.0),
    Design("stretched-l2/rstp", "stretched-l2/rstp", 3.2, 12.0, 0.25, floods=True),
    Design("stretched-l2/mlag", "stretched-l2/mlag", 1.15, 2.0, 1.0, floods=True),
    Design("evpn/l2vni", "evpn/l2vni", 1.05, 3.0, 1.0, overhead=50),
    Design("evpn/l3vni", "evpn/l3vni", 1.04, 3.0, 1.0, overhead=50),
)

TIMERS = {
    "detection": {"value": "los", "source": "RFC 7938 §7.1"},
    "loss_of_signal": {"value": "1ms", "source": "RFC 7938 §7.1: link-down in milliseconds"},
    "bgp_remote_withdraw_per_hop": {"value": "50ms", "source": "no measured source; 50 to 500 ms"},
    "rstp_local": {"value": "50ms", "source": "under 1 s on link down"},
    "mac_age": {"value": "300s", "source": "IEEE 802.1D"},
}


def write_runs(
    out: Path,
    *,
    designs: Sequence[Design] = DESIGNS,
    loads: Sequence[float] = (0.4, 0.7),
    seeds: Iterable[int] = (1, 2, 3),
    fault: bool = True,
    transfers: int = 300,
    withdraw_ms: Sequence[float] = (),
) -> list[Path]:
    """Write designs × (loads + one link failure) × seeds; returns the run directories.

    `withdraw_ms` adds the link failure once per value of `timers.bgp_remote_withdraw_per_hop`.
    """
    cases: list[dict[str, str]] = [
        {"case": "base", "workload.load.fraction": str(load)} for load in loads
    ]
    if fault:
        cases.append(
            {
                "case": "link-failure",
                "faults": "link-down",
                "workload.load.fraction": str(loads[-1]),
            }
        )
        cases += [
            {**cases[-1], "timers.bgp_remote_withdraw_per_hop": f"{ms:g}ms"} for ms in withdraw_ms
        ]
    paths = []
    for design in designs:
        for case in cases:
            slug = "-".join([design.key.replace("/", "-"), *case.values()]).replace(".", "p")
            for seed in seeds:
                path = out / slug / f"seed-{seed}"
                write_run(path, design, case, seed, slug, transfers)
                paths.append(path)
    return paths


def write_run(
    path: Path, design: Design, case: dict[str, str], seed: int, slug: str, n: int
) -> None:
    """Write one run."""
    load = float(case["workload.load.fraction"])
    failing = case["case"] == "link-failure"
    loss_ms = design.loss_ms
    if "timers.bgp_remote_withdraw_per_hop" in case and not design.key.startswith("stretched"):
        loss_ms *= float(case["timers.bgp_remote_withdraw_per_hop"][:-2]) / 50
    sizes = np.random.default_rng(17)  # the trace is the same in every run
    rng = np.random.default_rng([seed, hash_text(design.key), int(load * 100), failing])

    kv = np.clip(sizes.lognormal(np.log(6000), 1.1, n), 200, 1.2e5).astype(np.int64) * 70272 // 4
    # sixteen decode NICs take the offered load in this time
    span_ps = int(float(kv.sum()) * 8 / (16 * RATE_BPS * load) * 1e12)
    arrival = np.sort(sizes.uniform(0, span_ps, n)).astype(np.int64)
    prefill = (kv / 70272 * 4 * 3e5).astype(np.int64)
    ideal = 12_000_000 + kv * 5 * 4178 // 4096  # 5 ps per byte on four NICs
    crowd = load / (1 - load) * design.tail
    slowdown = (
        1
        + design.overhead / 4178
        + rng.gamma(0.9, 0.55 * crowd, n) * (1 + 0.3 * rng.standard_normal()) ** 2**0.5
        + (rng.random(n) < 0.02) * rng.exponential(5 * crowd, n)
    )
    start = arrival + prefill
    if failing:
        hit = (start > FAULT_AT_PS - 3 * MS) & (start < FAULT_AT_PS + loss_ms * MS)
        hit &= rng.random(n) < 0.45
        slowdown = slowdown + hit * (loss_ms * MS / ideal) * rng.uniform(0.3, 1.0, n)
    else:
        hit = np.zeros(n, bool)
    end = start + (slowdown * ideal).astype(np.int64)
    lost = int(hit.sum()) * int(loss_ms * 120)
    unfinished = np.zeros(n, bool)
    if failing and design.key == "stretched-l2/rstp":
        unfinished[np.flatnonzero(hit)[:2]] = True
    end = np.where(unfinished, -1, end)
    status = np.where(unfinished, "unfinished", "done")
    fabric_ps = int(max(end.max(), start.max()) + 5 * MS)
    ids = np.arange(n, dtype=np.int64)
    slow = np.where(unfinished, np.nan, (end - start) / ideal)

    # four rank-to-rank flows per transfer
    f = np.repeat(ids, 4)
    lag = rng.uniform(0.7, 1.0, 4 * n)
    lag[::4] = 1.0
    flow_end = np.where(unfinished[f], -1, start[f] + ((end[f] - start[f]) * lag).astype(np.int64))
    packets = -(-kv[f] // 4 // 4096)
    marked = rng.binomial(packets, min(0.5, 0.02 * crowd))
    order = np.argsort(start[f], kind="stable")
    flows = (
        pd.DataFrame(
            {
                "transfer_id": f,
                "qp_id": f * 4 + np.tile(np.arange(4), n),
                "src_endpoint": (f * 4 + np.tile(np.arange(4), n)) % 16,
                "dst_endpoint": 16 + (f * 4 + np.tile(np.arange(4), n)) % 16,
                "priority": 3,
                "payload_bytes": kv[f] // 4,
                "post_ps": start[f],
                "first_tx_ps": start[f] + 500_000,
                "end_ps": flow_end,
                "acked_ps": np.where(flow_end < 0, -1, flow_end + 2_000_000),
                "retransmitted_bytes": hit[f] * rng.integers(4096, 4096 * 300, 4 * n),
                "packets": packets,
                "ecn_marked_packets": marked,
                "cnp_received": marked // 3,
                "timeouts": hit[f].astype(int),
                "naks": hit[f].astype(int),
                "status": status[f],
            }
        )
        .iloc[order]
        .reset_index(drop=True)
    )
    flows.insert(0, "flow_id", np.arange(4 * n))
    transfers = pd.DataFrame(
        {
            "transfer_id": ids,
            "request_id": ids,
            "kv_bytes": kv,
            "start_ps": start,
            "end_ps": end,
            "ideal_ps": ideal,
            "slowdown": slow,
            "block": np.minimum(start * 10 // start.max(), 9),
            "n_flows": 4,
            "status": status,
        }
    )
    exposed = np.where(end < 0, -1, end - start)
    requests = pd.DataFrame(
        {
            "request_id": ids,
            "arrival_ps": arrival,
            "input_tokens": kv * 4 // 70272,
            "output_tokens": 300,
            "prefill_start_ps": arrival,
            "prefill_end_ps": start,
            "transfer_end_ps": end,
            "ttft_ps": np.where(end < 0, -1, exposed + prefill + 15 * MS),
            "ttft_fabric_ps": exposed,
        }
    )
    ports, links = _ports_and_links(rng, design, kv.sum(), fabric_ps, crowd, lost)
    series = _series(flows, fabric_ps, crowd, rng, lost if failing else 0, loss_ms, design)
    queues = _queues(ports, series, crowd, rng)
    switches = (
        ports[ports["tier"] != "endpoint"]
        .groupby("node", sort=True)
        .agg(
            kind=("tier", "first"),
            drops_packets=("drops_packets", "sum"),
            ecn_marked_packets=("ecn_marked_packets", "sum"),
        )
        .reset_index(names="switch")
    )
    switches["buffer_bytes"] = 113_620_296
    used = np.minimum(0.9, 0.08 * crowd * rng.uniform(0.5, 2, len(switches)))
    switches["buffer_watermark_bytes"] = (used * 113_620_296).astype(np.int64)
    switches["flooded_packets"] = 900 if design.floods and failing else 0

    tx = int(ports["tx_bytes"].sum())
    payload = int(kv.sum())
    total_packets = int(packets.sum())
    pfc = int(ports["pfc_tx_frames"].sum())
    counters: dict[str, Any] = dict.fromkeys(COUNTER_KEYS, 0) | {
        "injected_packets": total_packets + lost,
        "delivered_packets": total_packets,
        "dropped_packets": lost,
        "injected_bytes": tx,
        "delivered_bytes": tx - lost * 4178,
        "dropped_bytes": lost * 4178,
        "dropped_by_reason": {"link_down": lost // 3, "no_route": lost - lost // 3} if lost else {},
        "dropped_bytes_by_reason": {},
        "retransmitted_bytes": int(flows["retransmitted_bytes"].sum()),
        "header_bytes": total_packets * 4 * (82 + design.overhead),
        "flooded_packets": 5400 if design.floods and failing else 0,
        "flooded_bytes": 5400 * 4178 if design.floods and failing else 0,
        "blackholed_packets": lost - lost // 3,
        "cnp_packets": int(flows["cnp_received"].sum()),
        "ack_packets": total_packets // 16,
        "ecn_marked_packets": int(marked.sum()),
        "pfc_frames": pfc,
    }
    blocked = links.loc[links["blocked"], "name"].tolist()
    with RunWriter(path, replace=True) as run:
        for name, frame in {
            "flows": flows,
            "transfers": transfers,
            "requests": requests,
            "ports": ports,
            "links": links,
            "switches": switches,
            "series": series,
            "queues": queues,
            "events": _events(failing, loss_ms, design),
        }.items():
            run.write_table(name, frame)
        run.write_meta(
            {
                "emu_version": "0.1.0",
                "experiment": "first-look",
                "question": "Which fabric design keeps KV transfers lossless and their tail short?",
                "variant": slug,
                "labels": {"design": design.label, **case},
                "design": design.key,
                "design_label": design.label,
                "seed": seed,
                "backend": "sim",
                "fabric_ps": fabric_ps,
                "packets": total_packets,
                "packet_hops": total_packets * 4,
                "command": f"emu run experiments/first-look.yaml --only {slug} --seed {seed}",
                "spec": {
                    "workload": {
                        "model": "deepseek-v3",
                        "kv_dtype": "bf16",
                        "engine": "nixl-pull",
                        "trace": {"file": "traces/mooncake-sample.jsonl", "limit": n},
                    },
                    "transport": {"cc": "dcqcn", "dcqcn": "vendor"},
                    "topology": {
                        "name": "leaf-spine-32x400G",
                        "clos": {
                            "tiers": 2,
                            "leaves": LEAVES,
                            "spines": SPINES,
                            "parallel_links": PARALLEL,
                            "host_rate": "400G",
                        },
                        "switches": {
                            "leaf": {
                                "name": "tomahawk4",
                                "buffer": "113620296B",
                                "sources": {"buffer": "SONiC Z9664f-O64 pool"},
                            }
                        },
                    },
                    "record": {"sample_interval": "100us", "blocks": 10},
                },
                "scenario_sha256": f"{hash_text(slug + str(seed)):064x}",
                "counters": counters,
                "offered_load": load,
                "blocked_links": blocked,
                "notes": [f"{len(blocked)} of {len(links)} links carry nothing"] if blocked else [],
                "timers": {
                    **TIMERS,
                    **(
                        {
                            "bgp_remote_withdraw_per_hop": {
                                "value": case["timers.bgp_remote_withdraw_per_hop"],
                                "source": TIMERS["bgp_remote_withdraw_per_hop"]["source"],
                            }
                        }
                        if "timers.bgp_remote_withdraw_per_hop" in case
                        else {}
                    ),
                },
                "n_endpoints": LEAVES * HOSTS_PER_LEAF,
                "host_rate_bps": RATE_BPS,
            }
        )
        run.write_timing(wall_s=4.2, cpu_s=4.1)
    assert payload > 0


def hash_text(text: str) -> int:
    """A small number that depends on the text alone (`hash` differs between processes)."""
    value = 0
    for byte in text.encode():
        value = (value * 131 + byte) % 1_000_003
    return value


def _ports_and_links(
    rng: np.random.Generator, design: Design, payload: int, fabric_ps: int, crowd: float, lost: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    port = 0

    def add(node: str, tier: str, peer: str, peer_tier: str, kind: str, bytes_: float) -> int:
        nonlocal port
        congested = tier != "endpoint" and bytes_ > 0
        pause = rng.exponential(2e6 * crowd**2) * (rng.random() < 0.15 * crowd) * congested
        tx = int(bytes_)
        if tx:
            rows.append(
                {
                    "port": port,
                    "node": node,
                    "name": f"{node}:{port}",
                    "kind": kind,
                    "tier": tier,
                    "peer": peer,
                    "peer_tier": peer_tier,
                    "priority": 3,
                    "rate_bps": RATE_BPS,
                    "tx_packets": tx // 4178,
                    "tx_bytes": tx,
                    "tx_payload_bytes": tx * 4096 // 4178,
                    "drops_packets": 0,
                    "drops_bytes": 0,
                    "drops_by_reason": "{}",
                    "ecn_marked_packets": int(tx / 4178 * 0.01 * crowd) if congested else 0,
                    "pfc_tx_frames": int(pause / 1e5),
                    "pfc_rx_frames": int(pause / 1e5),
                    "pfc_rx_pause_ps": int(pause),
                    "pfc_wd_detected": 0,
                    "pfc_wd_restored": 0,
                    "egress_watermark_bytes": int(min(6e6, 4e5 * crowd * rng.exponential(1) + 9e3)),
                    "pg_watermark_bytes": int(3e5 * rng.exponential(1)),
                    "headroom_watermark_bytes": int(pause / 50),
                }
            )
        port += 1
        return port - 1

    n_hosts = LEAVES * HOSTS_PER_LEAF
    for h in range(n_hosts):
        leaf = f"leaf{h // HOSTS_PER_LEAF}"
        up = payload * 1.02 / 16 if h < 16 else 1e6
        down = payload * 1.02 / 16 if h >= 16 else 1e6
        a = add(f"h{h}", "endpoint", leaf, "leaf", "access", up)
        b = add(leaf, "leaf", f"h{h}", "endpoint", "access", down)
        links.append(
            _link(
                len(links),
                f"h{h}.0-{leaf}",
                "access",
                a,
                b,
                f"h{h}",
                leaf,
                "endpoint",
                "leaf",
                False,
                up,
                down,
            )
        )
    carried = payload * 1.02 * 0.8 / (LEAVES / 2)
    for i in range(LEAVES):
        shares = rng.dirichlet(np.full(SPINES * PARALLEL, 18.0))
        for s in range(SPINES):
            for k in range(PARALLEL):
                blocked = design.active < 1 and (s > 0 or k > 0)
                share = shares[s * PARALLEL + k] if design.active == 1 else float(not blocked)
                up = carried * share * (1.0 if i < 2 else 0.02)
                down = carried * share * (1.0 if i >= 2 else 0.02)
                a = add(f"leaf{i}", "leaf", f"spine{s}", "spine", "fabric", up)
                b = add(f"spine{s}", "spine", f"leaf{i}", "leaf", "fabric", down)
                links.append(
                    _link(
                        len(links),
                        f"leaf{i}-spine{s}[{k}]",
                        "fabric",
                        a,
                        b,
                        f"leaf{i}",
                        f"spine{s}",
                        "leaf",
                        "spine",
                        blocked,
                        up,
                        down,
                    )
                )
    frame = pd.DataFrame(rows)
    if lost:
        at = frame.index[frame["name"].str.startswith("leaf1:") & (frame["kind"] == "fabric")][0]
        frame.loc[at, "drops_packets"] = lost
        frame.loc[at, "drops_bytes"] = lost * 4178
        frame.loc[at, "drops_by_reason"] = json.dumps({"link_down": lost})
    return frame, pd.DataFrame(links)


def _link(
    link: int,
    name: str,
    kind: str,
    a: int,
    b: int,
    a_node: str,
    b_node: str,
    a_tier: str,
    b_tier: str,
    blocked: bool,
    a_tx: float,
    b_tx: float,
) -> dict[str, Any]:
    return {
        "link": link,
        "name": name,
        "kind": kind,
        "a_port": a,
        "b_port": b,
        "a_node": a_node,
        "b_node": b_node,
        "a_tier": a_tier,
        "b_tier": b_tier,
        "rate_bps": RATE_BPS,
        "delay_ps": 15_000 if kind == "access" else 150_000,
        "blocked": blocked,
        "a_tx_bytes": int(a_tx),
        "b_tx_bytes": int(b_tx),
    }


def _series(
    flows: pd.DataFrame,
    fabric_ps: int,
    crowd: float,
    rng: np.random.Generator,
    lost: int,
    loss_ms: float,
    design: Design,
) -> pd.DataFrame:
    edges = np.arange(0, fabric_ps + INTERVAL_PS, INTERVAL_PS)
    t = edges[1:]
    done = flows[flows["end_ps"] > 0]
    # spread each flow's bytes evenly over its life
    delivered = np.zeros(len(t))
    first = np.clip(done["post_ps"].to_numpy() // INTERVAL_PS, 0, len(t) - 1)
    last = np.clip(done["end_ps"].to_numpy() // INTERVAL_PS, 0, len(t) - 1)
    rate = done["payload_bytes"].to_numpy() / (last - first + 1)
    np.add.at(delivered, first, rate)
    np.add.at(delivered, np.minimum(last + 1, len(t) - 1), -rate)
    delivered = np.maximum(np.cumsum(delivered), 0).astype(np.int64)
    pause = rng.exponential(3e7 * crowd**2, len(t)) * (rng.random(len(t)) < 0.05 * crowd)
    frame = pd.DataFrame(
        {
            "t_ps": t,
            "delivered_payload_bytes": delivered,
            "tx_bytes": delivered * 4,
            "drops_packets": 0,
            "ecn_marked_packets": (delivered / 4096 * 0.02 * crowd).astype(int),
            "pfc_frames": (pause / 1e6).astype(int),
            "paused_ps": pause.astype(np.int64),
            "flooded_bytes": 0,
            "cnp_packets": (delivered / 4096 * 0.005 * crowd).astype(int),
            "retransmitted_bytes": 0,
        }
    )
    if lost:
        during = (t > FAULT_AT_PS) & (t <= FAULT_AT_PS + int(loss_ms * MS))
        frame.loc[during, "drops_packets"] = lost // max(1, int(during.sum()))
        frame.loc[during, "retransmitted_bytes"] = 4096 * frame.loc[during, "drops_packets"]
        if design.floods:
            frame.loc[during, "flooded_bytes"] = 5400 * 4178 // max(1, int(during.sum()))
    return frame


def _queues(
    ports: pd.DataFrame, series: pd.DataFrame, crowd: float, rng: np.random.Generator
) -> pd.DataFrame:
    busy = ports[ports["tier"] != "endpoint"]
    t = series["t_ps"].to_numpy()
    deep = series["delivered_payload_bytes"].to_numpy() / 1e8
    frames = []
    for row in busy.itertuples():
        depth = deep * rng.exponential(2e5 * crowd, len(t)) * (rng.random(len(t)) < 0.4)
        keep = depth > 1e5
        frames.append(
            pd.DataFrame(
                {
                    "t_ps": t[keep],
                    "port": row.port,
                    "priority": 3,
                    "egress_bytes": depth[keep].astype(np.int64),
                    "pg_bytes": (depth[keep] / 3).astype(np.int64),
                    "paused": rng.random(int(keep.sum())) < 0.02 * crowd,
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(["t_ps", "port"], ignore_index=True)


def _events(failing: bool, loss_ms: float, design: Design) -> pd.DataFrame:
    rows: list[tuple[int, str, str, str, str, str]] = []
    if failing:
        link = "leaf1-spine2[0]"
        repair = FAULT_AT_PS + int(loss_ms * MS)
        rows = [
            (FAULT_AT_PS, "link-state", "start", "", link, f"{link} goes down"),
            (FAULT_AT_PS + MS, "port-detected", "step", "leaf1", link, "loss of signal"),
            (FAULT_AT_PS + MS, "forwarding", "step", "leaf1", link, "group without the dead link"),
            (repair, "forwarding", "step", "leaf0", "", "route via spine2 withdrawn"),
            (FAULT_AT_PS + FAULT_FOR_PS, "link-state", "end", "", link, f"{link} comes up"),
        ]
        if design.floods:
            rows.insert(
                3,
                (
                    FAULT_AT_PS + 2 * MS,
                    "mac-flush",
                    "step",
                    "leaf0",
                    "",
                    "topology change: learned addresses forgotten",
                ),
            )
    return pd.DataFrame(rows, columns=["t_ps", "kind", "phase", "node", "port", "detail"])
