# SPDX-License-Identifier: Apache-2.0
"""From run directories to a page that answers the experiment's question."""

from emu.report.build import build
from emu.report.compare import compare_runs, comparison_table
from emu.report.publish import publish

__all__ = ["build", "compare_runs", "comparison_table", "publish"]
