# SPDX-License-Identifier: Apache-2.0
"""How long prefill takes for a prompt."""

from emu.workload.compute.profile import ComputeProfile, compute_names, find_compute

__all__ = ["ComputeProfile", "compute_names", "find_compute"]
