# SPDX-License-Identifier: Apache-2.0
"""The simulator backend: a variant and a seed become a run directory."""

from __future__ import annotations

from emu.sim.check import check_experiment
from emu.sim.experiment import RunProgress, run_experiment
from emu.sim.run import run_variant

__all__ = ["RunProgress", "check_experiment", "run_experiment", "run_variant"]
