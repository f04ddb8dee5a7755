# SPDX-License-Identifier: Apache-2.0
"""Bytes that messages occupy on a link, for stating a load."""

from __future__ import annotations

import numpy as np

from emu.workload.trace import IntArray

# Preamble and IFG 20, Ethernet 14 + FCS 4, IPv4 20, UDP 8, BTH 12, ICRC 4.
PACKET_OVERHEAD_BYTES = 82
# RETH, on the first packet of a WRITE (and on the request of a READ).
MESSAGE_OVERHEAD_BYTES = 16


def wire_bytes(payload_bytes: IntArray, mtu_bytes: int) -> IntArray:
    """Bytes on the wire of messages cut into packets of the path MTU."""
    packets = np.maximum(-(-payload_bytes // mtu_bytes), 1)
    headers = packets * PACKET_OVERHEAD_BYTES + MESSAGE_OVERHEAD_BYTES
    return np.asarray(payload_bytes + headers, dtype=np.int64)
