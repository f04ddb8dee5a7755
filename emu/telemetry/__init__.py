# SPDX-License-Identifier: Apache-2.0
"""Run directories: their schema, writer and reader."""

from emu.telemetry.run import EXPERIMENT_FILE, Run, find_runs
from emu.telemetry.schema import (
    COUNTER_KEYS,
    DEAD_ENDS,
    EVENT_KINDS,
    FAULT_KINDS,
    RUN_KEYS,
    SCHEMA_VERSION,
    TABLES,
)
from emu.telemetry.writer import (
    FLOWS_PER_GROUP,
    RunStatus,
    RunWriter,
    canonical_json,
    read_status,
    remove_dead_partials,
)

__all__ = [
    "COUNTER_KEYS",
    "DEAD_ENDS",
    "EVENT_KINDS",
    "EXPERIMENT_FILE",
    "FAULT_KINDS",
    "FLOWS_PER_GROUP",
    "RUN_KEYS",
    "SCHEMA_VERSION",
    "TABLES",
    "Run",
    "RunStatus",
    "RunWriter",
    "canonical_json",
    "find_runs",
    "read_status",
    "remove_dead_partials",
]
