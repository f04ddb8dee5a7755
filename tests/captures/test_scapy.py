# SPDX-License-Identifier: GPL-2.0-only
"""scapy finds the same layers and the same ICRC in our frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.captures.captured import capture
from tests.captures.decode import read_file
from tests.captures.test_frames import FLOWS
from tests.golden.lab import experiment

pytest.importorskip("scapy")


@pytest.mark.parametrize("design", ["l3", "evpn/l2vni"])
def test_icrc_and_layers(design: str, tmp_path: Path) -> None:
    from scapy.contrib.roce import BTH
    from scapy.layers.l2 import Ether
    from scapy.layers.vxlan import VXLAN

    from emu.wire.scapy_layers import icrc_is_right

    run = capture(experiment(design=design), FLOWS, tmp_path, "leaf0:spine0", payload="pattern")
    packets = read_file(run.file("leaf0", "spine0")).packets
    assert len(packets) > 20
    for mine in packets:
        packet = Ether(mine["frame"])
        assert packet.haslayer(VXLAN) == (design != "l3")
        bth = packet[BTH]
        assert (bth.opcode, bth.dqpn, bth.psn) == (mine["opcode"], mine["dest_qp"], mine["psn"])
        assert icrc_is_right(packet)
