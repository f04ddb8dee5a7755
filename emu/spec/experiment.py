# SPDX-License-Identifier: Apache-2.0
"""ExperimentSpec: one question, its variants and seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from emu.spec.base import Bool, Int, Name, Spec, Text
from emu.spec.context import LoadContext
from emu.spec.dcqcn import DcqcnParams
from emu.spec.design import DesignSpec
from emu.spec.fault import FaultSpec, FaultWindow, fault_windows
from emu.spec.merge import deep_merge
from emu.spec.record import RecordSpec, StopSpec
from emu.spec.timers import TimersSpec
from emu.spec.topology import TopologySpec
from emu.spec.transport import RoutingSpec, TransportSpec
from emu.spec.workload import WorkloadSpec

if TYPE_CHECKING:
    from emu.spec.variants import Variant

SEED_MAX = 2**32 - 1


class CaseSpec(Spec):
    """A further variant by name: what it sets, and for which designs."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
    set: dict[Name, Any] = {}
    """Dotted path to value."""
    designs: tuple[Name, ...] | None = None
    """Labels or keys (evpn/l2vni) of the designs; null: all."""


class ExperimentSpec(Spec):
    """Everything that a run needs. ``variants()`` takes it apart."""

    kind: Literal["experiment"] = "experiment"
    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    question: Text = ""
    topology: TopologySpec
    """A path relative to this file, a name in topologies/, or a mapping; ``overrides`` included."""
    overrides: dict[str, Any] = {}
    """Laid over the topology, e.g. {switches: {leaf: {pfc: {enabled: false}}}}."""
    workload: WorkloadSpec
    transport: TransportSpec = TransportSpec()
    routing: RoutingSpec = RoutingSpec()
    designs: Annotated[tuple[DesignSpec, ...], Field(min_length=1)]
    timers: TimersSpec = TimersSpec()
    faults: tuple[FaultSpec, ...] = ()
    matrix: dict[Name, Annotated[tuple[Any, ...], Field(min_length=1)]] = {}
    """Dotted path to values; variants are the product of all of them with the designs."""
    base: Bool = True
    """False: only the cases are run, not the product of matrix and designs."""
    cases: tuple[CaseSpec, ...] = ()
    seeds: Annotated[tuple[Annotated[Int, Field(ge=0, le=SEED_MAX)], ...], Field(min_length=1)] = (
        1,
    )
    stop: StopSpec = StopSpec()
    record: RecordSpec = RecordSpec()

    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)
    _context: LoadContext = PrivateAttr(default_factory=LoadContext)
