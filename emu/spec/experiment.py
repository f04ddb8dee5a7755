# SPDX-License-Identifier: Apache-2.0
"""ExperimentSpec: one question, its variants and seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from emu.errors import Fault, SpecError
from emu.spec.base import Bool, Formed, Int, Name, Spec, Text
from emu.spec.capture import CaptureSpec
from emu.spec.cc import CcParams
from emu.spec.checks import check_designs, check_faults, check_rest
from emu.spec.context import LoadContext
from emu.spec.design import DesignSpec
from emu.spec.dialect import Dialect, DialectSpec
from emu.spec.fault import FaultSpec, FaultWindow, fault_windows
from emu.spec.faultlist import Places
from emu.spec.located import At
from emu.spec.record import RecordSpec, StopSpec
from emu.spec.routing import RoutingSpec
from emu.spec.timers import TimersSpec
from emu.spec.topology import TopologySpec, with_overrides
from emu.spec.transport import TransportSpec
from emu.spec.workload import WorkloadSpec

if TYPE_CHECKING:
    from emu.spec.variants import Variant

SEED_MAX = 2**32 - 1


class CaseSpec(Spec):
    """A further variant by name: what it sets, and for which designs."""

    name: Annotated[
        str,
        Formed(
            "[A-Za-z0-9][A-Za-z0-9 ._-]*", "a case's name: letters, digits, spaces and . _ - only"
        ),
    ]
    set: dict[Name, Any] = {}
    """Dotted path to value."""
    designs: tuple[Name, ...] | None = None
    """Labels or keys (evpn/l2vni) of the designs; null: all."""


def _resolve_topology(value: object, info: ValidationInfo) -> object:
    """The topology's mapping with the overrides laid over it."""
    context = info.context if isinstance(info.context, LoadContext) else LoadContext()
    if isinstance(value, str):
        value = context.load_topology(value)
    # The field stands after `overrides`, so those have been read.
    return with_overrides(value, info.data.get("overrides"))


class ExperimentSpec(Spec):
    """Everything that a run needs. ``variants()`` takes it apart."""

    kind: Literal["experiment"] = "experiment"
    name: Annotated[
        str,
        Formed(
            "[A-Za-z0-9][A-Za-z0-9._-]*", "an experiment's name: letters, digits and . _ - only"
        ),
    ]
    question: Text = ""
    overrides: dict[str, Any] = {}
    """Laid over the topology, e.g. {switches: {leaf: {pfc: {enabled: false}}}}."""
    topology: Annotated[TopologySpec, BeforeValidator(_resolve_topology)]
    """A path relative to this file, a name in topologies/, or a mapping; once read,
    ``overrides`` are part of it."""
    workload: WorkloadSpec
    transport: TransportSpec = TransportSpec()
    routing: RoutingSpec = RoutingSpec()
    dialect: Dialect = DialectSpec()
    """Another simulator's model to follow, by name (``hpcc-ns3``) or in parts; default:
    the standards."""
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
    _places: Places = PrivateAttr(default_factory=Places)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        # Variants are made from what was written, not from what it became: a
        # path may lead into a part that a preset or a default filled.
        spec = handler(data)
        if isinstance(data, dict):
            spec._raw = deepcopy(data)
        if isinstance(info.context, LoadContext):
            spec._context = info.context
        return spec

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        items = [*check_designs(self), *check_faults(self), *check_rest(self)]
        if items:
            raise At(*items)
        return self

    @property
    def cc(self) -> CcParams | None:
        """Congestion control that the NICs use; None: fixed rate."""
        if self.transport.cc == "none":
            return None
        return self.transport.params or self.topology.nic.cc

    @property
    def fault_windows(self) -> list[FaultWindow]:
        """The faults with their times resolved, in the order given."""
        return fault_windows(self.faults)

    def variants(self) -> list[Variant]:
        """What has to be run, each for every seed.

        Raises
        ------
        SpecError
            When a matrix path or a case leads to something that is not allowed.
        """
        from emu.spec.variants import make_variants

        raw = self._raw or self.model_dump()
        return make_variants(self, raw, self._context, self._places)

    def capturing(self, ports: Sequence[str]) -> Self:
        """The experiment with these ports captured as well, whole and unfiltered.

        Raises
        ------
        SpecError
            For what is not the name of a port.
        """
        faults = []
        for name in ports:
            try:
                CaptureSpec.model_validate(name)
            except ValidationError as error:
                text = str(error.errors()[0]["ctx"]["error"])
                faults.append(Fault(text, "--capture"))
        if faults:
            raise SpecError(faults)
        data = dict(self._raw or self.model_dump())
        record = dict(data.get("record") or {})
        record["captures"] = [*(record.get("captures") or ()), {"ports": list(ports)}]
        more = type(self).model_validate({**data, "record": record}, context=self._context)
        option = {("record", "captures", len(self.record.captures)): "--capture"}
        more._places = replace(self._places, options=self._places.options | option)
        return more

    def located(self, error: SpecError) -> SpecError:
        """The error with file, line and column of the fields that its faults name.

        What only later parts can know (a link that the fabric lacks, a model that no
        table has) is found without the file at hand; this says where it is written.
        """
        return SpecError([self._places.locate(fault) for fault in error.faults])

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of the spec, as hexadecimal digits."""
        text = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        return hashlib.sha256(text.encode()).hexdigest()
