# SPDX-License-Identifier: Apache-2.0
"""Simulator and lab side by side: figures, how far apart they are, and why."""

from emu.report.agreement.comparison import Comparison, comparisons
from emu.report.agreement.figures import NOTED, TITLES, WANTED, Figures, difference, figures
from emu.report.agreement.lab_report import lab_report
from emu.report.agreement.markdown import agreement_page

__all__ = [
    "NOTED",
    "TITLES",
    "WANTED",
    "Comparison",
    "Figures",
    "agreement_page",
    "comparisons",
    "difference",
    "figures",
    "lab_report",
]
