# SPDX-License-Identifier: Apache-2.0
"""PFC headroom: the bytes that still arrive after a pause was asked for.

Sources: pause response times IEEE 802.3 31B.3.7, as in sonic-swss
``cfgmgr/buffer_headroom_mellanox.lua`` (e6b0c5b5d2), whose formula
``headroom_sonic_bytes`` follows; the sum of delays in IEEE 802.1Q annex N, as
``headroom_annex_n_bytes``; the rule of the HPCC simulator from
``scratch/third.cc:836`` (9f4be2a9ea).
"""

from __future__ import annotations

import math

QUANTUM_BITS = 512
"""One pause quantum."""
PAUSE_QUANTA = {
    10 * 10**9: 67,
    25 * 10**9: 80,
    40 * 10**9: 118,
    50 * 10**9: 147,
    100 * 10**9: 394,
    200 * 10**9: 453,
    400 * 10**9: 905,
    800 * 10**9: 905,
}
"""Port rate in bit/s to the quanta within which a receiver of PFC must stop."""
CABLE_M_PER_S = 1.98e8
"""Speed of light in the cable, as SONiC counts it."""
MAC_PHY_BYTES = 819
"""Delay of the interfaces, as SONiC counts it: 0.8 KiB."""
PFC_FRAME_BYTES = 84
"""A PFC frame with preamble, FCS and inter-frame gap."""


def pause_quanta(rate_bps: int) -> int:
    """Quanta within which a port stops after a PFC frame.

    A rate between two rows takes the faster row: its bytes are the more, and
    headroom must not be too small. Above the last row the time of the last row is
    kept, so that the quanta grow with the rate.
    """
    if rate_bps <= 0:
        raise ValueError(f"a port rate must be positive, not {rate_bps}")
    for rate, quanta in sorted(PAUSE_QUANTA.items()):
        if rate_bps <= rate:
            return quanta
    last = max(PAUSE_QUANTA)
    return math.ceil(PAUSE_QUANTA[last] * rate_bps / last)


def pause_response_ps(rate_bps: int) -> int:
    """Time in which a port stops after a PFC frame has arrived, rounded up."""
    bits = pause_quanta(rate_bps) * QUANTUM_BITS
    return -(-bits * 10**12 // rate_bps)


def cable_bytes(rate_bps: int, cable_m: float) -> float:
    """Bytes in flight on the cable, there and back."""
    return 2 * cable_m * rate_bps / CABLE_M_PER_S / 8


def headroom_sonic_bytes(
    rate_bps: int,
    cable_m: float,
    *,
    cell_bytes: int,
    port_mtu_bytes: int = 9100,
    lossless_mtu_bytes: int = 1024,
    small_packet_share: float = 1.0,
    tile_bytes_per_gbps: int = 0,
    gearbox_bytes: int = 0,
) -> int:
    """xoff bytes of one lossless priority group, by the formula of SONiC.

    Parameters
    ----------
    rate_bps : int
        Rate of the port.
    cable_m : float
        Length of its cable.
    cell_bytes : int
        Cell of the buffer. 64-byte packets waste the rest of their cells.
    port_mtu_bytes : int
        Largest frame that may just have started on the way back.
    lossless_mtu_bytes : int
        Largest lossless frame.
    small_packet_share : float
        Share of the bytes that come as 64-byte packets, 0 to 1.
    tile_bytes_per_gbps : int
        Extra of chips made of tiles: 15 for Spectrum-4 and -5.
    gearbox_bytes : int
        Delay of a gearbox in the port.

    Returns
    -------
    int
        Bytes, rounded up to 1024.

    >>> headroom_sonic_bytes(400 * 10**9, 40, cell_bytes=192, tile_bytes_per_gbps=15)
    283648
    """
    propagation = (
        port_mtu_bytes
        + cable_bytes(rate_bps, cable_m)
        + 2 * gearbox_bytes
        + MAC_PHY_BYTES
        + pause_quanta(rate_bps) * QUANTUM_BITS // 8
        + tile_bytes_per_gbps * rate_bps / 10**9
    )
    cells_per_small = math.ceil(cell_bytes / 64) if cell_bytes > 128 else 1
    occupancy = 1 - small_packet_share + small_packet_share * cells_per_small
    return math.ceil((lossless_mtu_bytes + propagation * occupancy) / 1024) * 1024


def headroom_annex_n_bytes(rate_bps: int, cable_m: float, frame_bytes: int = 9100) -> int:
    """Headroom as the sum of delays in IEEE 802.1Q annex N, before cell rounding.

    A frame in flight on either side (with its 20 bytes of preamble and gap), the
    PFC frame, the cable there and back at 5 ns/m, the peer's response and the
    interfaces.

    >>> headroom_annex_n_bytes(400 * 10**9, 100)
    127063
    """
    frame = frame_bytes + 20
    cable = math.ceil(2 * cable_m * 5e-9 * rate_bps / 8)
    response = pause_quanta(rate_bps) * QUANTUM_BITS // 8
    return frame + PFC_FRAME_BYTES + cable + response + frame + MAC_PHY_BYTES


def headroom_hpcc_bytes(rate_bps: int, delay_ps: int) -> int:
    """Headroom of the HPCC simulator: three times rate x one-way delay.

    >>> headroom_hpcc_bytes(400 * 10**9, 500_000)
    75000
    """
    return -(-3 * rate_bps * delay_ps // (8 * 10**12))
