# SPDX-License-Identifier: Apache-2.0
"""Scenario: everything that a backend is given, with nothing left to decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.spec import ExperimentSpec, Variant
from emu.workload import Workload, build_workload


@dataclass(frozen=True)
class Scenario:
    """One variant under one seed: graph, forwarding plan and traffic."""

    spec: ExperimentSpec
    seed: int
    fabric: Fabric
    plan: ForwardingPlan
    workload: Workload

    def sha256(self) -> str:
        """Digest of everything that shapes the result; for after the run, as it needs pandas."""
        import pandas as pd

        digest = hashlib.sha256()
        digest.update(self.spec.fingerprint().encode())
        digest.update(str(self.seed).encode())
        plan = self.plan
        for array in (plan.fib, plan.endpoint_group, plan.port_group, plan.hash_seed):
            digest.update(array.tobytes())
        digest.update(repr((plan.groups, plan.tunnels, plan.timeline)).encode())
        digest.update(repr((plan.policies, plan.remote_grades)).encode())
        workload = self.workload
        for table in (*workload.stream.blocks(), workload.qp_table, workload.transfer_table):
            hashes = pd.util.hash_pandas_object(table.frame(), index=False)
            digest.update(hashes.to_numpy().tobytes())
        return digest.hexdigest()


def make_scenario(variant: Variant, seed: int) -> Scenario:
    """Resolve a variant: fabric, then the design's plan on it, then the traffic.

    Raises
    ------
    emu.errors.InputError
        For names that the fabric does not have and for damaged traces.
    """
    spec = variant.spec
    try:
        fabric = build_fabric(spec.topology)
        plan = plan_design(fabric, spec, seed)
        return Scenario(spec, seed, fabric, plan, build_workload(spec, fabric, seed))
    except SpecError as error:
        raise spec.located(error) from None
