# SPDX-License-Identifier: Apache-2.0
"""ECN marking: when a queue sets CE on a packet."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from emu.spec.base import Bool, Priority, Spec
from emu.units import Fraction, Size, format_rate, format_size, parse_rate


class EcnProfile(Spec):
    """Marks never below kmin, always above kmax, and in between with a
    probability that rises linearly to pmax."""

    kmin: Size
    """Queue length below which nothing is marked."""
    kmax: Size
    """Queue length above which everything is marked."""
    pmax: Annotated[Fraction, Field(gt=0, le=1)] = 0.01
    """Probability of marking at kmax."""

    @model_validator(mode="after")
    def _thresholds_ascend(self) -> Self:
        if self.kmin >= self.kmax:
            raise ValueError(
                f"kmin is {format_size(self.kmin)} and kmax is {format_size(self.kmax)}: "
                "kmin must be the smaller (swapped?)"
            )
        return self


def rate_keys(value: object) -> object:
    """Mapping with rates as keys; "100G" and "100Gb/s" are one key."""
    if not isinstance(value, dict):
        return value
    rates: dict[str, object] = {}
    for key, item in value.items():
        rate = format_rate(parse_rate(key))
        if rate in rates:
            raise ValueError(f"the rate {rate} is given twice")
        rates[rate] = item
    return rates


# Keys stay canonical rate strings ("400G"), so that a path such as
# by_rate.400G.kmin means the same in a file, in a matrix and in a dump.
EcnByRate = Annotated[dict[str, EcnProfile], BeforeValidator(rate_keys), Field(min_length=1)]


class EcnSpec(Spec):
    """Marking per port rate."""

    enabled: Bool = True
    """False: no queue ever marks."""
    by_rate: EcnByRate
    """Thresholds for each port rate."""
    priorities: tuple[Priority, ...] = (3,)
    """Priorities whose packets are marked."""

    def at(self, rate_bps: int) -> EcnProfile:
        """Thresholds of a port; ValueError naming the known rates when none is given."""
        profile = self.by_rate.get(format_rate(rate_bps))
        if profile is None:
            raise ValueError(
                f"no ECN thresholds for ports of {format_rate(rate_bps)}: "
                f"given are {', '.join(self.by_rate)}"
            )
        return profile
