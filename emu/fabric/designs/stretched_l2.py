# SPDX-License-Identifier: Apache-2.0
"""Design ``stretched-l2``: one VLAN over all leaves and spines.

``rstp``: every switch is a bridge, the tree leaves one spine in use, what it blocks
carries nothing. A dual-homed NIC has one port in use. After a change of the tree all
MAC entries that point into the fabric are flushed and traffic is flooded until
addresses are learned again.

``mlag``: two switches with a peer link act as one bridge (pairs of spines; pairs of
leaves where hosts have two homes), so that one LAG spans both. Losing a member moves
nothing but the LAG; a switch without a live member of its own uses the peer link.

Parallel links between two switches are one LAG in both variants: an operator would
not leave them to the spanning tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from emu.errors import Fault, SpecError
from emu.fabric.bridging import Bridges
from emu.fabric.designs.bridged import BridgedState, View
from emu.fabric.designs.multihomed import all_active_groups, port_updates
from emu.fabric.faults import MAC_SETTLE_PS, ResolvedFault
from emu.fabric.forwarding import (
    FLOOD,
    ArpPlan,
    BridgingLoop,
    Broadcast,
    FlushMacs,
    ForwardingPlan,
    SetEndpointGroup,
    SetFib,
    SetFlood,
    SetGroup,
    SetPortGroup,
    Update,
)
from emu.fabric.graph import Fabric, Node, NodeKind
from emu.fabric.groups import GroupTable
from emu.fabric.homing import Home, homes_of, preferred, usable_changes
from emu.fabric.physics import (
    LinkChange,
    detected_changes,
    in_order,
    link_changes,
    physical_updates,
)
from emu.fabric.plan import new_plan
from emu.spec.design import DesignSpec
from emu.spec.timers import TimersSpec

_LOOP = "loop: "
ARP_BYTES = 64
"""Smallest Ethernet frame; an ARP packet fits into it."""


def plan(
    fabric: Fabric,
    design: DesignSpec,
    timers: TimersSpec,
    faults: Sequence[ResolvedFault],
    seed: int,
    weighted: bool = False,
) -> ForwardingPlan:
    """Forwarding state and timeline of one bridged domain."""
    mlag = design.variant == "mlag"
    if weighted:
        raise SpecError(
            [
                Fault(
                    f"{design.label}: weights are capacity, which routes tell of, and bridges have "
                    "no routes",
                    "routing.ecmp.weights",
                    hint="use weights: equal for this design",
                )
            ]
        )
    homes = homes_of(fabric)
    groups = GroupTable()
    bridges = Bridges(fabric, mlag_pairs(fabric, homes) if mlag else ())
    detected = detected_changes(link_changes(faults), timers.detection_ps)
    loops = bridging_loops(fabric, bridges, faults)
    forwarding = _ever_forwarding(bridges, detected_changes(detected, _tree_ps(timers)))
    forwarding |= frozenset(bundle for _, bundle in loops)
    state = BridgedState(fabric, bridges, groups, homes, mlag, forwarding)
    start = View(in_use=state.ports_in_use({}), tree=bridges.tree(frozenset()))
    result = new_plan(fabric, design, groups, seed)
    result.bridged[:] = True
    result.ttl = False
    if not any(len(rows) > 1 for rows in bridges.members):
        # The two halves of a pair tell each other what they learn. An age per switch
        # would let the half that sees no traffic forget what the other half knows.
        result.mac_age_ps = timers.mac_age
    for row in range(fabric.n_switches):
        result.fib[row] = state.fib_row(row, start)
        result.flood[row] = state.flood(row, start)
    result.port_group = state.port_groups(start)
    if mlag:
        result.endpoint_group[:] = all_active_groups(groups, homes)
    else:
        result.endpoint_group[:] = [
            groups.of_ports((own[preferred(e, own)].own_port,)) for e, own in enumerate(homes)
        ]
    result.arp = _arp(fabric, timers)
    result.blocked_links = sorted(
        [link for i, b in enumerate(bridges.bundles) if i not in start.tree for link in b.links]
        + [h.link for e, own in enumerate(homes) for i, h in enumerate(own)
           if i not in start.in_use[e]]
    )  # fmt: skip
    result.notes = _notes(fabric, bridges, result, mlag)
    result.timeline = in_order(
        [
            *physical_updates(fabric, faults, timers.detection_ps),
            *_bridge_updates(fabric, state, result, homes, detected, timers, mlag, loops),
            *(port_updates(fabric, groups, homes, detected, timers, True) if mlag else ()),
            # The ports forward by then, so that there is something to go round.
            *(
                Broadcast(fault.start_ps, f"{_LOOP}{fault.name}", endpoint)
                for fault, _ in loops
                for endpoint in fabric.endpoints
            ),
            *_silence(state, start, faults, fabric.n_switches),
        ]
    )
    return result


def bridging_loops(
    fabric: Fabric, bridges: Bridges, faults: Sequence[ResolvedFault]
) -> list[tuple[ResolvedFault, int]]:
    """Faults of that kind, each with the bundle that forwards though the tree blocks it.

    Raises
    ------
    SpecError
        When the tree uses the link, or it joins no two bridges.
    """
    found, wrong = [], []
    tree = bridges.tree(frozenset())
    for number, fault in enumerate(faults):
        if fault.kind != "bridging-loop":
            continue
        bundle = next((i for i, b in enumerate(bridges.bundles) if fault.links[0] in b.links), None)
        if bundle is not None and bundle not in tree:
            found.append((fault, bundle))
            continue
        blocked = [fabric.links[b.links[0]].name.partition("[")[0]
                   for i, b in enumerate(bridges.bundles) if i not in tree]  # fmt: skip
        name = fabric.links[fault.links[0]].name
        message = f"the spanning tree does not block {name}: it cannot close a loop"
        hint = f"blocked are {', '.join(blocked[:8])}" if blocked else "no link is blocked here"
        wrong.append(Fault(message, f"faults.{number}.link", hint=hint))
    if wrong:
        raise SpecError(wrong)
    return found


def bridge_link(state: BridgedState, bundle: int) -> int:
    """The first link of a bundle, for the record."""
    return state.bridges.bundles[bundle].links[0]


def mlag_pairs(fabric: Fabric, homes: Sequence[tuple[Home, ...]]) -> list[tuple[int, int]]:
    """Switch rows that act as one, from the peer links.

    Leaves form a pair only where hosts have two homes: without such hosts a pair would
    gain nothing and send traffic over its peer link.

    Raises
    ------
    SpecError
        When peer links are missing, or one switch has them to more than one other.
    """
    first = fabric.n_endpoints
    wanted = {tuple(sorted(h.leaf for h in own)) for own in homes if len(own) > 1}
    pairs: set[tuple[int, int]] = set()
    for link in fabric.links:
        if link.kind == "peer":
            a, b = sorted(fabric.ports[p].node - first for p in (link.a, link.b))
            if fabric.nodes[first + a].kind is not NodeKind.LEAF or (a, b) in wanted:
                pairs.add((a, b))
    names = [fabric.nodes[first + row].name for row in range(fabric.n_switches)]
    faults = [
        f"the leaves {names[a]} and {names[b]} share hosts and have no peer link"
        for a, b in sorted(wanted - pairs)
    ]
    members = [row for pair in pairs for row in pair]
    faults += [
        f"{names[row]} has peer links to more than one switch"
        for row in sorted(set(members))
        if members.count(row) > 1
    ]
    spines = [fabric.nodes[s] for s in fabric.of_kind(NodeKind.SPINE)]
    for pod in sorted({spine.pod for spine in spines}):
        own = [spine for spine in spines if spine.pod == pod]
        if len(own) > 1 and not any(spine.id - first in members for spine in own):
            faults.append(f"no two of the spines {_listed(own)} are joined by a peer link")
    if faults:
        hint = "give the topology peer links: clos.peer_links, or links between the two switches"
        raise SpecError(
            [Fault(f"stretched-l2/mlag: {text}", "designs", hint=hint) for text in faults]
        )
    return sorted(pairs)


def _listed(nodes: Sequence[Node]) -> str:
    return f"{nodes[0].name} to {nodes[-1].name}"


def _ever_forwarding(bridges: Bridges, changes: Sequence[LinkChange]) -> frozenset[int]:
    """Bundles that are in the tree at one time or another."""
    dead: set[int] = set()
    found = bridges.tree(frozenset())
    for _, batch in groupby(changes, key=lambda change: change.at_ps):
        for change in batch:
            if change.up:
                dead.discard(change.link)
            else:
                dead.add(change.link)
        found |= bridges.tree(frozenset(dead))
    return found


def _arp(fabric: Fabric, timers: TimersSpec) -> ArpPlan:
    """Every host asks for each peer of the other role once per refresh time."""
    count = {"prefill": 0, "decode": 0, "": 0}
    for host in fabric.hosts:
        count[host.role] += len(host.nics)
    peers = max(count["prefill"], count["decode"], 1)
    return ArpPlan(timers.arp_refresh // peers, ARP_BYTES, 0)


def _notes(fabric: Fabric, bridges: Bridges, result: ForwardingPlan, mlag: bool) -> list[str]:
    notes = ["parallel links between two switches are one LAG"]
    fabric_links = [link.id for link in fabric.links if link.kind == "fabric"]
    idle = len(set(result.blocked_links) & set(fabric_links))
    if idle:
        notes.append(
            f"the spanning tree blocks {idle} of {len(fabric_links)} links between switches"
        )
    if mlag:
        first = fabric.n_endpoints
        pairs = [
            " + ".join(fabric.nodes[first + row].name for row in rows)
            for rows in bridges.members
            if len(rows) > 1
        ]
        notes.append(f"switches that act as one: {', '.join(pairs) or 'none'}")
        if idle:
            notes.append("a LAG spans two spines at most: the other spines only wait")
    if result.arp.period_ps:
        period_s = result.arp.period_ps / 1e12
        notes.append(
            f"each of {fabric.n_endpoints} NICs broadcasts an ARP request every {period_s:.3g} s "
            "to all others"
        )
    return notes


def _tree_ps(timers: TimersSpec) -> int:
    """Time from the detection of a change until the tree has moved."""
    if timers.detection == "bfd":
        # No loss of signal: a bridge has no BFD and waits for three hellos.
        return max(0, timers.rstp_indirect - timers.detection_ps)
    return timers.rstp_local


def _steps(detected: Sequence[LinkChange], timers: TimersSpec) -> list[tuple[str, LinkChange]]:
    """When a change of a link reaches the LAG, the peer link's use, and the tree.

    What is undone before it takes effect is not acted upon.
    """
    delays = (
        ("edge", 0),
        ("lag", timers.lacp_member),
        ("peer", timers.mlag_failover),
        ("tree", _tree_ps(timers)),
    )
    return [
        (what, change)
        for what, delay_ps in delays
        for change in detected_changes(detected, delay_ps)
    ]


def _bridge_updates(
    fabric: Fabric,
    state: BridgedState,
    result: ForwardingPlan,
    homes: Sequence[tuple[Home, ...]],
    detected: Sequence[LinkChange],
    timers: TimersSpec,
    mlag: bool,
    loops: Sequence[tuple[ResolvedFault, int]],
) -> list[Update]:
    steps: list[tuple[int, str, LinkChange | tuple[int, int]]] = [
        (change.at_ps, what, change) for what, change in _steps(detected, timers)
    ]
    looped: set[int] = set()
    for fault, bundle in loops:
        assert fault.end_ps is not None
        steps.append((fault.start_ps, f"{_LOOP}{fault.name}", (bundle, 1)))
        steps.append((fault.end_ps, f"{_LOOP}{fault.name}", (bundle, 0)))
    if not mlag:
        settled = detected_changes(detected, timers.active_standby_failover)
        for move in usable_changes(fabric, homes, settled):
            first = preferred(move.endpoint, homes[move.endpoint])
            port = 1 - first if not move.usable[first] and move.usable[1 - first] else first
            steps.append((move.at_ps, f"move {move.cause}", (move.endpoint, port)))
    # A stable sort: what takes less time comes first at equal times.
    steps.sort(key=lambda step: step[0])
    dead: dict[str, set[int]] = {"edge": set(), "lag": set(), "peer": set(), "tree": set()}
    on_port: dict[int, int] = {}
    before = View(in_use=state.ports_in_use(on_port), tree=state.bridges.tree(frozenset()))
    updates: list[Update] = []
    for at_ps, batch in groupby(steps, key=lambda step: step[0]):
        reason = ""
        moves = []
        for _, what, change in batch:
            if isinstance(change, tuple):
                reason = what
                if what.startswith(_LOOP):
                    bundle, on = change
                    (looped.add if on else looped.discard)(bundle)
                    updates.append(BridgingLoop(at_ps, what, bridge_link(state, bundle), bool(on)))
                    continue
                endpoint, port = change
                if on_port.get(endpoint, preferred(endpoint, homes[endpoint])) != port:
                    on_port[endpoint] = port
                    moves.append(endpoint)
                continue
            reason = f"{what}: {change.cause}"
            known = dead[what]
            if change.up:
                known.discard(change.link)
            else:
                known.add(change.link)
                if what == "edge":
                    updates += _flush_edge(state, before, at_ps, reason, change.link)
        after = View(
            in_use=state.ports_in_use(on_port) if moves else before.in_use,
            lag_dead=frozenset(dead["lag"]),
            peer_dead=frozenset(dead["peer"]),
            tree=state.bridges.tree(frozenset(dead["tree"])) | looped,
        )
        updates += _differences(fabric, state, before, after, at_ps, reason)
        for endpoint in moves:
            group = state.groups.of_ports((homes[endpoint][on_port[endpoint]].own_port,))
            updates.append(SetEndpointGroup(at_ps, reason, endpoint, group))
            # Its gratuitous ARP reaches every bridge.
            updates += [
                SetFib(at_ps, f"learned: {reason}", row, (endpoint,), value)
                for row in range(fabric.n_switches)
                for value in (int(state.fib_row(row, after)[endpoint]),)
            ]
        before = after
    return updates


def _flush_edge(
    state: BridgedState, view: View, at_ps: int, reason: str, link: int
) -> list[Update]:
    """A bridge forgets what it learned on a host port that goes down."""
    return [
        FlushMacs(at_ps, f"port down, {reason}", row, (group,))
        for row, group in state.edge_without_partner(link, view)
    ]


def _differences(
    fabric: Fabric, state: BridgedState, before: View, after: View, at_ps: int, reason: str
) -> list[Update]:
    if before == after:
        return []
    updates: list[Update] = []
    old_groups, new_groups = state.group_members(before), state.group_members(after)
    for group, ports in new_groups.items():
        if ports != old_groups[group]:
            updates.append(SetGroup(at_ps, reason, group, ports))
    old_ports, new_ports = state.port_groups(before), state.port_groups(after)
    for port in (old_ports != new_ports).nonzero()[0].tolist():
        updates.append(SetPortGroup(at_ps, reason, port, int(new_ports[port])))
    for row in range(fabric.n_switches):
        old, new = state.flood(row, before), state.flood(row, after)
        if old is new:
            continue
        for ingress in sorted(old.keys() | new.keys()):
            egress = new.get(ingress, ())
            if egress != old.get(ingress, ()):
                updates.append(SetFlood(at_ps, reason, row, ingress, egress))
    if before.tree != after.tree:
        updates += [
            FlushMacs(at_ps, f"topology change, {reason}", row, state.fabric_groups(row))
            for row in range(fabric.n_switches)
        ]
    return updates


def _silence(
    state: BridgedState, view: View, faults: Sequence[ResolvedFault], n_switches: int
) -> list[Update]:
    """The MAC entry of a silent host expires on every bridge; ARP entries live on."""
    updates: list[Update] = []
    for fault in faults:
        if fault.kind != "silent-host":
            continue
        for row in range(n_switches):
            routes = fault.endpoints
            at_ps = fault.start_ps + MAC_SETTLE_PS
            updates.append(SetFib(at_ps, f"MAC entry expired: {fault.name}", row, routes, FLOOD))
            if fault.end_ps is not None:
                known = state.fib_row(row, view)
                updates += [
                    SetFib(
                        fault.end_ps + MAC_SETTLE_PS,
                        f"MAC entry learned: {fault.name}",
                        row,
                        (endpoint,),
                        int(known[endpoint]),
                    )
                    for endpoint in routes
                ]
    return updates
