# SPDX-License-Identifier: Apache-2.0
"""Every assumed time has a range and a source."""

from __future__ import annotations

import pytest

from emu.spec import TimersSpec


@pytest.mark.parametrize("name", TimersSpec.names())
def test_the_default_lies_within_the_published_range(name: str) -> None:
    info = TimersSpec.info(name)
    assert info.low <= getattr(TimersSpec(), name) <= info.high
    assert info.low < info.high
    assert len(info.source) > 10


def test_every_field_is_described() -> None:
    rows = TimersSpec().describe()
    assert set(rows) == set(TimersSpec.model_fields)
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
