# SPDX-License-Identifier: Apache-2.0
"""The routing policy of an experiment, laid over the plan of a design.

A design says which next hops are equal; this says how each switch picks one of them, and
refuses what the design cannot have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.forwarding import TUNNEL_BIT, ForwardingPlan, RemoteGrades, SwitchPolicy
from emu.fabric.graph import Fabric, NodeKind
from emu.fabric.resilient import make_resilient
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
        if routing.ecmp.resilient:
            make_resilient(plan, fabric, routing.ecmp.buckets)
        return
    uplinks = _choices(plan, fabric)
    _check_choice(plan, routing, uplinks)
    fan_out = _fan_out(fabric, uplinks)
    make = _POLICIES[routing.policy]
    for row, switch in enumerate(fabric.switches):
        kind = fabric.nodes[switch].kind
        own = fabric.ports_of(switch)
        ports = tuple(own.index(port) for port in uplinks[row])
        at = Place(kind, int(plan.hash_seed[row]), ports, fan_out[kind])
        plan.policies.append(make(routing, at))
    remote = routing.adaptive.remote
    if routing.policy == "adaptive" and remote is not None:
        plan.remote_grades = RemoteGrades(
            remote.interval, remote.delay // remote.interval, routing.adaptive.quantum
        )
    plan.notes += _notes(plan, routing)


def _choices(plan: ForwardingPlan, fabric: Fabric) -> list[tuple[int, ...]]:
    """Per switch row the most equal next hops that it has for anything."""
    found = []
    for row in range(fabric.n_switches):
        used = np.unique(plan.fib[row][plan.fib[row] < TUNNEL_BIT]).tolist()
        found.append(max((plan.groups[group] for group in used), key=len, default=()))
    return found


def _fan_out(fabric: Fabric, uplinks: Sequence[tuple[int, ...]]) -> dict[NodeKind, int]:
    """Per tier how many paths the tiers below it tell apart: a leaf reads the last digit of
    a path's number, a spine the one before."""
    widest = dict.fromkeys(NodeKind, 1)
    for row, switch in enumerate(fabric.switches):
        kind = fabric.nodes[switch].kind
        widest[kind] = max(widest[kind], len(uplinks[row]))
    spine = widest[NodeKind.LEAF]
    return {
        NodeKind.LEAF: 1,
        NodeKind.SPINE: spine,
        NodeKind.SUPER_SPINE: spine * widest[NodeKind.SPINE],
    }


def _check_choice(
    plan: ForwardingPlan, routing: RoutingSpec, uplinks: Sequence[tuple[int, ...]]
) -> None:
    vteps = plan.vtep_of_switch >= 0
    if routing.policy == "pinned" and vteps.any():
        inside = [len(ports) > 1 for ports, vtep in zip(uplinks, vteps, strict=True) if not vtep]
        if any(inside):
            raise SpecError(
                [
                    Fault(
                        f"{plan.design}: spines have several next hops and see outer headers only: "
                        "they cannot pin queue pairs to paths",
                        "routing.policy",
                        hint="use another policy for this design, or a fabric of two tiers with "
                        "single links",
                    )
                ]
            )
    if any(len(ports) > 1 for ports in uplinks):
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
    if routing.policy == "controller":
        notes.append(
            "controller: where a slot leaves a queue behind, its next packets overtake those that "
            "wait there, and go-back-N sends some again"
        )
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


@dataclass(frozen=True)
class Place:
    """What a policy has to know of the switch that it is for."""

    kind: NodeKind
    seed: int
    uplinks: tuple[int, ...]
    """Ports of its largest group, counted among its own."""
    digit: int
    """Paths that the tiers below tell apart."""


def _flowlet(routing: RoutingSpec, at: Place) -> SwitchPolicy:
    if at.kind is not NodeKind.LEAF:
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
            ("seed", at.seed),
        ),
    )


def _adaptive(routing: RoutingSpec, at: Place) -> SwitchPolicy:
    own = routing.adaptive
    remote = int(own.remote is not None)
    return SwitchPolicy(
        "adaptive", (("quantum_bytes", own.quantum), ("seed", at.seed), ("remote", remote))
    )


def _spray(_: RoutingSpec, at: Place) -> SwitchPolicy:
    return SwitchPolicy("spray", (("digit", at.digit),))


def _pinned(_: RoutingSpec, at: Place) -> SwitchPolicy:
    ports = tuple(("uplink", port) for port in at.uplinks)
    return SwitchPolicy("pinned", (("digit", at.digit), *ports))


def _controller(routing: RoutingSpec, at: Place) -> SwitchPolicy:
    return SwitchPolicy("controller", (("slots", routing.controller.slots), ("seed", at.seed)))


_POLICIES: dict[str, Callable[[RoutingSpec, Place], SwitchPolicy]] = {
    "flowlet": _flowlet,
    "adaptive": _adaptive,
    "spray": _spray,
    "pinned": _pinned,
    "controller": _controller,
}
