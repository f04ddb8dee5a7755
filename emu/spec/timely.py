# SPDX-License-Identifier: Apache-2.0
"""TIMELY: the parameters of the sender."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from emu.spec.base import Float, Name, Text
from emu.spec.cc import CcParams
from emu.spec.preset import expander
from emu.units import Rate, Time, format_time


class TimelyParams(CcParams):
    """RTT-based congestion control of one NIC. Presets: ``paper``, ``fabric``."""

    algorithm: ClassVar[str] = "timely"
    ecn_capable: ClassVar[bool] = False
    reads: ClassVar[bool] = False

    name: Name = "inline"
    alpha: Annotated[Float, Field(gt=0, le=1)]
    """Weight of the newest RTT difference in the gradient."""
    beta: Annotated[Float, Field(gt=0, le=1)]
    """Strength of the multiplicative decrease."""
    rtt_low: Annotated[Time, Field(gt=0)]
    """Below this RTT the rate rises whatever the gradient."""
    rtt_high: Annotated[Time, Field(gt=0)]
    """Above this RTT the rate falls whatever the gradient."""
    rtt_min: Annotated[Time, Field(gt=0)]
    """RTT of the empty fabric: the unit of the gradient."""
    rate_ai: Annotated[Rate, Field(gt=0)]
    """Additive increase per sample."""
    rate_min: Annotated[Rate, Field(gt=0)]
    """No decrease goes below this rate."""
    sources: dict[str, Text] = {}
    """Field name to where its number is from."""

    @model_validator(mode="after")
    def _thresholds_ascend(self) -> Self:
        if self.rtt_low >= self.rtt_high:
            raise ValueError(
                f"rtt_low is {format_time(self.rtt_low)} and rtt_high is "
                f"{format_time(self.rtt_high)}: rtt_low must be the smaller (swapped?)"
            )
        return self

    def engine_values(self) -> dict[str, float]:
        return {
            "alpha": self.alpha,
            "beta": self.beta,
            "rtt_low_ps": self.rtt_low,
            "rtt_high_ps": self.rtt_high,
            "rtt_min_ps": self.rtt_min,
            "rate_ai_bps": self.rate_ai,
            "rate_min_bps": self.rate_min,
        }


Timely = Annotated[TimelyParams, BeforeValidator(expander("timely"))]
