# SPDX-License-Identifier: Apache-2.0
"""Stating a load: bytes per second on the decode pool's ingress links.

Offered load = (payload + RoCE headers of all transfers) / span / ingress rate, where
the span runs from the first to the last readiness of a transfer plus one mean gap, and
the ingress rate is one port per receiving endpoint of the decode workers. (A dual-homed
NIC counts one port: what every design can use.)

``compress`` divides the serving clock by one factor. Everything that decides *when*
bytes leave moves closer together (arrival gaps, prefill ends, the gaps between the
chunks of one prompt); sizes and the network's own clock stay. It reads as: so many
more accelerators, and users, feed the same links. The durations reported for a request
(queue, prefill) are those of the unscaled system, so TTFT = real queue + real prefill
+ exposed transfer. A factor below 1 moves transfers apart and leaves the chunks of one
prompt where they are.
"""

from __future__ import annotations

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.workload.table import distinct
from emu.workload.trace import PS_PER_S, IntArray


def span_ps(ready_ps: IntArray) -> int:
    """First to last and one mean gap: n events make n gaps, as in steady state."""
    count = len(ready_ps)
    if count < 2:
        return 0
    return round(int(ready_ps.max() - ready_ps.min()) * count / (count - 1))


def ingress_bps(fabric: Fabric, endpoints: IntArray) -> int:
    """Sum of one port's rate over the distinct endpoints."""
    ports = (fabric.ports[fabric.ports_of(int(e))[0]] for e in distinct(endpoints))
    return sum(port.rate_bps for port in ports)


def offered_load(wire_bytes: int, span: int, capacity_bps: int) -> float:
    """Fraction of the capacity; 0 when there is no span (a single transfer)."""
    return wire_bytes * 8 * PS_PER_S / span / capacity_bps if span else 0.0


def compression_factor(fraction: float | None, natural: float) -> float:
    """What turns the natural load into the stated one; 1 when none is stated.

    Raises
    ------
    SpecError
        When there is nothing to compress: all transfers at one moment.
    """
    if fraction is None:
        return 1.0
    if not natural:
        raise SpecError(
            [
                Fault(
                    field="workload.load.fraction",
                    message="a load needs at least two transfers at different times",
                    hint="raise workload.trace.limit, or set load.fraction to null",
                )
            ]
        )
    return fraction / natural


def compress(times_ps: IntArray, factor: float) -> IntArray:
    """Serving times divided by the factor."""
    if factor == 1.0:
        return times_ps
    return np.rint(times_ps / factor).astype(np.int64)
