# SPDX-License-Identifier: Apache-2.0
"""How fast a DCQCN sender is when each of its packets is marked with the same probability.

The fluid model replaces what happens between two cuts by averages. This is the algorithm itself,
event by event, over many independent senders, and without a queue: where it parts from the model,
the model's averages do; where an engine parts from this, marks depend on each other or the engine
is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emu.validate.fluid import FluidParams, fixed_point

Floats = npt.NDArray[np.float64]
_TINY = 1e-12


@dataclass(frozen=True)
class Extra:
    """What the fluid model leaves out."""

    g: float = 1 / 256
    hyper_bps: float = 200e6
    cnp_s: float = 50e-6
    """After a notification marks do not count for so long."""


def mean_rate(
    p: float, params: FluidParams, extra: Extra, start: float,
    senders: int = 300, cuts: int = 400, seed: int = 1,
) -> float:  # fmt: skip
    """Mean rate, packets per second, under marking probability ``p``.

    The first quarter of the cuts of each sender is left out.
    """
    rng = np.random.default_rng(seed)
    bits = params.packet_bytes * 8
    line, add, hyper = (x / bits for x in (params.rate_bps, params.increase_bps, extra.hyper_bps))
    counter = params.byte_counter / params.packet_bytes
    full = np.ones(senders)
    rate, target = start * full, start * full
    alpha = full * -math.expm1(params.alpha_s * start * math.log1p(-p))
    timer, decay, deaf = params.timer_s * full, params.alpha_s * full, extra.cnp_s * full
    left, until_mark = counter * full, rng.geometric(p, senders).astype(np.float64)
    timers, counts = np.zeros(senders, np.int64), np.zeros(senders, np.int64)
    done, sent, span = np.zeros(senders, np.int64), np.zeros(senders), np.zeros(senders)
    while done.min() < cuts:
        waits = deaf > 0
        dt = np.minimum(np.minimum(timer, decay), left / rate)
        dt = np.minimum(dt, np.where(waits, deaf, until_mark / rate))
        packets = rate * dt
        counted = done >= cuts // 4
        sent += packets * counted
        span += dt * counted
        timer, decay, left = timer - dt, decay - dt, left - packets
        deaf = np.where(waits, deaf - dt, 0.0)
        deaf[deaf < _TINY] = 0.0
        until_mark = np.where(waits, until_mark, until_mark - packets)
        cut = ~waits & (until_mark < 1e-6)
        fell = decay < _TINY
        alpha = np.where(fell & ~cut, alpha * (1 - extra.g), alpha)
        decay = np.where(fell | cut, params.alpha_s, decay)
        rung, counted_out = timer < _TINY, left < 1e-6
        timer = np.where(rung | cut, params.timer_s, timer)
        left = np.where(counted_out | cut, counter, left)
        for event, stage in ((rung & ~cut, timers), (counted_out & ~cut, counts)):
            stage += event
            low = np.minimum(timers, counts) - params.stages + 1
            high = np.maximum(timers, counts) >= params.stages
            step = np.where(low > 0, hyper * low, np.where(high, add, 0.0))
            target = np.minimum(target + step * event, line)
            rate = np.where(event, (rate + target) / 2, rate)
        if cut.any():
            alpha = np.where(cut, alpha + extra.g * (1 - alpha), alpha)
            target = np.where(cut, rate, target)
            rate = np.where(cut, rate * (1 - alpha / 2), rate)
            timers[cut] = counts[cut] = 0
            deaf = np.where(cut, extra.cnp_s, deaf)
            until_mark = np.where(cut, rng.geometric(p, senders), until_mark)
            done += cut
    return float(sent.sum() / span.sum())


def marking_probability(params: FluidParams, extra: Extra, flows: int) -> float:
    """The probability under which ``flows`` senders fill the link, by secants on a log scale."""
    share = params.rate_bps / params.packet_bytes / 8 / flows
    p = fixed_point(params, flows).p
    x = math.log(p)
    last: tuple[float, float] | None = None
    for _ in range(6):
        y = math.log(mean_rate(math.exp(x), params, extra, share) / share)
        slope = -0.65 if last is None else (y - last[1]) / (x - last[0])
        last = (x, y)
        x -= y / slope
        if abs(y) < 0.002:
            break
    return math.exp(x)
