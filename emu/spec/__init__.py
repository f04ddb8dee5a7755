# SPDX-License-Identifier: Apache-2.0
"""Every input file is read and checked here, once.

``load_experiment`` and ``load_topology`` read files; the models say what may stand
in them; ``ExperimentSpec.variants`` takes an experiment apart into what is run.
"""

from __future__ import annotations

from emu.spec.capture import CaptureSpec
from emu.spec.clos import ClosSpec
from emu.spec.dcqcn import DcqcnParams
from emu.spec.design import DesignSpec, design_keys
from emu.spec.dialect import DialectSpec, FramingSpec
from emu.spec.ecn import EcnProfile, EcnSpec
from emu.spec.experiment import CaseSpec, ExperimentSpec
from emu.spec.explicit import ExplicitSpec, LinkSpec, NodeSpec
from emu.spec.fault import (
    FAULT_KINDS,
    BlackHole,
    FaultSpec,
    FaultWindow,
    LinkDegraded,
    LinkDown,
    LinkFlap,
    NicStorm,
    SilentHost,
    SlowReceiver,
    SwitchDown,
    fault_windows,
)
from emu.spec.hostset import match_names, pick_names
from emu.spec.loader import load_experiment, load_topology
from emu.spec.nic import NicProfile
from emu.spec.preset import preset_names
from emu.spec.record import RecordSpec, StopSpec
from emu.spec.routing import (
    AdaptiveSpec,
    ControllerSpec,
    EcmpSpec,
    FlowletSpec,
    RemoteSpec,
    RoutingSpec,
    SpraySpec,
)
from emu.spec.schema import experiment_schema, json_schema, topology_schema
from emu.spec.switch import (
    WATCHDOG_ACTIONS,
    LossySpec,
    PfcSpec,
    SchedulerSpec,
    SwitchProfile,
)
from emu.spec.timers import TimerInfo, TimersSpec
from emu.spec.topology import RolesSpec, SwitchesSpec, TopologySpec
from emu.spec.transport import TransportSpec
from emu.spec.variants import Variant
from emu.spec.workload import (
    BackgroundSpec,
    ComputeSpec,
    EngineSpec,
    LoadSpec,
    ParallelismSpec,
    PlacementSpec,
    PrefillSpeed,
    SourcePortsSpec,
    TraceSpec,
    WorkloadSpec,
)

__all__ = [
    "FAULT_KINDS",
    "WATCHDOG_ACTIONS",
    "AdaptiveSpec",
    "BackgroundSpec",
    "BlackHole",
    "CaptureSpec",
    "CaseSpec",
    "ClosSpec",
    "ComputeSpec",
    "ControllerSpec",
    "DcqcnParams",
    "DesignSpec",
    "DialectSpec",
    "EcmpSpec",
    "EcnProfile",
    "EcnSpec",
    "EngineSpec",
    "ExperimentSpec",
    "ExplicitSpec",
    "FaultSpec",
    "FaultWindow",
    "FlowletSpec",
    "FramingSpec",
    "LinkDegraded",
    "LinkDown",
    "LinkFlap",
    "LinkSpec",
    "LoadSpec",
    "LossySpec",
    "NicProfile",
    "NicStorm",
    "NodeSpec",
    "ParallelismSpec",
    "PfcSpec",
    "PlacementSpec",
    "PrefillSpeed",
    "RecordSpec",
    "RemoteSpec",
    "RolesSpec",
    "RoutingSpec",
    "SchedulerSpec",
    "SilentHost",
    "SlowReceiver",
    "SourcePortsSpec",
    "SpraySpec",
    "StopSpec",
    "SwitchDown",
    "SwitchProfile",
    "SwitchesSpec",
    "TimerInfo",
    "TimersSpec",
    "TopologySpec",
    "TraceSpec",
    "TransportSpec",
    "Variant",
    "WorkloadSpec",
    "design_keys",
    "experiment_schema",
    "fault_windows",
    "json_schema",
    "load_experiment",
    "load_topology",
    "match_names",
    "pick_names",
    "preset_names",
    "topology_schema",
]
