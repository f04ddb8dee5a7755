# SPDX-License-Identifier: Apache-2.0
"""The routing policy of an experiment, laid over the plan of a design.

A design says which next hops are equal; this says how each switch picks one of them, and
refuses what the design cannot have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.forwarding import TUNNEL_BIT, ForwardingPlan, RemoteGrades, SwitchPolicy
from emu.fabric.graph import Fabric, NodeKind
from emu.spec.routing import RoutingSpec


def balance(plan: ForwardingPlan, fabric: Fabric, routing: RoutingSpec) -> None:
    """Give every switch of the plan its policy.

    Raises
    ------
    SpecError
        When the design leaves the policy nothing to choose from.
    """
    if routing.polarised:
        plan.hash_seed[:] = plan.hash_seed[0]
    if routing.policy == "ecmp":
        return
    _check_choice(plan, routing)
    kinds = [fabric.nodes[switch].kind for switch in fabric.switches]
    make = _POLICIES[routing.policy]
    plan.policies = [
        make(routing, kind, int(s)) for kind, s in zip(kinds, plan.hash_seed, strict=True)
    ]
    remote = routing.adaptive.remote
    if routing.policy == "adaptive" and remote is not None:
        plan.remote_grades = RemoteGrades(
            remote.interval, remote.delay // remote.interval, routing.adaptive.quantum
        )
    plan.notes += _notes(plan, routing)


def _check_choice(plan: ForwardingPlan, routing: RoutingSpec) -> None:
    used = np.unique(plan.fib[plan.fib < TUNNEL_BIT])
    if any(len(plan.groups[group]) > 1 for group in used.tolist()):
        return
    reason = "the spanning tree leaves" if plan.design == "stretched-l2/rstp" else "the fabric has"
    raise SpecError(
        [
            Fault(
                f"{plan.design}: {reason} one path between two switches: "
                f"{routing.policy} has nothing to choose from",
                "routing.policy",
                hint="use ecmp for this design, or leave it out of the designs of this variant",
            )
        ]
    )


def _notes(plan: ForwardingPlan, routing: RoutingSpec) -> list[str]:
    notes = []
    if plan.design == "stretched-l2/mlag":
        notes.append(
            f"{routing.policy} balances over the members of a LAG, two spines at most; switches "
            "on sale adapt over routed ports only"
        )
    if plan.design.startswith("evpn"):
        notes.append(
            f"{routing.policy} sees outer headers: of the inner ones 14 bits in the source port"
        )
    return notes


def _flowlet(routing: RoutingSpec, kind: NodeKind, seed: int) -> SwitchPolicy:
    if kind is not NodeKind.LEAF:
        return SwitchPolicy()
    own = routing.flowlet
    return SwitchPolicy(
        "flowlet",
        (
            ("gap_ps", own.gap),
            ("load_interval_ps", own.load_interval),
            ("quantum_bytes", own.quantum),
            ("load_weight", own.load_weight),
            ("queue_weight", own.queue_weight),
            ("slots", own.slots),
            ("seed", seed),
        ),
    )


def _adaptive(routing: RoutingSpec, kind: NodeKind, seed: int) -> SwitchPolicy:
    own = routing.adaptive
    remote = int(own.remote is not None)
    return SwitchPolicy(
        "adaptive", (("quantum_bytes", own.quantum), ("seed", seed), ("remote", remote))
    )


_POLICIES: dict[str, Callable[[RoutingSpec, NodeKind, int], SwitchPolicy]] = {
    "flowlet": _flowlet,
    "adaptive": _adaptive,
}
