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
    """0: none, the timer alone drives the increase."""
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
        b = p / _grow(-packets * log_keep) if packets else 0.0
        d = p / _grow(-params.timer_s * rate * log_keep)
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


@dataclass(frozen=True)
class Swing:
    """The queue of the fluid model late in time."""

    mean_kb: float
    deviation_kb: float
    utilisation: float


def integrate(
    params: FluidParams, flows: int, delay_s: float, span_s: float, g: float = 1 / 256
) -> Swing:
    """The delay equations of N equal flows by Euler steps of one microsecond.

    Feedback (the marking probability, and the rate by which marks come) is ``delay_s`` old. From
    the fixed point, disturbed by a rate 10 % too high; the last half of ``span_s`` counts.
    """
    step, bits = 1e-6, params.packet_bytes * 8
    link, add = params.rate_bps / bits, params.increase_bps / bits
    count = params.byte_counter / params.packet_bytes
    point = fixed_point(params, flows)
    low, high = (k * 1000 / params.packet_bytes for k in (params.kmin_kb, params.kmax_kb))
    fair = link / flows
    rate, target = 1.1 * fair, 1.1 * fair
    alpha = -math.expm1(params.alpha_s * fair * math.log1p(-point.p))
    queue = point.queue_kb * 1000 / params.packet_bytes
    lag = max(1, round(delay_s / step))
    past = [(point.p, fair)] * lag
    total = square = served = 0.0
    steps = round(span_s / step)
    for i in range(steps):
        p, was = past[i % lag]
        share = min(1.0, max(0.0, (queue - low) / (high - low)))
        past[i % lag] = (params.pmax * share if queue <= high else 1.0, rate)
        if p <= 0:
            a = mark = 0.0
            b, c = was / count, was / count
            d = e = 1 / params.timer_s
        else:
            # Where everything is marked the logarithm would be infinite.
            keep = math.log1p(-min(p, 1 - 1e-9))
            a = -math.expm1(params.cut_s * was * keep)
            mark = -math.expm1(params.alpha_s * was * keep)
            b = was * p / _grow(-count * keep)
            d = was * p / _grow(-params.timer_s * was * keep)
            c = b * math.exp(params.stages * count * keep)
            e = d * math.exp(params.stages * params.timer_s * was * keep)
        d_alpha = g / params.alpha_s * (mark - alpha)
        d_target = -(target - rate) / params.cut_s * a + add * (c + e)
        d_rate = -rate * alpha / (2 * params.cut_s) * a + (target - rate) / 2 * (b + d)
        sends = flows * rate
        if i >= steps // 2:
            total += queue
            square += queue * queue
            served += link if queue > 0 else min(link, sends)
        queue = max(0.0, queue + (sends - link) * step)
        alpha += d_alpha * step
        target = min(link, max(target + d_target * step, add))
        rate = min(link, max(rate + d_rate * step, add))
    n = steps - steps // 2
    mean, kb = total / n, params.packet_bytes / 1000
    return Swing(mean * kb, math.sqrt(max(0.0, square / n - mean * mean)) * kb, served / n / link)


def _grow(x: float) -> float:
    """exp(x) - 1, without an overflow."""
    return math.expm1(min(x, 600.0))
