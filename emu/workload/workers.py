# SPDX-License-Identifier: Apache-2.0
"""Workers: groups of NICs that serve one copy of the model together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.workload.trace import IntArray


@dataclass(frozen=True)
class Workers:
    """One pool. ``endpoints[w, r]`` is the NIC of rank ``r`` of worker ``w``."""

    role: str
    endpoints: IntArray
    hosts: IntArray

    def __len__(self) -> int:
        return len(self.endpoints)


def make_workers(fabric: Fabric, role: str, ranks: int) -> Workers:
    """Splits the hosts of a role into workers of ``ranks`` NICs.

    On hosts with several NICs rank ``i`` sits on NIC ``i`` (rails), and a host holds
    as many whole workers as fit; a worker wider than a host takes whole hosts in a
    row. NICs that are left over stay idle.

    Raises
    ------
    SpecError
        When not one worker fits.
    """
    hosts = [host for host in fabric.hosts if host.role == role]
    rows: list[list[int]] = []
    owners: list[int] = []
    waiting: list[int] = []
    first_host = -1
    for host in hosts:
        nics = [int(nic) for nic in host.nics]
        if len(nics) >= ranks:
            for begin in range(0, len(nics) - ranks + 1, ranks):
                rows.append(nics[begin : begin + ranks])
                owners.append(host.id)
            continue
        first_host = host.id if not waiting else first_host
        waiting += nics
        if len(waiting) >= ranks:
            rows.append(waiting[:ranks])
            owners.append(first_host)
            waiting = []
    if not rows:
        count = sum(len(host.nics) for host in hosts)
        raise SpecError(
            [
                Fault(
                    field=f"workload.parallelism.{role}_tp",
                    message=f"{role}_tp is {ranks}, but the {role} hosts have {count} NICs",
                    hint=f"a worker needs {ranks} NICs: lower {role}_tp or give more hosts "
                    f"the role {role}",
                )
            ]
        )
    return Workers(role, np.array(rows, dtype=np.int64), np.array(owners, dtype=np.int64))
