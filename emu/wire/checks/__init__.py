# SPDX-License-Identifier: Apache-2.0
"""Pass or fail: is the capture that of a lossless network whose devices keep to the protocol?

Each check is one function in this package, explained with its source in docs/pcap-checks.md.
"""

from __future__ import annotations

from emu.wire.checks.base import CheckSettings, Verdict
from emu.wire.checks.congestion import (
    cnp_without_mark,
    ecn_not_capable,
    mark_without_cnp,
    tunnel_ecn,
)
from emu.wire.checks.format import checksums, icrc, lengths, mtu, opcodes, udp_entropy
from emu.wire.checks.loss import naks, psn_loss, retransmission
from emu.wire.checks.pfc import dscp_pcp, pause_length, pfc_format, pfc_priority
from emu.wire.inspection import Inspection

__all__ = ["CHECKS", "CheckSettings", "Verdict", "judge"]

CHECKS = (
    psn_loss,
    retransmission,
    naks,
    icrc,
    checksums,
    lengths,
    opcodes,
    mtu,
    udp_entropy,
    ecn_not_capable,
    cnp_without_mark,
    mark_without_cnp,
    tunnel_ecn,
    pfc_priority,
    pfc_format,
    pause_length,
    dscp_pcp,
)


def judge(inspection: Inspection, settings: CheckSettings) -> list[Verdict]:
    """All checks on one capture, in the order of `CHECKS`."""
    return [check(inspection, settings) for check in CHECKS]
