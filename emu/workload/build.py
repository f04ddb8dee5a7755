# SPDX-License-Identifier: Apache-2.0
"""Trace + fabric + seed -> Workload."""

from __future__ import annotations

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec
from emu.workload.from_flows import from_flows
from emu.workload.from_requests import from_requests
from emu.workload.parts import resolve
from emu.workload.readers import ReadOptions, read_trace
from emu.workload.trace import FlowTrace, RequestTrace
from emu.workload.workload import Workload


def build_workload(spec: ExperimentSpec, fabric: Fabric, seed: int) -> Workload:
    """The workload of one variant; the same for the same arguments.

    Raises
    ------
    SpecError
        When the workload does not fit the fabric or the model.
    TraceError
        When the trace cannot be read.
    """
    trace = _read(spec, seed)
    try:
        if isinstance(trace, FlowTrace):
            return from_flows(spec.workload, trace, fabric, str(spec.workload.trace.path), seed)
        return from_requests(spec.workload, trace, fabric, seed)
    except SpecError as error:
        raise spec.located(error) from None


def check_workload(spec: ExperimentSpec, fabric: Fabric) -> None:
    """Everything that :func:`build_workload` would refuse by name or by row.

    Raises
    ------
    SpecError
        For an unknown model, engine or compute profile, and for ranks that do not fit.
    TraceError
        When the trace cannot be read.
    """
    trace = _read(spec, seed=1)
    try:
        if isinstance(trace, RequestTrace):
            reads = resolve(spec.workload, fabric).engine.verb == "read"
        else:
            reads = bool(trace.read.any())
        if reads and spec.cc is not None and not spec.cc.reads:
            raise SpecError([_reads_fault(spec.cc.algorithm)])
    except SpecError as error:
        raise spec.located(error) from None


def _reads_fault(algorithm: str) -> Fault:
    return Fault(
        field="transport.cc",
        message=f"{algorithm} measures acknowledgements, and the data of READs has none",
        hint="take a workload.engine that writes: nixl-push, mooncake, layered",
    )


def _read(spec: ExperimentSpec, seed: int) -> RequestTrace | FlowTrace:
    given = spec.workload.trace
    # Superposed copies are cut out of the whole trace, after they were laid over it.
    limit = None if spec.workload.load.method == "superpose" else given.limit
    options = ReadOptions(
        skip_bad=given.skip_bad,
        limit=limit,
        start_ps=given.start,
        spread_ps=None if isinstance(given.spread, str) else given.spread,
        seed=seed,
    )
    return read_trace(given.path, given.format, options)
