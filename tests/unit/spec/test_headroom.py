# SPDX-License-Identifier: Apache-2.0
"""Headroom against published numbers."""

from __future__ import annotations

import doctest

import pytest

from emu.spec import headroom, load_topology
from emu.spec.headroom import (
    PAUSE_QUANTA,
    headroom_annex_n_bytes,
    headroom_hpcc_bytes,
    headroom_sonic_bytes,
    pause_quanta,
    pause_response_ps,
)
from emu.spec.preset import preset
from emu.spec.switch import SwitchProfile, cable_of_delay_m

G = 10**9


@pytest.mark.parametrize(("cable_m", "xoff"), [(40, 283_648), (300, 677_888)])
def test_the_sonic_formula_gives_the_published_rows_of_sn5600_at_400g(
    cable_m: int, xoff: int
) -> None:
    """sonic-buildimage, SN5600 pg_profile_lookup.ini."""
    spectrum4 = SwitchProfile.model_validate(preset("switch", "spectrum4"))
    assert spectrum4.headroom_for(400 * G, cable_m) == xoff


def test_the_sonic_formula_gives_the_5m_row_one_kibibyte_low() -> None:
    """A known deviation: 231,424 is published."""
    xoff = headroom_sonic_bytes(400 * G, 5, cell_bytes=192, tile_bytes_per_gbps=15)
    assert xoff == 231_424 - 1024


def test_the_sonic_formula_at_100m() -> None:
    xoff = headroom_sonic_bytes(400 * G, 100, cell_bytes=192, tile_bytes_per_gbps=15)
    assert xoff == 374_784


def test_fewer_small_packets_take_less_headroom() -> None:
    """A 64-byte packet takes three 64-byte steps of a 192-byte cell."""
    none, half, full = (
        headroom_sonic_bytes(400 * G, 100, cell_bytes=192, small_packet_share=share)
        for share in (0.0, 0.5, 1.0)
    )
    assert none < half < full
    assert abs((full - 1024) - 3 * (none - 1024)) <= 3 * 1024


def test_annex_n() -> None:
    assert headroom_annex_n_bytes(400 * G, 100, 9100) == 127_063


def test_the_hpcc_simulator() -> None:
    assert headroom_hpcc_bytes(400 * G, 500_000) == 75_000
    assert headroom_hpcc_bytes(100 * G, 1_000_000) == 37_500
    profile = SwitchProfile.model_validate(preset("switch", "hpcc-ns3"))
    assert profile.headroom_for(100 * G, cable_of_delay_m(1_000_000)) == 37_500


@pytest.mark.parametrize(("rate", "quanta"), PAUSE_QUANTA.items())
def test_pause_response_is_the_table_of_802_3(rate: int, quanta: int) -> None:
    assert pause_quanta(rate) == quanta
    exact = quanta * 512 * 10**12 / rate
    assert exact <= pause_response_ps(rate) < exact + 1


def test_a_rate_between_two_rows_takes_the_faster_row() -> None:
    assert pause_quanta(150 * G) == PAUSE_QUANTA[200 * G]
    assert pause_quanta(1) == PAUSE_QUANTA[10 * G]
    assert pause_quanta(1600 * G) == 2 * PAUSE_QUANTA[800 * G]
    with pytest.raises(ValueError, match="positive"):
        pause_quanta(0)


def test_headroom_grows_with_rate_cable_and_frame() -> None:
    profile = SwitchProfile.model_validate(preset("switch", "tomahawk4"))
    assert profile.headroom_for(400 * G, 30) > profile.headroom_for(400 * G, 3)
    assert profile.headroom_for(400 * G, 30) > profile.headroom_for(100 * G, 30)
    assert profile.headroom_for(400 * G, 30, 9000) > profile.headroom_for(400 * G, 30)


def test_headroom_holds_all_that_arrives_before_the_sender_stops() -> None:
    """Round trip of the cable, the response and a frame on either side, on every preset."""
    topology = load_topology("leaf-spine-128x400G")
    for rate, cable in ((400 * G, 3.0), (400 * G, 30.0)):
        arriving = headroom_annex_n_bytes(rate, cable, topology.lossless_frame_bytes)
        reserved = topology.switches.leaf.headroom_for(rate, cable, topology.lossless_frame_bytes)
        assert reserved > arriving


@pytest.mark.parametrize(
    ("preset_name", "rate", "cable_m", "xoff"),
    [
        ("tomahawk3", 400 * G, 3, 178_562),
        ("tomahawk3", 400 * G, 40, 201_930),
        ("tomahawk3", 400 * G, 41, 373_888),
        ("tomahawk3", 100 * G, 300, 117_348),
        ("tomahawk4", 400 * G, 30, 424_434),
        ("tomahawk5", 800 * G, 5, 724_662),
        ("spectrum3", 400 * G, 0, 38_912),
        ("spectrum4", 800 * G, 200, 1_150_976),
    ],
)
def test_the_vendors_table(preset_name: str, rate: int, cable_m: float, xoff: int) -> None:
    data = preset("switch", preset_name)
    data["pfc"]["headroom"] = "table"
    assert SwitchProfile.model_validate(data).headroom_for(rate, cable_m) == xoff


def test_a_row_that_the_table_lacks() -> None:
    data = preset("switch", "tomahawk5")
    data["pfc"]["headroom"] = "table"
    profile = SwitchProfile.model_validate(data)
    with pytest.raises(ValueError, match="no row for 400G: it has 800G"):
        profile.headroom_for(400 * G, 3)
    with pytest.raises(ValueError, match="ends at 5m, and the cable has 30m"):
        profile.headroom_for(800 * G, 30)


def test_without_pfc_there_is_no_headroom() -> None:
    data = {**preset("switch", "tomahawk4"), "pfc": {"enabled": False, "xon": 0}}
    profile = SwitchProfile.model_validate(data)
    assert profile.headroom_for(400 * G, 30) == 0


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(headroom).failed == 0
