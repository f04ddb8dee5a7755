# SPDX-License-Identifier: Apache-2.0
"""How real systems move a KV cache: who starts it, when, in what pieces."""

from emu.workload.engines.profile import EngineProfile, engine_names, find_engine
from emu.workload.engines.segments import Segments, make_segments

__all__ = ["EngineProfile", "Segments", "engine_names", "find_engine", "make_segments"]
