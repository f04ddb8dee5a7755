# SPDX-License-Identifier: Apache-2.0
"""What each small capture must be told to hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.wire.columns import JsonWriter, rows
from emu.wire.flows import data_flows, flow_table
from emu.wire.inspection import Inspection, inspect
from emu.wire.messages import MessageTable
from tests.wire.scenarios import MTU, SCENARIOS, old_pcap, pcapng

Look = Callable[..., Inspection]


def flow(look: Look, scenario: str, **settings: object) -> dict[str, Any]:
    return data_flows(look(pcapng(SCENARIOS[scenario]()), **settings))[0]


def messages(tmp_path: Path, scenario: str) -> list[dict[str, Any]]:
    path = tmp_path / "m.pcapng"
    path.write_bytes(pcapng(SCENARIOS[scenario]()))
    table = MessageTable(path.name)
    out: list[dict[str, Any]] = []
    inspect(
        str(path), on_messages=lambda native, batch: out.extend(rows(table.table(native, batch)))
    )
    return out


def test_a_clean_write_has_its_times_and_nothing_else(look: Look, tmp_path: Path) -> None:
    row = flow(look, "lossless")
    assert (row["dst_qp"], row["src_qp"]) == (0x11, 0x12)
    assert row["paired_by"] == "UDP port and PSN"
    assert (row["messages"], row["messages_acked"], row["rtt_count"]) == (3, 3, 3)
    assert row["payload_bytes"] == 3 * 4 * MTU
    assert row["path_mtu"] == MTU
    assert [row[k] for k in ("psn_gaps", "missing_psns", "out_of_order", "duplicates",
                             "retransmitted_packets")] == [0] * 5  # fmt: skip
    assert row["rtt_max_ps"] == 1_000_000
    first = messages(tmp_path, "lossless")[0]
    assert (first["kind"], first["immediate"], first["length_bytes"]) == ("write", True, 4 * MTU)
    times = [first[k] for k in ("start_ps", "first_ps", "last_ps", "acked_ps", "completion_ps")]
    assert times == [0, 0, 3_000_000, 4_000_000, 4_000_000]
    assert (first["first_psn"], first["last_psn"]) == (100, 103)


def test_go_back_n_is_a_gap_and_three_packets_again(look: Look, tmp_path: Path) -> None:
    row = flow(look, "go-back")
    assert (row["psn_gaps"], row["missing_psns"], row["out_of_order"]) == (1, 0, 0)
    assert row["retransmitted_packets"] == 3
    assert row["naks"] == {"sequence": 1}
    (message,) = messages(tmp_path, "go-back")
    assert (message["packets"], message["retransmitted_packets"], message["naks"]) == (6, 3, 1)
    assert message["payload_bytes"] == message["length_bytes"] == 4 * MTU
    assert message["acked_ps"] == 7_000_000


def test_what_never_comes_is_missing(look: Look) -> None:
    row = flow(look, "never-repaired")
    assert (row["psn_gaps"], row["missing_psns"]) == (1, 1)


def test_a_late_packet_is_not_one_sent_again(look: Look) -> None:
    row = flow(look, "late")
    assert (row["out_of_order"], row["retransmitted_packets"], row["missing_psns"]) == (1, 0, 0)
    row = flow(look, "late", reorder_ps=999_999)
    assert (row["out_of_order"], row["retransmitted_packets"]) == (0, 1)


def test_psns_wrap_at_24_bits(look: Look, tmp_path: Path) -> None:
    row = flow(look, "wrap")
    assert (row["psn_gaps"], row["missing_psns"], row["messages_acked"]) == (1, 0, 1)
    assert row["retransmitted_packets"] == 3
    (message,) = messages(tmp_path, "wrap")
    assert (message["first_psn"], message["last_psn"]) == (0xFFFFFD, 4)
    assert message["payload_bytes"] == 8 * MTU


def test_marks_and_cnps_are_counted_where_they_belong(look: Look) -> None:
    row = flow(look, "marked")
    assert (row["marked_packets"], row["marked_share"], row["cnps"]) == (1, 0.25, 1)
    row = flow(look, "one-way")
    assert (row["marked_packets"], row["cnps"], row["src_qp"]) == (1, None, None)


def test_a_sender_that_halves_its_rate_is_seen_to(look: Look) -> None:
    row = flow(look, "slowed", reaction_ps=80_000_000)
    assert row["reactions"] == 1
    assert row["reaction_ratio"] == pytest.approx(0.5, abs=0.03)


def test_a_read_is_told_by_its_requester_and_carried_by_its_responder(
    look: Look, tmp_path: Path
) -> None:
    row = flow(look, "read")
    assert (row["src"], row["messages"], row["messages_acked"]) == ("10.0.0.2", 2, 2)
    assert (row["psn_gaps"], row["retransmitted_packets"]) == (0, 0)
    assert row["rtt_p50_ps"] is not None
    first, second = messages(tmp_path, "read")
    assert (first["kind"], first["src"], first["length_bytes"]) == ("read", "10.0.0.1", 3 * MTU)
    assert [first[k] for k in ("start_ps", "first_ps", "last_ps", "acked_ps")] == [
        0, 1_000_000, 3_000_000, 3_000_000,
    ]  # fmt: skip
    assert (second["payload_bytes"], second["last_psn"]) == (MTU + 8, 54)


def test_rnr_refuses_and_the_send_comes_again(look: Look, tmp_path: Path) -> None:
    row = flow(look, "sends")
    assert (row["rnrs"], row["retransmitted_packets"]) == (1, 1)
    (message,) = messages(tmp_path, "sends")
    assert (message["kind"], message["length_bytes"], message["end"]) == ("send", 10, "acked")


def test_naks_are_told_by_code(look: Look) -> None:
    assert flow(look, "refused")["naks"] == {"remote_access": 1, "invalid_request": 1}


def test_queue_pairs_of_one_host_pair_are_told_apart(look: Look) -> None:
    rows = data_flows(look(pcapng(SCENARIOS["spread-ports"]())))
    assert [(r["dst_qp"], r["src_qp"], r["paired_by"]) for r in rows] == [
        (0x20 + i, 0x30 + i, "UDP port and PSN") for i in range(4)
    ]


def test_the_vxlan_segment_is_part_of_the_key(look: Look) -> None:
    inspection = look(pcapng([*SCENARIOS["vxlan"](), *SCENARIOS["lossless"]()]))
    assert {(r["vni"], r["messages"]) for r in data_flows(inspection)} == {(100, 1), (None, 3)}
    assert inspection.totals["vnis"] == [(100, 5, 5 * 50 + inspection.totals["vnis"][0][2] - 250)]
    assert inspection.findings["icrc_wrong"][0] == 0


def test_ipv6_addresses_are_written_in_short(look: Look) -> None:
    row = flow(look, "ipv6")
    assert (row["src"], row["dst"], row["messages_acked"]) == ("fd00::1", "fd00::2", 1)


def test_pauses_end_by_xon_by_time_or_with_the_last_refresh(look: Look) -> None:
    pauses = look(pcapng(SCENARIOS["paused"]())).pauses
    (three,) = (i for i, p in enumerate(pauses["priority"]) if p == 3)
    quantum_ps = 512 * 10**12 // (400 * 10**9)
    storm_ps = 5999 * 80_000_000 + 65535 * quantum_ps
    assert pauses["episodes"][three] == 3
    assert pauses["longest_ps"][three] == storm_ps
    assert pauses["total_ps"][three] == 10_000_000 + 1000 * quantum_ps + storm_ps


def test_a_pause_of_unknown_speed_ends_with_its_last_xoff(look: Look) -> None:
    pauses = look(old_pcap(SCENARIOS["paused"]())).pauses
    assert pauses["longest_ps"][0] == 1_000_000_000 + 5999 * 80_000_000
    fast = look(old_pcap(SCENARIOS["paused"]()), speed_bps=400 * 10**9).pauses
    assert fast["episodes"][0] == 3


def test_other_traffic_has_names(look: Look) -> None:
    totals = look(pcapng(SCENARIOS["mixed"]())).totals
    assert {name: n for name, n, _ in totals["protocols"]} == {
        "RoCEv2": 3, "ARP": 1, "LLDP": 1, "LACP": 1, "STP": 1, "BGP": 1, "TCP": 1, "ICMP": 1,
        "IPv4": 1, "BFD": 1, "DHCP": 1, "UDP": 1, "RoCEv1": 1, "other Ethernet": 1, "cut short": 1,
    }  # fmt: skip


def test_a_capture_may_begin_and_end_in_the_middle_of_messages(tmp_path: Path) -> None:
    one, two, three = messages(tmp_path, "joined")
    assert (one["headless"], one["end"], one["length_known"]) == (True, "acked", False)
    assert (two["headless"], two["end"], two["last_psn"]) == (False, "unfinished", None)
    assert (three["headless"], three["end"]) == (True, "unacked")


def test_tables_of_every_scenario_leave_as_json(look: Look) -> None:
    for scenario in SCENARIOS.values():
        inspection = look(pcapng(scenario()))
        out = io.StringIO()
        writer = JsonWriter(out)
        writer.write(flow_table(inspection))
        writer.close()
        assert out.getvalue().count("\n") >= len(inspection.flows["src"])
