# SPDX-License-Identifier: Apache-2.0
"""From serving traces to KV transfers: readers, models, placement, engines, load."""

from emu.workload.build import build_workload, check_workload
from emu.workload.compute import ComputeProfile, compute_names, find_compute
from emu.workload.engines import EngineProfile, engine_names, find_engine
from emu.workload.models import ModelShape, find_model, model_table
from emu.workload.readers import FORMATS, ReadOptions, read_trace
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
    "ListedFlows",
    "ModelShape",
    "ReadOptions",
    "RequestTrace",
    "Workload",
    "build_workload",
    "check_workload",
    "compute_names",
    "engine_names",
    "find_compute",
    "find_engine",
    "find_model",
    "model_table",
    "read_trace",
]
