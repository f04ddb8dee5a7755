# SPDX-License-Identifier: Apache-2.0
"""l3 on Open vSwitch under ``controllers/adaptive.py``, which moves traffic among uplinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.bridges import start_bridges
from emu.lab.designs.l3_controller import settle
from emu.lab.designs.variant import Variant
from emu.lab.port_report import TELEMETRY_FILE

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """The bridges and the app."""
    options = [
        f"--telemetry={lab.paths.folder / TELEMETRY_FILE}",
        f"--uplink-rate-bps={lab.options['uplink_rate_bps']}",
        f"--steer-interval={lab.options['interval_s']}",
        f"--imbalance-min={lab.options['imbalance_min']}",
    ]
    controller = lab.start_controller("adaptive", "ovs", options)
    start_bridges(lab, controller.target)


VARIANT = Variant(
    design="l3",
    control="adaptive",
    title="Open vSwitch under controllers/adaptive.py",
    shared_switches=True,
    routed_hosts=True,
    start=start,
    settle=settle,
    options={"uplink_rate_bps": "50000000", "interval_s": "1.0", "imbalance_min": "0.1"},
)
