# SPDX-License-Identifier: Apache-2.0
"""Transport of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Spec
from emu.spec.dcqcn import Dcqcn
from emu.units import Rate


class TransportSpec(Spec):
    """Overrides what the NIC profile says about congestion control."""

    cc: Literal["dcqcn", "none"] | None = None
    """none: each queue pair sends at a fixed rate; null: as the NIC profile."""
    dcqcn: Dcqcn | None = None
    rate: Annotated[Rate, Field(gt=0)] | None = None
    """Fixed rate of each queue pair; null: the line rate."""

    @model_validator(mode="after")
    def _belong(self) -> Self:
        if self.cc == "none" and self.dcqcn is not None:
            raise ValueError("dcqcn is given and cc is none: leave one of them out")
        if self.rate is not None and self.cc != "none":
            raise ValueError("rate belongs to cc: none (a fixed rate without congestion control)")
        return self
