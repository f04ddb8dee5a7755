# SPDX-License-Identifier: Apache-2.0
"""Transport of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Int, Spec
from emu.spec.cc import CcParams
from emu.spec.dcqcn import Dcqcn
from emu.spec.timely import Timely
from emu.units import Rate, Size


class TransportSpec(Spec):
    """Overrides what the NIC profile says about congestion control."""

    cc: Literal["dcqcn", "timely", "none"] | None = None
    """none: each queue pair sends at a fixed rate; null: as the NIC profile."""
    dcqcn: Dcqcn | None = None
    timely: Timely | None = None
    rate: Annotated[Rate, Field(gt=0)] | None = None
    """Fixed rate of each queue pair; null: the line rate."""
    receiver: Literal["go-back-n", "in-order", "selective-repeat"] = "go-back-n"
    """What a NIC does with a packet that comes before an earlier one. go-back-n: discards it
    and asks for everything again; in-order: holds it in a reorder buffer until the gap is
    filled; selective-repeat: places it, and the sender repeats what is missing only."""
    reorder_buffer: Annotated[Size, Field(gt=0)] = 1_048_576
    """in-order: what a queue pair's reorder buffer holds, in slots of one MTU."""
    reorder_full: Literal["wait", "discard"] = "wait"
    """in-order: wait: the sender knows the size of the buffer and goes no further ahead;
    discard: it does not, and what finds the buffer full is asked for again, with all that
    follows."""
    window: Annotated[Int, Field(ge=2, le=65536)] = 1024
    """selective-repeat: bits of a queue pair's bitmap, and packets that a sender may be ahead
    of the first that is missing."""
    loss_after: Annotated[Int, Field(ge=1, le=65536)] = 256
    """in-order, selective-repeat: a packet is lost when one that is so much later has come, or
    the last that a sender may send."""

    @model_validator(mode="after")
    def _belong(self) -> Self:
        for name, given in self._given().items():
            if given is not None and self.cc not in (None, name):
                raise ValueError(f"{name} is given and cc is {self.cc}: leave one of them out")
        if self.timely is not None and self.cc is None:
            raise ValueError("timely is given and cc is not: set cc to timely")
        if self.cc == "timely" and self.timely is None:
            raise ValueError("cc is timely and no NIC has parameters for it: give timely")
        if self.rate is not None and self.cc != "none":
            raise ValueError("rate belongs to cc: none (a fixed rate without congestion control)")
        return self

    def _given(self) -> dict[str, CcParams | None]:
        return {"dcqcn": self.dcqcn, "timely": self.timely}

    @property
    def params(self) -> CcParams | None:
        """Parameters given here; null: as the NIC profile."""
        return self._given().get(self.cc or "dcqcn")
