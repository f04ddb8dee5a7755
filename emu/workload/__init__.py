# SPDX-License-Identifier: Apache-2.0
"""From serving traces to KV transfers: readers, models, placement, engines, load."""

from emu.workload.build import build_workload
from emu.workload.workload import Workload

__all__ = ["Workload", "build_workload"]
