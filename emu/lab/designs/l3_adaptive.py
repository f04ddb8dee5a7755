# SPDX-License-Identifier: Apache-2.0
"""l3 on Open vSwitch under ``controllers/adaptive.py``, which moves traffic among uplinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emu.lab.designs.bridges import start_bridges
from emu.lab.designs.l3_controller import settle
from emu.lab.designs.variant import Variant
from emu.lab.port_report import TELEMETRY_FILE
from emu.spec import ControllerSpec

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def start(lab: Lab) -> None:
    """The bridges and the app."""
    options = [
        f"--telemetry={lab.paths.folder / TELEMETRY_FILE}",
        f"--uplink-rate-bps={lab.options['uplink_rate_bps']}",
        f"--steer-interval={lab.options['interval_s']}",
        f"--reaction-delay={lab.options['delay_s']}",
        f"--imbalance-min={lab.options['imbalance_min']}",
        f"--moves-max={lab.options['moves_max']}",
        f"--hold-intervals={lab.options['hold_intervals']}",
        f"--slots={lab.options['slots']}",
    ]
    controller = lab.start_controller("adaptive", "ovs", options)
    start_bridges(lab, controller.target)
    lab.switches[0].renew_counters()


def options_of(spec: ControllerSpec, dilation: float) -> dict[str, str]:
    """The app's options for an experiment's controller.

    Its times are the fabric's, and the app lives in wall time. What the app and the switches
    need themselves, some milliseconds of wall time, is not taken off the delay.
    """
    return {
        "interval_s": f"{spec.interval * dilation / 1e12:g}",
        "delay_s": f"{spec.delay * dilation / 1e12:g}",
        "imbalance_min": f"{spec.imbalance_min:g}",
        "moves_max": str(spec.moves_max),
        "hold_intervals": str(spec.hold_intervals),
        "slots": str(spec.slots),
    }


VARIANT = Variant(
    design="l3",
    control="adaptive",
    title="Open vSwitch under controllers/adaptive.py",
    shared_switches=True,
    routed_hosts=True,
    start=start,
    settle=settle,
    options={
        "uplink_rate_bps": "50000000",
        "interval_s": "1.0",
        "delay_s": "0",
        "imbalance_min": "0.1",
        "moves_max": "1",
        "hold_intervals": "3",
        "slots": "64",
    },
)
