# SPDX-License-Identifier: Apache-2.0
"""What a run directory holds, column by column.

Both backends write this schema and everything downstream (report, compare, the user's
notebooks) reads only this schema. A column's unit is the last word of its name, and its
meaning travels inside the file as field metadata (`pyarrow.parquet.read_schema(f).field(c)`).

Change a column: raise `SCHEMA_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "COUNTER_KEYS",
    "DEAD_ENDS",
    "EVENT_KINDS",
    "EVENT_PHASES",
    "FAULT_KINDS",
    "RUN_KEYS",
    "SCHEMA_VERSION",
    "TABLES",
    "TableSchema",
]

SCHEMA_VERSION: Final = 3


@dataclass(frozen=True)
class TableSchema:
    """One parquet file of a run directory."""

    name: str
    doc: str
    fields: tuple[tuple[str, str, str], ...]
    """Name, type and meaning of each column."""
    required: bool = True
    """Whether a run without rows for it must still hand the table over explicitly."""

    @cached_property
    def schema(self) -> pa.Schema:
        """What is in the file; made when a table is written or read, as it needs pyarrow."""
        import pyarrow as pa

        fields = [
            pa.field(column, pa.type_for_alias(kind), nullable=False, metadata={"doc": doc})
            for column, kind, doc in self.fields
        ]
        about = {"emu.table": self.name, "emu.schema": str(SCHEMA_VERSION), "emu.doc": self.doc}
        return pa.schema(fields, metadata=about)

    @property
    def filename(self) -> str:
        return f"{self.name}.parquet"

    @property
    def columns(self) -> list[str]:
        return [column for column, _, _ in self.fields]


def _table(
    name: str, doc: str, columns: list[tuple[str, str, str]], required: bool = True
) -> TableSchema:
    return TableSchema(name, doc, tuple(columns), required)


_I8, _I32, _I64 = "int8", "int32", "int64"
_F64, _STR, _BOOL = "float64", "string", "bool"

_FLOWS = _table(
    "flows",
    "One row per flow: one message of one queue pair, transfers and background alike.",
    [
        ("flow_id", _I64, "dense, in order of post_ps"),
        ("transfer_id", _I64, "transfer it belongs to; -1 for background traffic"),
        ("qp_id", _I32, "queue pair that carries it"),
        ("src_endpoint", _I32, "NIC that sends the data"),
        ("dst_endpoint", _I32, "NIC that receives the data"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("payload_bytes", _I64, "bytes of the message, without headers"),
        ("post_ps", _I64, "when the work request is posted"),
        ("first_tx_ps", _I64, "start of its first packet on the wire; -1 if it never started"),
        ("end_ps", _I64, "when the receiver has every byte; -1 if it does not"),
        ("acked_ps", _I64, "when the sender knows it; -1 if it does not"),
        ("retransmitted_bytes", _I64, "payload sent again"),
        ("packets", _I64, "data packets sent, retransmissions included"),
        ("ecn_marked_packets", _I64, "data packets that arrived with CE set"),
        ("cnp_received", _I64, "congestion notifications its sender received"),
        ("timeouts", _I32, "retransmission timeouts"),
        ("naks", _I32, "sequence-error NAKs its sender received"),
        ("status", _STR, "done | failed (retries exhausted) | unfinished (run ended first)"),
    ],
)

_TRANSFERS = _table(
    "transfers",
    "One row per transfer: the KV cache of one request, from prefill to decode.",
    [
        ("transfer_id", _I64, "dense"),
        ("request_id", _I64, "request it serves"),
        ("kv_bytes", _I64, "payload of all its flows"),
        ("start_ps", _I64, "when its first byte may leave"),
        ("end_ps", _I64, "when its slowest flow has arrived; -1 if it has not"),
        (
            "ideal_ps",
            _I64,
            "time it takes on the empty fabric with l3 header sizes, over one port of each host",
        ),
        ("slowdown", _F64, "(end_ps - start_ps) / ideal_ps; NaN if it has not ended"),
        ("block", _I32, "block of time its start falls into, from 0; the bootstrap's unit"),
        ("n_flows", _I32, "flows it is made of"),
        ("status", _STR, "done | failed | unfinished"),
    ],
)

_REQUESTS = _table(
    "requests",
    "One row per request of the trace.",
    [
        ("request_id", _I64, "dense"),
        ("arrival_ps", _I64, "when it arrives"),
        ("input_tokens", _I64, "tokens of the prompt"),
        ("output_tokens", _I64, "tokens generated"),
        ("prefill_start_ps", _I64, "when its prefill starts"),
        ("prefill_end_ps", _I64, "when its prefill ends"),
        ("transfer_end_ps", _I64, "when its KV cache is complete at the decoder; -1 if never"),
        ("ttft_ps", _I64, "arrival to first token; -1 if never"),
        (
            "ttft_fabric_ps",
            _I64,
            "the exposed transfer: the part of ttft_ps spent waiting for "
            "the fabric; -1 if it never ended",
        ),
    ],
)

_QPS = _table(
    "qps",
    "One row per queue pair: in which order its data came, and what it takes to bear that.",
    [
        ("qp_id", _I32, "queue pair"),
        ("src_endpoint", _I32, "NIC that sends the data"),
        ("dst_endpoint", _I32, "NIC that receives the data"),
        ("data_packets", _I64, "data packets sent, retransmissions included"),
        ("early_packets", _I64, "data packets that came while an earlier one was missing"),
        ("early_max_packets", _I64, "the most packets by which one was early: the bitmap needed"),
        ("discarded_packets", _I64, "early packets that the receiver did not keep"),
        ("reorder_peak_bytes", _I64, "most of them held at a time, in slots of one MTU"),
        ("reorder_state_bytes", _I64, "bitmaps of both sides, as configured; 0 for go-back-N"),
    ],
    required=False,
)

_PORTS = _table(
    "ports",
    "One row per port (egress direction) and priority that carried or dropped anything.",
    [
        ("port", _I32, "port number in the fabric"),
        ("node", _STR, "node it belongs to"),
        ("name", _STR, "leaf0:Ethernet4"),
        ("kind", _STR, "access | fabric | peer: the link it drives"),
        ("tier", _STR, "endpoint | leaf | spine | super-spine: the node it belongs to"),
        ("peer", _STR, "node at the other end"),
        ("peer_tier", _STR, "tier of the node at the other end"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("rate_bps", _I64, "rate of the link"),
        ("tx_packets", _I64, "packets sent"),
        ("tx_bytes", _I64, "bytes on the wire, preamble and inter-frame gap included"),
        ("tx_payload_bytes", _I64, "RDMA payload sent"),
        ("drops_packets", _I64, "packets dropped on their way to this port or in its queue"),
        ("drops_bytes", _I64, "the same in bytes"),
        ("drops_by_reason", _STR, "JSON object: reason to packets"),
        ("ecn_marked_packets", _I64, "packets this queue set CE on"),
        ("pfc_tx_frames", _I64, "pause frames this port sent for this priority (XOFF)"),
        ("pfc_rx_frames", _I64, "pause frames this port received for this priority (XOFF)"),
        ("pfc_rx_pause_ps", _I64, "time this priority was not allowed to send"),
        ("pfc_wd_detected", _I64, "storms that the PFC watchdog found on this queue"),
        ("pfc_wd_restored", _I64, "storms that it saw end"),
        ("egress_watermark_bytes", _I64, "deepest egress queue"),
        ("pg_watermark_bytes", _I64, "most used by arrivals of this port and class (telemetry.md)"),
        ("headroom_watermark_bytes", _I64, "most headroom used by them"),
    ],
)

_SWITCHES = _table(
    "switches",
    "One row per switch.",
    [
        ("switch", _STR, "name"),
        ("kind", _STR, "leaf | spine | super-spine"),
        ("buffer_bytes", _I64, "size of the packet buffer"),
        ("buffer_watermark_bytes", _I64, "most of it in use (telemetry.md)"),
        ("drops_packets", _I64, "packets dropped, all reasons"),
        ("flooded_packets", _I64, "copies sent because the destination was not known"),
        ("ecn_marked_packets", _I64, "packets it set CE on"),
    ],
)

_LINKS = _table(
    "links",
    "One row per link: a cable, both directions.",
    [
        ("link", _I32, "link number in the fabric"),
        ("name", _STR, "leaf1-spine2[0]"),
        ("kind", _STR, "access | fabric | peer"),
        ("a_port", _I32, "port at one end"),
        ("b_port", _I32, "port at the other end"),
        ("a_node", _STR, "node at one end"),
        ("b_node", _STR, "node at the other end"),
        ("a_tier", _STR, "endpoint | leaf | spine | super-spine"),
        ("b_tier", _STR, "endpoint | leaf | spine | super-spine"),
        ("rate_bps", _I64, "rate of each direction"),
        ("delay_ps", _I64, "propagation delay"),
        ("blocked", _BOOL, "carries no data under this design (spanning tree, standby)"),
        ("a_tx_bytes", _I64, "bytes on the wire from a to b"),
        ("b_tx_bytes", _I64, "bytes on the wire from b to a"),
    ],
)

_QUEUES = _table(
    "queues",
    "Samples of queues, only those that were not empty or were paused.",
    [
        ("t_ps", _I64, "time of the sample"),
        ("port", _I32, "port number in the fabric"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("egress_bytes", _I64, "bytes waiting to be sent by this port"),
        ("pg_bytes", _I64, "buffer used by what arrived on this port"),
        ("paused", _BOOL, "whether the peer has paused this priority"),
    ],
    required=False,
)

_SERIES = _table(
    "series",
    "The whole fabric, per sample interval; each row counts from the row before to t_ps.",
    [
        ("t_ps", _I64, "end of the interval"),
        ("delivered_payload_bytes", _I64, "payload that reached its receiver for the first time"),
        ("tx_bytes", _I64, "bytes on all wires"),
        ("drops_packets", _I64, "packets dropped, all reasons"),
        ("ecn_marked_packets", _I64, "packets marked CE"),
        ("pfc_frames", _I64, "pause frames sent (XOFF)"),
        ("paused_ps", _I64, "time paused, summed over ports and priorities"),
        ("flooded_bytes", _I64, "bytes of copies sent because the destination was not known"),
        ("cnp_packets", _I64, "congestion notifications sent"),
        ("retransmitted_bytes", _I64, "payload sent again"),
    ],
    required=False,
)

_SAI_COUNTERS = _table(
    "sai_counters",
    "What the switches and NICs count, under the names of the Switch Abstraction Interface that "
    "SONiC uses, when the run ended. A counter that is not there is 0.",
    [
        ("object", _STR, "port | queue | priority-group | buffer-pool"),
        ("name", _STR, "port (leaf0:Ethernet4) or, of a buffer pool, the switch"),
        ("index", _I8, "queue or priority group, 0 to 7; -1 for ports and pools"),
        ("counter", _STR, "SAI name, of SAI_COUNTERS; PFC counters of a port hold the priority"),
        ("value", _I64, "packets, octets, microseconds: as the name says"),
    ],
    required=False,
)

_PORT_SERIES = _table(
    "port_series",
    "Ports and priorities per sample interval, those that did or held something; counts are from "
    "the row before of the same port and priority to t_ps.",
    [
        ("t_ps", _I64, "end of the interval"),
        ("port", _I32, "port number in the fabric"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("tx_packets", _I64, "packets sent"),
        ("tx_bytes", _I64, "bytes on the wire, preamble and inter-frame gap included"),
        ("ecn_marked_packets", _I64, "packets this queue set CE on"),
        ("dropped_packets", _I64, "packets refused by this queue or this priority group"),
        ("pfc_tx_frames", _I64, "pause frames this port sent for this priority (XOFF)"),
        ("pfc_rx_frames", _I64, "pause frames it received (XOFF)"),
        ("paused_ps", _I64, "time this priority was not allowed to send"),
        ("egress_bytes", _I64, "in the egress queue at t_ps"),
        ("egress_watermark_bytes", _I64, "deepest egress queue in the interval"),
        ("pg_bytes", _I64, "buffer used at t_ps by what arrived by this port and priority"),
    ],
    required=False,
)

_WIRE_SERIES = _table(
    "wire_series",
    "What ports received per sample interval, all priorities together.",
    [
        ("t_ps", _I64, "end of the interval"),
        ("port", _I32, "port that receives"),
        ("rx_packets", _I64, "packets that arrived whole; pause frames do not count"),
        ("rx_bytes", _I64, "bytes on the wire, preamble and inter-frame gap included"),
        ("rx_errors", _I64, "frames that arrived with a wrong checksum"),
    ],
    required=False,
)

_QP_SERIES = _table(
    "qp_series",
    "Queue pairs per sample interval, those that have something under way.",
    [
        ("t_ps", _I64, "end of the interval"),
        ("qp_id", _I32, "queue pair"),
        ("sent_bytes", _I64, "payload sent for the first time"),
        ("delivered_bytes", _I64, "payload that arrived, in order"),
        ("open_bytes", _I64, "payload sent and not delivered at t_ps"),
        ("rate_bps", _I64, "what congestion control allowed when it last sent or was notified"),
    ],
    required=False,
)

_MICROBURSTS = _table(
    "microbursts",
    "Times in which an egress queue of a switch held more than record.microburst, to the "
    "picosecond.",
    [
        ("port", _I32, "port number in the fabric"),
        ("name", _STR, "leaf0:Ethernet4"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("start_ps", _I64, "when the packet came that brought it above the threshold"),
        ("end_ps", _I64, "when the packet left that brought it back; -1: the run ended first"),
        ("length_ps", _I64, "end_ps - start_ps, or up to the end of the run"),
        ("peak_bytes", _I64, "most it held"),
        ("peak_ps", _I64, "when it held that first"),
        ("packets", _I64, "packets that were in it meanwhile"),
        ("n_flows", _I32, "flows whose data was in it meanwhile"),
        ("flows", _STR, "JSON list of [flow_id, bytes], the 32 largest, largest first"),
    ],
    required=False,
)

_PAUSES = _table(
    "pauses",
    "Pause episodes: from the XOFF of a port to its XON. They are a forest: `parent` holds the "
    "queue that filled the buffer, and a root has a cause of its own.",
    [
        ("pause_id", _I64, "dense, in order of start_ps"),
        ("parent", _I64, "episode that held the queue that filled the buffer; -1: a root"),
        ("root", _I64, "episode at the end of the chain of parents"),
        ("depth", _I32, "parents above it; 0: a root"),
        ("node", _STR, "who asks for the pause"),
        ("port", _I32, "port that sends XOFF"),
        ("name", _STR, "leaf0:Ethernet4"),
        ("priority", _I8, "traffic class, 0 to 7"),
        ("victim", _STR, "node that has to wait"),
        ("victim_port", _I32, "its port"),
        ("victim_name", _STR, "the name of that"),
        ("reason", _STR, "buffer (of a switch) | receiver (a slow host) | storm (a faulty NIC)"),
        ("start_ps", _I64, "first XOFF sent"),
        ("end_ps", _I64, "XON sent; -1: not before the run ended"),
        ("obeyed_ps", _I64, "the victim stops; -1: never"),
        ("released_ps", _I64, "the victim goes on; -1: not before the run ended"),
        ("frames", _I64, "XOFF frames sent, repetitions included"),
        ("cause_port", _I32, "port whose egress queue held the most of the paused traffic; -1"),
        ("cause_name", _STR, "its name, or empty"),
        ("cause_priority", _I8, "that queue; -1: none, a host asked"),
        ("cause_bytes", _I64, "bytes in that queue when the first XOFF was sent"),
        ("cause_flows", _STR, "JSON list of [flow_id, bytes] in that queue when the episode began "
         "and ended: whose congestion it is; the 32 largest"),
        ("waiting_flows", _STR, "JSON list of [flow_id, bytes] that the victim had ready when it "
         "was let go; the 32 largest"),
        ("n_innocent", _I32, "waiting flows that have no data in the root's queue or, where the "
         "root is a host, go to another"),
        ("innocent_flows", _STR, "JSON list of [flow_id, bytes] of those, the 32 largest"),
    ],
    required=False,
)  # fmt: skip

_INBAND = _table(
    "inband",
    "In-band telemetry: one row per hop of a sampled data packet (record.inband_every).",
    [
        ("flow_id", _I64, "flow it belongs to"),
        ("qp_id", _I32, "its queue pair"),
        ("psn", _I64, "its packet sequence number"),
        ("attempt", _I32, "0 when it was sent first, then its retransmissions"),
        ("hop", _I32, "0: out of the sender's NIC, then switch by switch; copies share a number"),
        ("port", _I32, "port it leaves by"),
        ("name", _STR, "leaf0:Ethernet4"),
        ("priority", _I8, "queue it waited in"),
        ("queued_ps", _I64, "when it joined the queue; at the sender when it was sent"),
        ("started_ps", _I64, "its first bit on the wire"),
        ("arrives_ps", _I64, "when the next node has it and acts on it; -1: lost on this link"),
        ("queue_bytes", _I64, "in the queue when it left, itself included; 0 at the sender"),
        ("marked", _BOOL, "carries CE from here on"),
    ],
    required=False,
)

_EVENTS = _table(
    "events",
    "Faults and what the control plane did about them, in order of time.",
    [
        ("t_ps", _I64, "when"),
        ("kind", _STR, "one of EVENT_KINDS"),
        ("phase", _STR, "start | end of a fault; step for everything else"),
        ("node", _STR, "node concerned, or empty"),
        ("port", _STR, "port or link concerned, or empty"),
        ("detail", _STR, "one line for a reader"),
    ],
)

TABLES: Final[Mapping[str, TableSchema]] = {
    t.name: t
    for t in (
        _FLOWS,
        _TRANSFERS,
        _REQUESTS,
        _QPS,
        _PORTS,
        _SWITCHES,
        _LINKS,
        _QUEUES,
        _SERIES,
        _EVENTS,
        _SAI_COUNTERS,
        _PORT_SERIES,
        _WIRE_SERIES,
        _QP_SERIES,
        _MICROBURSTS,
        _PAUSES,
        _INBAND,
    )
}
"""Every parquet file of a run directory, by name."""

FAULT_KINDS: Final[Mapping[str, str]] = {
    "link-state": "a cable went dead (start) or came back (end)",
    "link-loss": "one end's frames are corrupted on a cable (start) or no longer are (end)",
    "link-rate": "a cable runs at a share of its rate (start) or at all of it again (end)",
    "frame-limit": "a port discards frames above a size (start) or takes all again (end)",
    "pfc-classes": "a switch treats other classes as lossless (start) or its own again (end)",
    "hash-seed": "a switch hashes with another's seed (start) or with its own again (end)",
    "bridging-loop": "a blocked port of the spanning tree forwards (start) or blocks again (end)",
    "ecn-marking": "a switch marks nothing (start) or by its profiles again (end)",
    "black-hole": "a switch silently loses packets (start) or no longer does (end)",
    "receiver-rate": "a NIC drains slower (start) or normally again (end)",
    "nic-storm": "a NIC pauses its switch without end (start) or stops (end)",
    "silent-host": "a host sends nothing (start) or speaks again (end)",
}
"""Event kinds that are physics: what happens to the fabric from outside."""

EVENT_KINDS: Final[Mapping[str, str]] = {
    **FAULT_KINDS,
    "port-detected": "a switch noticed that a port is down or up",
    "forwarding": "a switch, tunnel end or NIC changed where it sends",
    "mac-flush": "learned addresses were forgotten",
    "pfc-watchdog": "a watchdog found a queue stopped by pauses (start), or the pauses over (end)",
    "pfc-deadlock": "queues that wait for each other in a circle were found",
    "transfer-failed": "a transfer gave up: retries exhausted",
    "note": "anything worth a line",
}
"""Every kind of event, with its meaning."""

EVENT_PHASES: Final = ("start", "end", "step")

COUNTER_KEYS: Final[Mapping[str, str]] = {
    "injected_packets": "data and control packets that entered the fabric, copies included",
    "delivered_packets": "packets handed to a NIC",
    "dropped_packets": "packets dropped, all reasons",
    "inflight_packets": "packets still under way when the run ended",
    "injected_bytes": "as injected_packets, in bytes on the wire",
    "delivered_bytes": "as delivered_packets, in bytes on the wire",
    "dropped_bytes": "as dropped_packets, in bytes on the wire",
    "inflight_bytes": "as inflight_packets, in bytes on the wire",
    "dropped_by_reason": "object: reason to packets",
    "dropped_bytes_by_reason": "object: reason to bytes",
    "retransmitted_bytes": "payload sent again",
    "header_bytes": "bytes on all wires that are not payload",
    "flooded_packets": "copies sent because the destination was not known",
    "flooded_bytes": "the same in bytes",
    "blackholed_packets": "packets sent into a dead end before the fabric had reacted",
    "cnp_packets": "congestion notifications sent",
    "ack_packets": "acknowledgements sent",
    "nak_packets": "sequence-error NAKs sent",
    "ecn_marked_packets": "packets marked CE",
    "pfc_frames": "pause frames sent (XOFF)",
}
"""Keys of `counters` in run.json."""

DEAD_ENDS: Final = ("no_route", "link_down", "black_hole")
"""Reasons for which a packet is lost that was sent into a dead end."""

RUN_KEYS: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "schema": ((int,), "SCHEMA_VERSION it was written with"),
    "status": ((str,), "complete"),
    "emu_version": ((str,), "version that wrote it"),
    "experiment": ((str,), "name of the experiment"),
    "question": ((str,), "what the experiment asks"),
    "variant": ((str,), "id of the variant, as in the directory name"),
    "labels": ((dict,), "what tells this variant from the others: dotted path to value"),
    "design": ((str,), "key of the design: l3, evpn/l2vni, ..."),
    "design_label": ((str,), "how the design is called in figures"),
    "seed": ((int,), "seed of every random choice"),
    "backend": ((str,), "sim | lab"),
    "fabric_ps": ((int,), "fabric time at which the run ended"),
    "packets": ((int,), "packets simulated"),
    "packet_hops": ((int,), "packets times links crossed"),
    "command": ((str,), "command that reproduces it"),
    "spec": ((dict,), "the resolved experiment"),
    "scenario_sha256": ((str,), "digest of everything the engine was given"),
    "counters": ((dict,), "COUNTER_KEYS"),
    "offered_load": ((int, float), "offered load on the decode pool's ingress links, fraction"),
    "blocked_links": ((list,), "names of links that carry nothing under this design"),
    "notes": ((list,), "what the mechanism cost and what the workload had to assume"),
    "timers": (
        (dict,),
        "assumed times: name to {value, low, high, origin, source, moves}; origin: measured (in "
        "the lab), cited or given (by the experiment); moves: another value of the "
        "published range changes what some switch forwards, or when, in this run",
    ),
    "n_endpoints": ((int,), "NICs"),
    "host_rate_bps": ((int,), "rate of one NIC port"),
}
"""Keys of run.json that every run has, their types and meaning. More keys are allowed.

No key holds a date, a host name or a path: the same experiment and seed give the same bytes.
Wall-clock figures are in `timing.json`, outside that promise."""


def describe(value: Any) -> str:
    """Name of a value's JSON type, for messages."""
    return {dict: "object", list: "list", str: "text", int: "integer", float: "number"}.get(
        type(value), type(value).__name__
    )
