# SPDX-License-Identifier: Apache-2.0
"""DCQCN: the parameters of the reaction and the notification point."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from emu.spec.base import Bool, Float, Int, Name, Text
from emu.spec.cc import CcParams
from emu.spec.preset import expander
from emu.units import Fraction, Rate, Size, Time, format_rate


class DcqcnParams(CcParams):
    """Congestion control of one NIC. Presets: ``vendor``, ``paper``, ``hpcc``."""

    algorithm: ClassVar[str] = "dcqcn"

    name: Name = "inline"
    g: Annotated[Float, Field(gt=0, le=1)]
    """Gain of the congestion estimate: alpha moves by this share per step."""
    alpha_timer: Annotated[Time, Field(gt=0)]
    """Without a CNP alpha decays once per this time."""
    rate_reduce_interval: Time
    """Smallest gap between two rate cuts of a QP."""
    cnp_interval: Time
    """Smallest gap between two CNPs of a QP (notification point)."""
    increase_timer: Annotated[Time, Field(gt=0)]
    """Period of the timer that drives the increase."""
    byte_counter: Size
    """Bytes sent per step of the byte counter; 0 switches it off."""
    fast_recovery_stages: Annotated[Int, Field(ge=1, le=100)]
    """F: steps of halving the gap to the target before the target itself rises."""
    rate_ai: Annotated[Rate, Field(gt=0)]
    """Additive increase of the target rate."""
    rate_hai: Annotated[Rate, Field(gt=0)]
    """Hyper increase of the target rate."""
    rate_min: Annotated[Rate, Field(gt=0)]
    """No cut goes below this rate."""
    min_dec_factor: Annotated[Fraction, Field(gt=0, le=1)] = 0.5
    """One cut leaves at least this share of the rate."""
    clamp_target_rate: Bool = False
    """True: every cut sets the target to the rate before the cut."""
    clamp_after_increase: Bool = True
    """True: a cut does so when the timer has raised the rate since the last cut."""
    timers: Literal["per-cnp", "free-running"] = "per-cnp"
    """per-cnp: a CNP moves alpha and cuts at once; free-running: both timers run on from
    the first CNP, and a CNP is noted for their next tick."""
    initial_alpha: Annotated[Fraction, Field(gt=0, le=1)] = 1.0
    """Congestion estimate before the first CNP."""
    sources: dict[str, Text] = {}
    """Field name to where its number is from."""

    @model_validator(mode="after")
    def _increases_ascend(self) -> Self:
        if self.rate_hai < self.rate_ai:
            raise ValueError(
                f"rate_hai is {format_rate(self.rate_hai)} and rate_ai is "
                f"{format_rate(self.rate_ai)}: hyper increase must not be the slower"
            )
        return self

    @property
    def cnp_interval_ps(self) -> int:
        return self.cnp_interval

    def engine_values(self) -> dict[str, float]:
        return {
            "g": self.g,
            "initial_alpha": self.initial_alpha,
            "min_dec_factor": self.min_dec_factor,
            "alpha_timer_ps": self.alpha_timer,
            "rate_reduce_interval_ps": self.rate_reduce_interval,
            "increase_timer_ps": self.increase_timer,
            "byte_counter_bytes": self.byte_counter,
            "rate_ai_bps": self.rate_ai,
            "rate_hai_bps": self.rate_hai,
            "rate_min_bps": self.rate_min,
            "fast_recovery_stages": self.fast_recovery_stages,
            "clamp_target_rate": self.clamp_target_rate,
            "clamp_after_increase": self.clamp_after_increase,
            "free_running": self.timers == "free-running",
        }


Dcqcn = Annotated[DcqcnParams, BeforeValidator(expander("dcqcn"))]
