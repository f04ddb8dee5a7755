# SPDX-License-Identifier: Apache-2.0
"""Every check fails on the capture made for it, passes on a clean one, and knows its limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.wire.checks import CHECKS, CheckSettings, Verdict, judge
from emu.wire.inspection import Inspection
from tests.wire.scenarios import SCENARIOS, old_pcap, pcapng

Look = Callable[..., Inspection]
CLEAN = "lossless"


def verdicts(inspection: Inspection, **settings: object) -> dict[str, Verdict]:
    out = judge(inspection, CheckSettings(**settings))  # type: ignore[arg-type]
    return {v.check: v for v in out}


FAILURES = [
    ("never-repaired", "psn-loss", 1, [2]),
    ("go-back", "retransmission", 3, [5, 6, 7]),
    ("go-back", "nak", 1, [4]),
    ("refused", "nak", 2, [5]),
    ("malformed", "icrc", 1, [6]),
    ("malformed", "checksum", 1, [2]),
    ("malformed", "length", 2, [3, 7]),
    ("malformed", "opcode", 1, [5]),
    ("malformed", "mtu", 1, [6]),
    ("flat-ports", "udp-entropy", 1, [5, 9, 13]),
    ("not-capable", "ecn-not-capable", 1, [3]),
    ("cnp-from-nowhere", "cnp-without-mark", 1, [6]),
    ("unanswered", "mark-without-cnp", 1, [2]),
    ("vxlan-not-copied", "tunnel-ecn", 12, list(range(1, 11))),
    ("weak-mark", "tunnel-ecn", 4, [1, 2, 3, 4]),
    ("wrong-pauses", "pfc-priority", 2, [1, 4]),
    ("wrong-pauses", "pfc-format", 2, [2, 3]),
    ("paused", "pause-length", 1, [4]),
    ("tagged", "dscp-pcp", 1, [3]),
]


@pytest.mark.parametrize(("scenario", "check", "count", "packets"), FAILURES)
def test_a_check_fails_where_it_should(
    look: Look, scenario: str, check: str, count: int, packets: list[int]
) -> None:
    verdict = verdicts(look(pcapng(SCENARIOS[scenario]())))[check]
    assert (verdict.status, verdict.count, verdict.packets) == ("fail", count, packets)


def test_every_check_has_a_capture_on_which_it_fails(look: Look) -> None:
    names = {v.check for v in judge(look(pcapng(SCENARIOS[CLEAN]())), CheckSettings())}
    assert {check for _, check, _, _ in FAILURES} == names
    assert len(names) == len(CHECKS)


def test_a_clean_capture_passes_whatever_can_be_judged(look: Look) -> None:
    for scenario in (CLEAN, "marked", "read", "vxlan", "ipv6", "spread-ports", "wrap", "late"):
        found = verdicts(look(pcapng(SCENARIOS[scenario]())))
        failed = {name for name, v in found.items() if v.status == "fail"}
        # The wrap is a go-back as well; everything else is as it should be.
        assert failed == ({"retransmission", "nak"} if scenario == "wrap" else set()), scenario


UNJUDGED = [
    ("paused", "psn-loss", "no RoCEv2 packet"),
    ("one-way", "nak", "no acknowledgement"),
    ("one-way", "mark-without-cnp", "only one direction"),
    ("lossless", "udp-entropy", "more than one queue pair"),
    ("lossless", "tunnel-ecn", "no VXLAN"),
    ("lossless", "dscp-pcp", "no IP packet has a VLAN tag"),
]


@pytest.mark.parametrize(("scenario", "check", "why"), UNJUDGED)
def test_a_check_says_what_it_cannot_judge(look: Look, scenario: str, check: str, why: str) -> None:
    verdict = verdicts(look(pcapng(SCENARIOS[scenario]())))[check]
    assert verdict.status == "not judged"
    assert why in verdict.detail


def test_snapped_packets_have_no_icrc_to_judge(look: Look) -> None:
    cut = [
        type(p)(p.time_ns, p.frame[:64], 0, len(p.frame))
        for p in SCENARIOS[CLEAN]()
        if len(p.frame) > 64
    ]
    assert verdicts(look(pcapng(cut)))["icrc"].status == "not judged"


def test_a_pause_of_unknown_length_is_not_judged(look: Look) -> None:
    data = old_pcap(SCENARIOS["wrong-pauses"]())
    assert verdicts(look(data))["pause-length"].status == "not judged"


def test_a_gap_at_the_very_end_is_not_held_against_the_network(look: Look) -> None:
    data = pcapng(SCENARIOS["never-repaired"]())
    found = verdicts(look(data), repair_ps=30 * 10**9)["psn-loss"]
    assert found.status == "pass"
    assert "too close to the end" in found.detail


def test_limits_and_maps_are_the_users(look: Look) -> None:
    pauses = look(pcapng(SCENARIOS["paused"]()), pause_limit_ps=600 * 10**9)
    assert verdicts(pauses)["pause-length"].status == "pass"
    assert verdicts(pauses, lossless=[4])["pfc-priority"].status == "fail"
    tagged = look(pcapng(SCENARIOS["tagged"]()))
    wrong = verdicts(tagged, dscp_priorities={26: 0})["dscp-pcp"]
    assert wrong.count == 4
    long = look(pcapng(SCENARIOS[CLEAN]()), mtu_bytes=300)
    assert verdicts(long)["mtu"].count == 6


def test_every_check_is_explained(repository: Path, look: Look) -> None:
    text = (repository / "docs" / "pcap-checks.md").read_text(encoding="utf-8")
    for verdict in judge(look(pcapng(SCENARIOS[CLEAN]())), CheckSettings()):
        assert f"## {verdict.check}\n" in text
