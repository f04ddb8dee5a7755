# SPDX-License-Identifier: Apache-2.0
"""DCQCN's sender written a second time, packet by packet, for one queue pair.

Written from the text of the algorithm and not from the engine's header: plain numbers instead of
integers, every packet and timer in its turn instead of lazily.
Source: Zhu et al., SIGCOMM 2015, "RP algorithm"; order of the steps and the vendor's clamping as
in ns3-rdma e8a27d02bf qbb-net-device.cc and the names of the mlx5 driver's parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emu.spec.dcqcn import DcqcnParams


@dataclass
class Steps:
    """When the rate changed and what it was from then on."""

    t_ps: list[float]
    rate_bps: list[float]


class ReactionPoint:
    """One queue pair that always has something to send."""

    def __init__(self, params: DcqcnParams, line_bps: float) -> None:
        self.p = params
        self.line = self.rate = self.target = line_bps
        self.alpha = params.initial_alpha
        self.limited = self.notified = self.timer_raised = False
        self.timer_stage = self.byte_stage = 0
        self.timer_at = self.alpha_at = float("inf")
        self.bytes_left = 0.0

    def cnp(self, now: float) -> None:
        """A notification: alpha takes it in, the rate is cut, recovery begins anew."""
        if self.notified:
            self.alpha += self.p.g * (1 - self.alpha)
        self.notified = True
        self.alpha_at = now + self.p.alpha_timer
        if not self.limited or self.p.clamp_target_rate or self.timer_raised:
            self.target = self.rate
        kept = max(self.p.min_dec_factor, 1 - self.alpha / 2)
        self.rate = max(self.p.rate_min, self.rate * kept)
        self.limited, self.timer_raised = True, False
        self.timer_stage = self.byte_stage = 0
        self.timer_at = now + self.p.increase_timer
        self.bytes_left = float(self.p.byte_counter)

    def decay(self) -> None:
        """A period without a notification."""
        self.alpha *= 1 - self.p.g
        self.alpha_at += self.p.alpha_timer

    def timer(self) -> None:
        """The increase timer expires."""
        self.timer_stage += 1
        self.timer_raised = True
        self.timer_at += self.p.increase_timer
        self._increase()

    def sent(self, frame_bytes: int) -> bool:
        """A packet goes out; True when that completes the byte counter."""
        if not self.limited:
            return False
        self.bytes_left -= frame_bytes
        if self.bytes_left > 0:
            return False
        self.bytes_left += self.p.byte_counter
        self.byte_stage += 1
        self._increase()
        return True

    def _increase(self) -> None:
        f = self.p.fast_recovery_stages
        low, high = sorted((self.timer_stage, self.byte_stage))
        if low >= f:
            self.target += self.p.rate_hai * (low - f + 1)
        elif high >= f:
            self.target += self.p.rate_ai
        self.target = min(self.target, self.line)
        self.rate = (self.rate + self.target) / 2
        # The engine's rates are whole: the last half bit/s is the line's.
        if self.rate > self.line - 1:
            self.rate = self.line
            self.limited = False
            self.timer_at = float("inf")


def steps(
    params: DcqcnParams, line_bps: float, cnps_ps: Sequence[float], frame_bytes: int,
    wire_bytes: int, until_ps: float,
) -> Steps:  # fmt: skip
    """Rate of a queue pair at line rate that gets notifications at these times.

    Parameters
    ----------
    params : DcqcnParams
    line_bps : float
    cnps_ps : sequence of float
        Ascending.
    frame_bytes, wire_bytes : int
        Size of a packet for the byte counter, and with preamble and gap.
    until_ps : float
    """
    q = ReactionPoint(params, line_bps)
    out = Steps([0.0], [line_bps])
    pending = list(cnps_ps)
    packet = 0.0
    while True:
        now = min(packet, q.timer_at, q.alpha_at, pending[0] if pending else float("inf"))
        if now > until_ps:
            return out
        before = q.rate
        if pending and pending[0] == now:
            q.cnp(pending.pop(0))
        elif q.alpha_at == now:
            q.decay()
        elif q.timer_at == now:
            q.timer()
        else:
            q.sent(frame_bytes)
            packet = now + wire_bytes * 8e12 / q.rate
        if q.rate != before:
            out.t_ps.append(now)
            out.rate_bps.append(q.rate)
            if packet > now:  # what is left of the gap passes at the new rate
                packet = now + (packet - now) * before / q.rate
