# SPDX-License-Identifier: Apache-2.0
"""From an engine that has run to the tables of a run directory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emu.core import _core
from emu.fabric.graph import Fabric
from emu.sim.build import PRIORITIES, reorder_packets
from emu.sim.flows import FlowTotals, all_flow_rows
from emu.sim.ideal import ideal_transfer_ps
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario
from emu.telemetry.schema import DEAD_ENDS

_KINDS = {"endpoint": "endpoint", "leaf": "leaf", "spine": "spine", "super_spine": "super-spine"}


def flow_table(engine: _core.Engine, scenario: Scenario) -> pd.DataFrame:
    """flows.parquet of an engine that was given all flows at once."""
    return all_flow_rows(engine, scenario).frame()


def transfer_table(scenario: Scenario, totals: FlowTotals) -> pd.DataFrame:
    """transfers.parquet."""
    workload = scenario.workload
    given = workload.transfer_table
    ids, start = given["transfer_id"], given["ready_ps"]
    end_ps = totals.end_ps[ids]
    ideal = ideal_transfer_ps(scenario.fabric, scenario.spec, given, workload.stream.transfers())
    with np.errstate(invalid="ignore"):
        slowdown = np.where(end_ps >= 0, (end_ps - start) / ideal, np.nan)
    status = np.where(totals.failed[ids], "failed", np.where(end_ps >= 0, "done", "unfinished"))
    return pd.DataFrame(
        {
            "transfer_id": ids,
            "request_id": given["request_id"],
            "kv_bytes": given["kv_bytes"],
            "start_ps": start,
            "end_ps": end_ps,
            "ideal_ps": ideal,
            "slowdown": slowdown,
            "block": blocks_of(start, scenario.spec.record.blocks),
            "n_flows": given["n_flows"],
            "status": status,
        }
    )


def blocks_of(start_ps: npt.NDArray[np.int64], blocks: int) -> npt.NDArray[np.int64]:
    """Block of time, 0 to blocks - 1, into which each start falls."""
    if len(start_ps) == 0:
        return start_ps
    first, last = int(start_ps.min()), int(start_ps.max())
    span = max(1, last - first + 1)
    return np.minimum((start_ps - first) * blocks // span, blocks - 1)


def request_table(scenario: Scenario, transfers: pd.DataFrame) -> pd.DataFrame:
    """requests.parquet: time to first token, and the fabric's share of it."""
    requests = scenario.workload.requests
    first_step = scenario.spec.workload.compute.first_decode_step
    end = (
        transfers[transfers["request_id"] >= 0]
        .set_index("request_id")["end_ps"]
        .reindex(requests["request_id"])
    )
    # A request whose prefix is all there has no transfer: its cache is complete
    # when its prefill is.
    prefill_end = requests["prefill_end_ps"].to_numpy(np.int64)
    end_ps = np.where(end.isna(), prefill_end, end.fillna(-1)).astype(np.int64)
    unfinished = end.notna().to_numpy() & (end_ps == -1)
    exposed = np.maximum(0, end_ps - prefill_end)
    ttft = np.maximum(end_ps, prefill_end) - requests["arrival_ps"].to_numpy(np.int64) + first_step
    columns = [
        "request_id",
        "arrival_ps",
        "input_tokens",
        "output_tokens",
        "prefill_start_ps",
        "prefill_end_ps",
    ]
    out = requests[columns].reset_index(drop=True)
    out["transfer_end_ps"] = end_ps
    out["ttft_ps"] = np.where(unfinished, -1, ttft)
    out["ttft_fabric_ps"] = np.where(unfinished, -1, exposed)
    return out


def qp_table(engine: _core.Engine, scenario: Scenario, totals: FlowTotals) -> pd.DataFrame:
    """qps.parquet."""
    raw = engine.reordering()
    qps, spec = scenario.workload.qp_table, scenario.spec
    # One bit per packet that may be early; selective repeat keeps the same at the sender.
    sides = {"go-back-n": 0, "in-order": 1, "selective-repeat": 2}[spec.transport.receiver]
    held_bytes = raw["held_max_packets"] * spec.topology.nic.mtu
    in_order = spec.transport.receiver == "in-order"
    return pd.DataFrame(
        {
            "qp_id": qps["qp_id"],
            "src_endpoint": qps["src_endpoint"],
            "dst_endpoint": qps["dst_endpoint"],
            "data_packets": totals.packets,
            "early_packets": raw["early_packets"],
            "early_max_packets": raw["early_max_packets"],
            "discarded_packets": raw["discarded_packets"],
            # Selective repeat places what is early: it holds nothing.
            "reorder_peak_bytes": held_bytes if in_order else np.zeros_like(held_bytes),
            "reorder_state_bytes": sides * -(-reorder_packets(spec) // 8),
        }
    )


def port_tables(
    engine: _core.Engine, scenario: Scenario, ports: PortMap
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """ports.parquet, links.parquet and switches.parquet."""
    fabric = scenario.fabric
    raw = {name: column.reshape(-1, PRIORITIES) for name, column in engine.queues().items()}
    drops = engine.port_drops()
    port_rows = _port_rows(fabric, ports, raw, drops)
    tx = raw["tx_bytes"].sum(axis=1)
    blocked = set(scenario.plan.blocked_links)
    link_rows = [
        {
            "link": link.id,
            "name": link.name,
            "kind": link.kind,
            "a_port": link.a,
            "b_port": link.b,
            "a_node": _node_name(fabric, link.a),
            "b_node": _node_name(fabric, link.b),
            "a_tier": _tier(fabric, link.a),
            "b_tier": _tier(fabric, link.b),
            "rate_bps": fabric.ports[link.a].rate_bps,
            "delay_ps": fabric.ports[link.a].delay_ps,
            "blocked": link.id in blocked,
            "a_tx_bytes": int(tx[ports.to_engine[link.a]]),
            "b_tx_bytes": int(tx[ports.to_engine[link.b]]),
        }
        for link in fabric.links
    ]
    return port_rows, pd.DataFrame(link_rows), _switch_rows(engine, fabric, ports, drops)


def _node_name(fabric: Fabric, port: int) -> str:
    return fabric.nodes[fabric.ports[port].node].name


def _tier(fabric: Fabric, port: int) -> str:
    return _KINDS[fabric.nodes[fabric.ports[port].node].kind.value]


def _port_rows(
    fabric: Fabric,
    ports: PortMap,
    raw: dict[str, npt.NDArray[np.int64]],
    drops: dict[str, dict[str, npt.NDArray[np.int64]]],
) -> pd.DataFrame:
    lost = sum(reason["packets"] for reason in drops.values())
    lost_bytes = sum(reason["bytes"] for reason in drops.values())
    assert not isinstance(lost, int)
    assert not isinstance(lost_bytes, int)
    shown = ("tx_packets", "pfc_tx_frames", "pfc_rx_frames", "pg_watermark_bytes")
    used = np.zeros(raw["tx_packets"].shape, dtype=bool)
    for name in shown:
        used |= raw[name] > 0
    # Drops are counted per port: they are shown on the port's busiest priority.
    busiest = raw["tx_packets"].argmax(axis=1)
    used[np.flatnonzero(lost), busiest[np.flatnonzero(lost)]] = True
    rows: list[dict[str, Any]] = []
    for number, priority in np.argwhere(used).tolist():
        port = fabric.ports[int(ports.to_fabric[number])]
        carries_drops = lost[number] > 0 and busiest[number] == priority
        reasons = {
            reason: int(counts["packets"][number])
            for reason, counts in drops.items()
            if carries_drops and counts["packets"][number]
        }
        rows.append(
            {
                "port": port.id,
                "node": fabric.nodes[port.node].name,
                "name": port.name,
                "kind": fabric.links[port.link].kind,
                "tier": _tier(fabric, port.id),
                "peer": _node_name(fabric, port.peer),
                "peer_tier": _tier(fabric, port.peer),
                "priority": priority,
                "rate_bps": port.rate_bps,
                **{name: int(column[number, priority]) for name, column in raw.items()},
                "drops_packets": int(lost[number]) if carries_drops else 0,
                "drops_bytes": int(lost_bytes[number]) if carries_drops else 0,
                "drops_by_reason": json.dumps(reasons, sort_keys=True),
            }
        )
    return pd.DataFrame(rows).sort_values(["port", "priority"], ignore_index=True)


def _switch_rows(
    engine: _core.Engine,
    fabric: Fabric,
    ports: PortMap,
    drops: dict[str, dict[str, npt.NDArray[np.int64]]],
) -> pd.DataFrame:
    raw = engine.switches()
    lost = sum(reason["packets"] for reason in drops.values())
    assert not isinstance(lost, int)
    rows = []
    for row, node_id in enumerate(fabric.switches):
        node = fabric.nodes[node_id]
        numbers = ports.to_engine[np.array(fabric.ports_of(node_id))]
        rows.append(
            {
                "switch": node.name,
                "kind": _KINDS[node.kind.value],
                "buffer_bytes": int(raw["buffer_bytes"][row]),
                "buffer_watermark_bytes": int(raw["buffer_watermark_bytes"][row]),
                "drops_packets": int(lost[numbers].sum()),
                "flooded_packets": int(raw["flooded_packets"][row]),
                "ecn_marked_packets": int(raw["ecn_marked_packets"][row]),
            }
        )
    return pd.DataFrame(rows)


def queue_table(engine: _core.Engine, ports: PortMap) -> pd.DataFrame:
    """queues.parquet."""
    out = pd.DataFrame(engine.queue_samples())
    out["port"] = ports.to_fabric[out["port"].to_numpy()]
    out["paused"] = out["paused"].astype(bool)
    return out


def series_table(engine: _core.Engine) -> pd.DataFrame:
    """series.parquet: what happened in each interval."""
    out = pd.DataFrame(engine.series())
    counts = [name for name in out.columns if name != "t_ps"]
    out[counts] = out[counts].diff().fillna(out[counts].iloc[:1]).astype(np.int64)
    return out


def counters(engine: _core.Engine) -> dict[str, Any]:
    """``counters`` of run.json."""
    raw = engine.totals()
    packets = raw.pop("dropped_packets_by_reason")
    reasons = raw.pop("dropped_bytes_by_reason")
    payload = int(engine.queues()["tx_payload_bytes"].sum())
    return {
        **raw,
        # Copies made by flooding enter the fabric like any other packet.
        "injected_packets": raw["injected_packets"] + raw["copied_packets"],
        "injected_bytes": raw["injected_bytes"] + raw["copied_bytes"],
        "dropped_packets": sum(packets.values()),
        "dropped_bytes": sum(reasons.values()),
        "dropped_by_reason": {name: n for name, n in packets.items() if n},
        "dropped_bytes_by_reason": {name: n for name, n in reasons.items() if n},
        "header_bytes": raw["wire_bytes"] - payload,
        "blackholed_packets": sum(packets[name] for name in DEAD_ENDS),
    }
