# SPDX-License-Identifier: Apache-2.0
"""Trace readers, one file per format, and the choice between them.

A reader is a module with ``NAME``, ``SUMMARY``, ``detect(head) -> bool`` (from the
first lines of the file) and ``read(path, options) -> RequestTrace | FlowTrace``.
"""

from emu.workload.readers.options import ReadOptions
from emu.workload.readers.registry import FORMATS, detect_format, read_trace

__all__ = ["FORMATS", "ReadOptions", "detect_format", "read_trace"]
