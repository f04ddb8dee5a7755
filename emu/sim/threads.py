# SPDX-License-Identifier: Apache-2.0
"""How many threads one run gets. Results do not depend on it."""

from __future__ import annotations

from emu.sim.scenario import Scenario

THREADS_MAX = 8
"""By itself a run takes no more: lanes wait for the slowest in every window."""
ENDPOINTS_MIN = 512
"""Below this a window holds too little for several threads to be worth their waiting."""


def share_of_cores(cores: int, runs: int) -> int:
    """Threads for each of so many runs at the same time: the cores that they leave over.

    >>> [share_of_cores(8, runs) for runs in (1, 2, 3, 8, 20)]
    [8, 4, 2, 1, 1]
    """
    return max(1, min(THREADS_MAX, cores // max(1, runs)))


def threads_for(scenario: Scenario, wanted: int | None, share: int) -> int:
    """Threads of one run.

    Parameters
    ----------
    scenario : Scenario
        What runs. One that records bursts, pauses or packets uses one thread whatever is
        wanted: its rows stand in the order in which things happen.
    wanted : int or None
        None: as many as help, which is one in a small fabric.
    share : int
        Cores that it may take for itself.
    """
    if scenario.spec.record.level == "everything":
        return 1
    if wanted is not None:
        return wanted
    return share if scenario.fabric.n_endpoints >= ENDPOINTS_MIN else 1
