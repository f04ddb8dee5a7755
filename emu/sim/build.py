# SPDX-License-Identifier: Apache-2.0
"""From a Scenario to an engine that stands at fabric time 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from emu.core import _core
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric, NodeKind
from emu.sim.dialect import hash_words, set_dialect, switch_hash_seeds
from emu.sim.pinning import pin_paths
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario
from emu.spec import WATCHDOG_ACTIONS, DialectSpec, ExperimentSpec, NicProfile, SwitchProfile

PRIORITIES = 8
DWRR_QUANTUM_BYTES = 1024
"""Credit per weight unit and round: fine enough to share by the packet, and large
enough that a weight of 50 covers a jumbo frame in one round."""
NO_MARKING = (1 << 62, (1 << 62) + 1, 1.0, 0)
ROCE_FRAME_BYTES = 14 + 20 + 8 + 12 + 16 + 4 + 4
"""Headers of the largest RoCEv2 data frame, FCS included."""


def mask(priorities: Iterable[int]) -> int:
    """Bit mask of priorities."""
    return sum(1 << priority for priority in set(priorities))


def build_engine(
    scenario: Scenario,
    ports: PortMap,
    make: Callable[[int], _core.Engine] = _core.Engine,
    *,
    post: bool = True,
    threads: int = 1,
) -> _core.Engine:
    """An engine with nodes, links, tables, queue pairs and, with ``post``, all messages.

    ``make`` gets the seed and returns the empty engine, which gets as many ``threads``.
    """
    engine = make(scenario.seed)
    set_dialect(engine, scenario.spec.dialect)
    _add_nodes(engine, scenario)
    _add_links(engine, scenario, ports)
    _set_tables(engine, scenario.fabric, scenario.plan, ports, scenario.spec.dialect)
    arp = scenario.plan.arp
    engine.set_done_when_acked(scenario.spec.stop.acked)
    engine.set_arp(arp.period_ps, arp.bytes, arp.priority)
    if threads > 1:
        engine.set_threads(threads)
    engine.finish_build()
    for endpoint, group in enumerate(scenario.plan.endpoint_group.tolist()):
        engine.set_endpoint_group(endpoint, group)
    _add_qps(engine, scenario)
    if post:
        _post(engine, scenario)
    return engine


def switch_profile(spec: ExperimentSpec, kind: NodeKind) -> SwitchProfile:
    """Profile of the switches of one tier."""
    switches = spec.topology.switches
    profile: SwitchProfile = getattr(switches, kind.value)
    return profile


def _add_nodes(engine: _core.Engine, scenario: Scenario) -> None:
    fabric, spec = scenario.fabric, scenario.spec
    nic = spec.topology.nic
    nic_id = _add_nic_profile(engine, spec, nic)
    _set_reordering(engine, spec, nic_id)
    for endpoint in fabric.endpoints:
        engine.add_endpoint(len(fabric.ports_of(endpoint)), nic_id, nic.latency_rx)
    profiles: dict[NodeKind, int] = {}
    for node in fabric.switches:
        kind = fabric.nodes[node].kind
        if kind not in profiles:
            profiles[kind] = _add_switch_profile(engine, switch_profile(spec, kind), spec.dialect)
        engine.add_switch(len(fabric.ports_of(node)), profiles[kind])


def _add_switch_profile(engine: _core.Engine, profile: SwitchProfile, dialect: DialectSpec) -> int:
    pfc, watchdog = profile.pfc, profile.pfc.watchdog
    return engine.add_switch_profile(
        cell_bytes=profile.cell,
        buffer_bytes=profile.buffer,
        pg_reserved_bytes=pfc.reserved,
        alpha_lossless=pfc.alpha,
        alpha_lossy=profile.lossy.alpha,
        xon_bytes=pfc.xon,
        xon_offset_bytes=pfc.xon_offset,
        headroom_pool_bytes=pfc.headroom_pool or 0,
        lossless_mask=mask(pfc.priorities) if pfc.enabled else 0,
        strict_mask=mask(profile.scheduler.strict),
        quantum_bytes=[
            max(1, profile.scheduler.weight(p)) * DWRR_QUANTUM_BYTES for p in range(PRIORITIES)
        ],
        pipeline_ps=profile.pipeline_latency,
        cut_through=profile.forwarding == "cut-through",
        pfc_quanta=pfc.quanta,
        xoff_at_limit=dialect.xoff == "at-limit",
        resume_by_own=dialect.xon == "own-departure",
        watchdog_poll_ps=watchdog.poll if watchdog else 0,
        watchdog_detect_ps=watchdog.detect if watchdog else 0,
        watchdog_restore_ps=watchdog.restore if watchdog else 0,
        watchdog_action=WATCHDOG_ACTIONS.index(watchdog.action) if watchdog else 0,
    )


RECEIVERS = {"go-back-n": 0, "in-order": 1, "selective-repeat": 2}
ENTROPY_MODES = {"oblivious": 1, "feedback": 2}
"""Numbers that the engine knows them by."""


def reorder_packets(spec: ExperimentSpec) -> int:
    """Early packets that a queue pair keeps."""
    transport = spec.transport
    if transport.receiver == "in-order":
        return transport.reorder_buffer // spec.topology.nic.mtu
    return transport.window if transport.receiver == "selective-repeat" else 0


def _set_reordering(engine: _core.Engine, spec: ExperimentSpec, nic_id: int) -> None:
    """What NICs do with packets that overtake each other, and how they spray."""
    transport, routing = spec.transport, spec.routing
    if transport.receiver != "go-back-n":
        engine.set_receiver(
            nic_id,
            RECEIVERS[transport.receiver],
            reorder_packets(spec),
            transport.loss_after,
            transport.reorder_full == "wait",
        )
    if routing.policy == "spray":
        spray = routing.spray
        mode = ENTROPY_MODES[spray.entropy]
        engine.set_entropy(nic_id, mode, spray.values, spray.kept, spray.freeze)


def _add_nic_profile(engine: _core.Engine, spec: ExperimentSpec, nic: NicProfile) -> int:
    leaf = spec.topology.switches.leaf
    cc = spec.cc
    return engine.add_nic_profile(
        mtu_bytes=nic.mtu,
        ack_interval=nic.ack_interval,
        ack_priority=nic.ack_priority,
        cnp_priority=nic.cnp_priority,
        retransmit_timeout_ps=nic.retransmit_timeout,
        retry_count=nic.retry_count,
        cnp_interval_ps=cc.cnp_interval_ps if cc else 0,
        # A NIC pauses for the classes that its leaf calls lossless.
        lossless_mask=mask(leaf.pfc.priorities) if leaf.pfc.enabled else 0,
        rx_buffer_bytes=nic.rx_buffer,
        rx_xoff_bytes=nic.rx_xoff,
        rx_xon_bytes=nic.rx_xon,
        congestion_control=cc is not None,
        ecn_capable=cc is not None and cc.ecn_capable,
        fixed_rate_bps=spec.transport.rate or 0,
        pfc_quanta=0xFFFF,
        cc=cc.algorithm if cc else "",
        cc_values=cc.engine_values() if cc else {},
        echo_on_ack=spec.dialect.marks_return == "ack",
    )


def _add_links(engine: _core.Engine, scenario: Scenario, ports: PortMap) -> None:
    fabric, spec = scenario.fabric, scenario.spec
    for link in fabric.links:
        port = fabric.ports[link.a]
        a, b = int(ports.to_engine[link.a]), int(ports.to_engine[link.b])
        engine.connect(a, b, port.rate_bps, port.delay_ps)
    frame = spec.topology.nic.mtu + ROCE_FRAME_BYTES + scenario.plan.overhead_bytes
    unmarked = engine.add_ecn_profile(*NO_MARKING)
    marking: dict[tuple[int, int, float, int], int] = {}
    for port in fabric.ports:
        number = int(ports.to_engine[port.id])
        kind = fabric.nodes[port.node].kind
        if kind is NodeKind.ENDPOINT:
            engine.set_port_pfc(number, spec.topology.nic.pause_response_ps(port.rate_bps))
            engine.set_port_ecn(number, unmarked)
            continue
        profile = switch_profile(spec, kind)
        engine.set_port_pfc(number, profile.pause_response_ps(port.rate_bps))
        if profile.ecn.enabled:
            ecn = profile.ecn_for(port.rate_bps)
            key = (ecn.kmin, ecn.kmax, ecn.pmax, mask(profile.ecn.priorities))
            if key not in marking:
                marking[key] = engine.add_ecn_profile(*key)
            engine.set_port_ecn(number, marking[key])
        else:
            engine.set_port_ecn(number, unmarked)
        headroom = profile.headroom_for(port.rate_bps, port.cable_m, frame)
        for priority in profile.pfc.priorities if profile.pfc.enabled else ():
            engine.set_headroom(number, priority, headroom)


def _set_tables(
    engine: _core.Engine,
    fabric: Fabric,
    plan: ForwardingPlan,
    ports: PortMap,
    dialect: DialectSpec,
) -> None:
    port_group = np.empty(len(fabric.ports), dtype=np.int32)
    port_group[ports.to_engine] = plan.port_group
    engine.set_groups(
        [ports.engine_ports(group) for group in plan.groups],
        [list(tunnel) for tunnel in plan.tunnels],
        port_group.tolist(),
    )
    engine.set_overlay(
        plan.overhead_bytes,
        plan.ecn_copy_encap,
        plan.ecn_copy_decap,
        plan.dscp_copy_encap,
        plan.dscp_copy_decap,
    )
    seeds = switch_hash_seeds(fabric, plan, dialect)
    engine.set_bridging(plan.mac_age_ps, plan.mac_table_max, plan.ttl)
    for row in range(fabric.n_switches):
        engine.set_switch_tables(
            row,
            np.ascontiguousarray(plan.fib[row], dtype=np.uint16),
            int(seeds[row]),
            int(plan.vtep_of_switch[row]),
            bool(plan.bridged[row]),
        )
    for row, policy in enumerate(plan.policies):
        if policy.name != "ecmp":
            names = [name for name, _ in policy.params]
            engine.set_routing(row, policy.name, names, [value for _, value in policy.params])
    if plan.remote_grades is not None:
        remote = plan.remote_grades
        engine.set_remote_state(remote.interval_ps, remote.lag, remote.quantum_bytes)
    for row, by_ingress in plan.flood.items():
        for ingress, groups in by_ingress.items():
            engine.set_flood(row, ingress, list(groups))
    for row, vteps in plan.flood_tunnels.items():
        engine.set_flood_tunnels(row, list(vteps))


def _add_qps(engine: _core.Engine, scenario: Scenario) -> None:
    qps = scenario.workload.qp_table
    reads = np.zeros(len(qps), dtype=bool)
    reads[scenario.workload.stream.reads] = True
    engine.add_qps(
        qps["src_endpoint"].astype(np.uint32),
        qps["dst_endpoint"].astype(np.uint32),
        qps["udp_sport"].astype(np.uint16),
        qps["priority"].astype(np.uint8),
        reads,
    )
    if scenario.spec.routing.policy == "pinned":
        engine.set_pins(pin_paths(scenario))
    if scenario.spec.dialect.hash == "murmur3":
        engine.set_hash_words(hash_words(scenario.fabric, qps, scenario.spec.dialect))


def _post(engine: _core.Engine, scenario: Scenario) -> None:
    for flows in scenario.workload.stream.blocks():
        engine.post(
            flows["qp_id"].astype(np.uint32),
            flows["payload_bytes"],
            flows["post_ps"] + scenario.spec.topology.nic.latency_tx,
        )
