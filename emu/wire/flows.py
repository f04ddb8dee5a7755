# SPDX-License-Identifier: Apache-2.0
"""Flows: one row per direction of a queue pair, and per queue pair that carries data."""

from __future__ import annotations

from typing import Any

from emu.wire.columns import Columns, nullable, plain
from emu.wire.inspection import Inspection

__all__ = ["data_flows", "flow_table"]

_UNKNOWN = -1
_NULLABLE = ("vni", "peer", "data_first_ps", "data_last_ps", "data_ce_ps")
_NAKS = (
    "nak_sequence",
    "nak_invalid_request",
    "nak_remote_access",
    "nak_remote_operation",
    "nak_invalid_rd",
    "nak_other",
)


def _is_nullable(name: str) -> bool:
    measured = name.startswith(("rtt_", "completion_")) and name.endswith("_ps")
    return name in _NULLABLE or measured


def flow_table(inspection: Inspection) -> Columns:
    """Every direction with everything that was counted about it.

    `flow` is the row's number; `peer` is the row of the other direction of the same queue pair,
    where `paired_by` says how it was found. Times are picoseconds since `time_base_s`; RTT and
    completion percentiles are within 1.6 % (buckets of 1/32 of a power of two).
    """
    native = inspection.flows
    n = len(native["src"])
    table: Columns = {"file": [inspection.name] * n, "flow": list(range(n))}
    for name, values in native.items():
        table[name] = nullable(values, _UNKNOWN) if _is_nullable(name) else plain(values)
    for name in ("rtt_count", "completion_count"):
        table[name] = [max(0, int(v)) for v in native[name]]
    table["time_base_s"] = [inspection.capture["base_s"]] * n
    return table


def data_flows(inspection: Inspection) -> list[dict[str, Any]]:
    """Directions that carry payload, most first, joined with what the other direction answers.

    Keys: flow, src, dst, vni, dst_qp, src_qp (None when unpaired), packets, bytes,
    payload_bytes, goodput_bps, messages, messages_acked, completion and RTT percentiles,
    psn_gaps, missing_psns, out_of_order, duplicates, retransmitted_packets, naks (by code), rnrs,
    marked_share, cnps, cnps_per_s, reaction_ratio (bytes in the window after a CNP over those in
    the window before).
    """
    native = {name: plain(values) for name, values in inspection.flows.items()}
    out = []
    for i, data_packets in enumerate(native["data_packets"]):
        if data_packets == 0:
            continue
        row = {name: values[i] for name, values in native.items()}
        peer = row["peer"]
        back = {name: values[peer] for name, values in native.items()} if peer >= 0 else None
        out.append(_joined(i, row, back))
    out.sort(key=lambda r: (-r["payload_bytes"], r["flow"]))
    return out


def _joined(number: int, row: dict[str, Any], back: dict[str, Any] | None) -> dict[str, Any]:
    # The requests of a READ go the other way: its messages and RTT are counted there.
    asks = row if _messages(row) or back is None else back
    span_ps = row["data_last_ps"] - row["data_first_ps"]
    return {
        "flow": number,
        "src": row["src"],
        "dst": row["dst"],
        "vni": None if row["vni"] < 0 else row["vni"],
        "dst_qp": row["dst_qp"],
        "src_qp": back["dst_qp"] if back else None,
        "paired_by": row["paired_by"] or None,
        "src_port": row["src_port"],
        "dscp": row["dscp"],
        "path_mtu": row["path_mtu"] or None,
        "packets": row["packets"],
        "bytes": row["bytes"],
        "payload_bytes": row["payload_bytes"],
        "goodput_bps": row["goodput_bytes"] * 8e12 / span_ps if span_ps > 0 else None,
        "first_ps": row["first_ps"],
        "last_ps": row["last_ps"],
        "messages": _messages(asks),
        "messages_acked": asks["messages_acked"],
        **{
            f"{what}_{q}_ps": asks[f"{what}_{q}_ps"] if asks[f"{what}_count"] > 0 else None
            for what in ("completion", "rtt")
            for q in ("p50", "p99", "p999", "max")
        },
        "rtt_count": max(0, asks["rtt_count"]),
        "psn_gaps": row["psn_gaps"],
        "missing_psns": row["missing_psns"],
        "unseen_psns": row["unseen_psns"],
        "out_of_order": row["out_of_order"],
        "duplicates": row["duplicates"],
        "retransmitted_packets": row["retransmitted_packets"],
        "naks": {
            name.removeprefix("nak_"): back[name] for name in _NAKS if back and back[name] > 0
        },
        "rnrs": back["rnrs"] if back else None,
        "marked_packets": row["data_ce_packets"],
        "marked_share": row["data_ce_packets"] / row["data_packets"],
        "cnps": back["cnps"] if back else None,
        "cnps_per_s": back["cnps"] * 1e12 / span_ps if back and span_ps > 0 else None,
        "reactions": row["reactions"],
        "reaction_ratio": (
            row["reaction_after_bytes"] / row["reaction_before_bytes"]
            if row["reactions"] > 0
            else None
        ),
    }


def _messages(row: dict[str, Any]) -> int:
    return int(
        row["send_messages"] + row["write_messages"] + row["read_messages"] + row["atomic_messages"]
    )
