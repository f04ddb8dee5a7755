# SPDX-License-Identifier: Apache-2.0
"""Which worker of a pool takes a request: one policy per file."""

from __future__ import annotations

from emu.errors import Fault, SpecError
from emu.spec.nearest import hint_for
from emu.workload.placement import least_loaded, prefix_aware, round_robin
from emu.workload.placement.pool import Policy, Pool

POLICIES: dict[str, Policy] = {
    "round-robin": round_robin.choose,
    "least-loaded": least_loaded.choose,
    "prefix-aware": prefix_aware.choose,
}

__all__ = ["POLICIES", "Policy", "Pool", "find_policy"]


def find_policy(name: str, side: str) -> Policy:
    """The policy of that name; ``side`` (prefill or decode) is for the error."""
    if name not in POLICIES:
        raise SpecError(
            [
                Fault(
                    field=f"workload.placement.{side}",
                    message=f"unknown policy '{name}'",
                    hint=hint_for(name, POLICIES),
                )
            ]
        )
    return POLICIES[name]
