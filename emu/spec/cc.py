# SPDX-License-Identifier: Apache-2.0
"""What the spec of a congestion control tells the engine."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from emu.spec.base import Spec


class CcParams(Spec):
    """Parameters of one congestion control."""

    algorithm: ClassVar[str]
    """Its name in the engine's list (``emu/core/cc/registry.h``)."""
    ecn_capable: ClassVar[bool] = True
    """Data packets may be marked."""
    reads: ClassVar[bool] = True
    """It works for RDMA READs, whose data nobody acknowledges."""

    @property
    def cnp_interval_ps(self) -> int:
        """Smallest gap between two CNPs of a queue pair."""
        return 0

    @abstractmethod
    def engine_values(self) -> dict[str, float]:
        """Parameters by the names that the algorithm's header asks for."""
