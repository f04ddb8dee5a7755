# SPDX-License-Identifier: Apache-2.0
"""When a run stops and what it keeps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emu.spec.base import Bool, Int, Spec
from emu.spec.capture import CaptureSpec
from emu.units import Size, Time


class StopSpec(Spec):
    """Whichever comes first; everything done ends a run anyway."""

    at: Annotated[Time, Field(gt=0)] | None = None
    """Fabric time."""
    drain: Annotated[Time, Field(gt=0)] | None = None
    """Time after the last arrival."""
    transfers: Annotated[Int, Field(ge=1)] | None = None
    """Number of transfers that ended."""
    acked: Bool = False
    """True: the run goes on until the senders know that everything has arrived."""


class RecordSpec(Spec):
    """What lands in the run directory beside the totals."""

    sample_interval: Annotated[Time, Field(ge=1_000_000)] = 100_000_000
    """Between two samples of queues and series."""
    level: Literal["off", "counters", "series", "everything"] = "series"
    """off: totals, flows, transfers and the series of the whole fabric. counters: also what
    switches count, under their SAI names. series: also queues, ports and queue pairs by
    interval. everything: also microbursts, pauses with cause and victims, sampled packets."""
    queues: Bool = True
    """False: no samples of queues, whatever the level."""
    microburst: Annotated[Size, Field(gt=0)] = 100_000
    """everything: an egress queue that holds more has a microburst."""
    inband_every: Annotated[Int, Field(ge=1, le=1_000_000)] = 1000
    """everything: of each queue pair one data packet in so many is followed on its way."""
    rows_max: Annotated[Int, Field(ge=1000, le=1_000_000_000)] = 5_000_000
    """Rows of each recorded table, so that memory is bounded; what is cut is noted in run.json."""
    pauses_max: Annotated[Int, Field(ge=100, le=10_000_000)] = 100_000
    """everything: pause episodes that are kept, the first ones, each with the flows that caused
    it and those that waited; what is cut is noted in run.json."""
    blocks: Annotated[Int, Field(ge=2, le=1000)] = 10
    """Blocks of time for confidence intervals: transfers of one run are not independent."""
    captures: tuple[CaptureSpec, ...] = ()
    """Ports whose frames are kept as pcapng files; the run is the same with and without."""
