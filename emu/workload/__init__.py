# SPDX-License-Identifier: Apache-2.0
"""From serving traces to KV transfers: readers, models, placement, engines, load."""

from emu.workload.build import build_workload, check_workload
from emu.workload.compute import ComputeProfile, compute_names, find_compute
from emu.workload.describe import TraceDescription, describe
from emu.workload.engines import EngineProfile, engine_names, find_engine
from emu.workload.export import Imported, import_trace, synth
from emu.workload.models import ModelShape, find_model, model_table
from emu.workload.plot import plot
from emu.workload.readers import FORMATS, ReadOptions, read_trace
from emu.workload.render import render
from emu.workload.stream import FLOW_COLUMNS, FlowStream, ListedFlows
from emu.workload.trace import FlowTrace, RequestTrace
from emu.workload.workload import Workload

__all__ = [
    "FLOW_COLUMNS",
    "FORMATS",
    "ComputeProfile",
    "EngineProfile",
    "FlowStream",
    "FlowTrace",
    "Imported",
    "ListedFlows",
    "ModelShape",
    "ReadOptions",
    "RequestTrace",
    "TraceDescription",
    "Workload",
    "build_workload",
    "check_workload",
    "compute_names",
    "describe",
    "engine_names",
    "find_compute",
    "find_engine",
    "find_model",
    "import_trace",
    "model_table",
    "plot",
    "read_trace",
    "render",
    "synth",
]
