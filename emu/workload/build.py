# SPDX-License-Identifier: Apache-2.0
"""Trace + fabric + seed -> Workload."""

from __future__ import annotations

from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec
from emu.workload.from_flows import from_flows
from emu.workload.from_requests import from_requests
from emu.workload.readers import ReadOptions, read_trace
from emu.workload.trace import FlowTrace
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
    workload, given = spec.workload, spec.workload.trace
    # Superposed copies are cut out of the whole trace, after they were laid over it.
    limit = None if workload.load.method == "superpose" else given.limit
    options = ReadOptions(
        skip_bad=given.skip_bad,
        limit=limit,
        start_ps=given.start,
        spread_ps=None if isinstance(given.spread, str) else given.spread,
        seed=seed,
    )
    trace = read_trace(given.path, given.format, options)
    if isinstance(trace, FlowTrace):
        return from_flows(workload, trace, fabric, str(given.path), seed)
    return from_requests(workload, trace, fabric, seed)
