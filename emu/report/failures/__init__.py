# SPDX-License-Identifier: Apache-2.0
"""Failures: what each fault costs each design, a section of the report and a page per fault."""

from emu.report.failures.pages import FaultPage, fault_pages
from emu.report.failures.section import Failures, compare_failures

__all__ = ["Failures", "FaultPage", "compare_failures", "fault_pages"]
