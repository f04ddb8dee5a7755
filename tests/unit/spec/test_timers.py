# SPDX-License-Identifier: Apache-2.0
"""Every assumed time has a range and a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import SpecError
from emu.spec import TimersSpec

from .conftest import Load

PROFILE = """
kind: convergence-profile
cases:
  bgp-local:
    {title: "BGP, own link down", failures: 20, min_ms: 4, median_ms: 25.0, max_ms: 60}
timers: {bgp_local_repair: 25.00ms, rstp_local: 30ms}
"""


@pytest.mark.parametrize("name", TimersSpec.names())
def test_the_default_lies_within_the_published_range(name: str) -> None:
    info = TimersSpec.info(name)
    assert info.low <= getattr(TimersSpec(), name) <= info.high
    assert info.low < info.high
    assert len(info.source) > 10


def test_every_field_is_described() -> None:
    rows = TimersSpec().describe()
    assert set(rows) == set(TimersSpec.model_fields) - {"profile"}
    assert all(row["source"] and row["value"] for row in rows.values())


def test_published_values() -> None:
    timers = TimersSpec()
    assert timers.bfd_interval * timers.bfd_multiplier == 900 * 10**9
    assert timers.mac_age == 300 * 10**12
    assert timers.arp_age == 4 * 3600 * 10**12
    assert timers.lacp_member == 189 * 10**9


def test_detection() -> None:
    assert TimersSpec().detection_ps == TimersSpec().loss_of_signal
    bfd = TimersSpec.model_validate({"detection": "bfd", "bfd_interval": "50ms"})
    assert bfd.detection_ps == 150 * 10**9


def test_what_is_no_timer() -> None:
    with pytest.raises(KeyError):
        TimersSpec.info("detection")


def test_a_profile_stands_for_what_is_not_given(load: Load, tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(PROFILE, encoding="utf-8")
    timers = load("designs: [l3]\ntimers: {profile: lab.yaml, rstp_local: 400ms}\n").timers
    assert timers.bgp_local_repair == 25 * 10**9
    assert timers.rstp_local == 400 * 10**9
    rows = timers.describe()
    assert rows["bgp_local_repair"]["origin"] == "measured"
    assert rows["bgp_local_repair"]["source"] == (
        "Measured in the lab: BGP, own link down, median of 20 failures, 4 to 60 ms (lab.yaml)"
    )
    assert rows["rstp_local"]["origin"] == "given"
    assert rows["lacp_member"]["origin"] == "cited"
    assert "SONiC" in rows["lacp_member"]["source"]


def test_a_case_that_sets_a_timer_beats_the_profile(load: Load, tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(PROFILE, encoding="utf-8")
    spec = load(
        "timers: {profile: lab.yaml}\n"
        "cases: [{name: slow, set: {timers.bgp_local_repair: 90ms}}]\n"
        "designs: [l3]\n"
    )
    origins = {v.labels["case"]: v.spec.timers.origin("bgp_local_repair") for v in spec.variants()}
    assert origins == {"base": "measured", "slow": "given"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no profile"),
        ("kind: topology\n", "is no convergence-profile"),
        ("[1, 2]\n", "is no convergence-profile"),
        ("kind: convergence-profile\n", "has no timers"),
        ("kind: convergence-profile\ntimers: {bgp_local: 1ms}\n", "no timer 'bgp_local': did you"),
        ("kind: convergence-profile\ntimers: {rstp_local: fast}\n", "timers.rstp_local: "),
        ("a: [\n", "cannot be read"),
    ],
)
def test_what_is_no_profile_is_told_at_its_line(
    load: Load, tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "lab.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load("designs: [l3]\ntimers:\n  profile: lab.yaml\n")
    (fault,) = caught.value.faults
    assert message in fault.message
    assert (fault.field, fault.line) == ("timers.profile", 8)
