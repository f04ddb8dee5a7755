# SPDX-License-Identifier: Apache-2.0
"""Fixed point of DCQCN's fluid model (Zhu et al., SIGCOMM 2015, 5; CoNEXT 2016, 3).

All rates are in packets per second, because marking is per packet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FluidParams:
    """One bottleneck and the parameters of its flows; defaults of CoNEXT 2016 at 100G."""

    packet_bytes: int = 1000
    rate_bps: float = 100e9
    cut_s: float = 50e-6
    alpha_s: float = 55e-6
    timer_s: float = 55e-6
    byte_counter: float = 10e6
    stages: int = 5
    increase_bps: float = 40e6
    kmin_kb: float = 5.0
    kmax_kb: float = 200.0
    pmax: float = 0.01


@dataclass(frozen=True)
class FixedPoint:
    """Marking probability and, on the straight part of the curve, the queue."""

    p: float
    queue_kb: float


def fixed_point(params: FluidParams, flows: int) -> FixedPoint:
    """The unique root of a^2 alpha = tau^2 R_AI R_C (b + d)(c + e), by bisection on log p.

    A probability above ``pmax`` has no fixed point below kmax; the queue is then kmax.
    """
    bits = params.packet_bytes * 8
    rate = params.rate_bps / bits / flows
    step = params.increase_bps / bits
    packets = params.byte_counter / params.packet_bytes

    def excess(p: float) -> float:
        log_keep = math.log1p(-p)
        a = -math.expm1(params.cut_s * rate * log_keep)
        alpha = -math.expm1(params.alpha_s * rate * log_keep)
        b = p / math.expm1(-packets * log_keep)
        d = p / math.expm1(-params.timer_s * rate * log_keep)
        c = b * math.exp(params.stages * packets * log_keep)
        e = d * math.exp(params.stages * params.timer_s * rate * log_keep)
        return math.log(a * a * alpha) - math.log(params.cut_s**2 * step * rate * (b + d) * (c + e))

    low, high = math.log(1e-9), math.log(0.4)
    for _ in range(200):
        middle = (low + high) / 2
        if excess(math.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    p = math.exp((low + high) / 2)
    share = min(1.0, p / params.pmax)
    return FixedPoint(p, params.kmin_kb + share * (params.kmax_kb - params.kmin_kb))
