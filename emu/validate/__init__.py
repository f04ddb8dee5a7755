# SPDX-License-Identifier: Apache-2.0
"""The engine held against theory and against another simulator, one row per question.

A row runs one experiment file of ``experiments/validation/`` and compares what came out
with an expected value whose source it names. ``emu validate`` runs rows and writes the page.
"""

from emu.validate.page import terms, write_page
from emu.validate.row import Check, Row
from emu.validate.rows import ROWS
from emu.validate.run import Verdict, run_rows, select

__all__ = ["ROWS", "Check", "Row", "Verdict", "run_rows", "select", "terms", "write_page"]
