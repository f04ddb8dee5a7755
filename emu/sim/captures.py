# SPDX-License-Identifier: Apache-2.0
"""Captures of a run: which frames, under which addresses, into which files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import emu
from emu.core import _core
from emu.errors import Fault, RunError, SpecError
from emu.fabric.addresses import GATEWAY_MAC, assign_addresses, endpoint_mac, router_mac
from emu.fabric.captures import PortCapture, resolve_captures
from emu.fabric.graph import Fabric
from emu.sim.build import mask
from emu.sim.ports import PortMap
from emu.sim.scenario import Scenario
from emu.spec import ExperimentSpec
from emu.telemetry import canonical_json
from emu.workload.queue_pairs import QPN_MAX, QPN_MIN
from emu.workload.table import Table

FOLDER = "captures"
ADDRESSES = "addresses.json"
VNI = 100
"""Of the one segment (l2vni) or VRF (l3vni)."""
UNDERLAY_VLAN = 100
"""Of the outer frame where ``vxlan_overhead`` has room for a tag."""
PLAIN_VXLAN_BYTES = 50
VTEPS = IPv4Address("198.19.240.0")
"""First VTEP address: above all those of endpoints, within 198.18.0.0/15."""
VTEPS_MAX = 4096 - 2


@dataclass(frozen=True)
class WirePlan:
    """Every address and header value of a scenario's frames."""

    routed: bool
    """Hosts send to a gateway; otherwise to each other's MAC address."""
    vni: int
    """Of tunnels; 0 where the design has none."""
    underlay_vlan: int
    """0: outer frames are untagged."""
    node_mac: tuple[str, ...]
    """By node: NICs, then switches."""
    endpoint_ip: tuple[IPv4Address, ...]
    vtep_ip: tuple[IPv4Address, ...]
    vtep_node: tuple[int, ...]
    src_qpn: npt.NDArray[np.uint32]
    """By queue pair: its number at the end that sends data."""
    dst_qpn: npt.NDArray[np.uint32]
    udp_sport: npt.NDArray[np.uint16]
    dscp: tuple[int, ...]
    """By priority."""


def wire_plan(scenario: Scenario) -> WirePlan:
    """The one plan of a scenario: the same fabric and design always give the same.

    Raises
    ------
    emu.errors.RunError
        For fabrics larger than the address range.
    """
    fabric, plan, qps = scenario.fabric, scenario.plan, scenario.workload.qp_table
    routed = not plan.bridged.any()
    addresses = assign_addresses(fabric, routed)
    rows = np.flatnonzero(plan.vtep_of_switch >= 0)
    rows = rows[np.argsort(plan.vtep_of_switch[rows])]
    if len(rows) > VTEPS_MAX:
        raise RunError(f"{len(rows)} VTEPs: {VTEPS}/20 has room for {VTEPS_MAX}")
    vteps = [int(row) + fabric.n_endpoints for row in rows]
    src_qpn, dst_qpn = _qp_numbers(qps)
    return WirePlan(
        routed=routed,
        vni=VNI if vteps else 0,
        underlay_vlan=UNDERLAY_VLAN if plan.overhead_bytes > PLAIN_VXLAN_BYTES else 0,
        node_mac=tuple(
            [endpoint_mac(e) for e in fabric.endpoints]
            + [router_mac(row) for row in range(fabric.n_switches)]
        ),
        endpoint_ip=tuple(addresses.ip(e) for e in fabric.endpoints),
        vtep_ip=tuple(VTEPS + 1 + v for v in range(len(vteps))),
        vtep_node=tuple(vteps),
        src_qpn=src_qpn,
        dst_qpn=dst_qpn,
        udp_sport=qps["udp_sport"].astype(np.uint16),
        dscp=dscp_of_priorities(scenario.spec),
    )


def _qp_numbers(qps: Table) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Queue pair numbers at both ends. A NIC has none twice: where two drawn ones are alike,
    the later queue pair gets the next that is free."""
    taken: set[tuple[int, int]] = set()
    ends = []
    for side in ("src", "dst"):
        out = np.empty(len(qps), dtype=np.uint32)
        drawn = zip(qps[f"{side}_endpoint"].tolist(), qps[f"{side}_qpn"].tolist(), strict=True)
        for i, (endpoint, number) in enumerate(drawn):
            free = number
            while (endpoint, free) in taken:
                free = QPN_MIN if free + 1 == QPN_MAX else free + 1
            taken.add((endpoint, free))
            out[i] = free
        ends.append(out)
    return ends[0], ends[1]


def dscp_of_priorities(spec: ExperimentSpec) -> tuple[int, ...]:
    """DSCP that a packet of each priority carries: what the NIC says, else the lowest that
    the leaves map to it, else the class selector of that number (RFC 2474)."""
    nic = spec.topology.nic
    out = [8 * priority for priority in range(8)]
    for dscp, priority in sorted(
        spec.topology.switches.leaf.dscp_to_priority.items(), reverse=True
    ):
        out[priority] = dscp
    out[nic.cnp_priority] = nic.cnp_dscp
    out[nic.data_priority] = nic.data_dscp
    return tuple(out)


class Captures:
    """The captures of one run, from before its first packet to their files."""

    def __init__(
        self, engine: _core.Engine, scenario: Scenario, ports: PortMap, folder: Path
    ) -> None:
        """Watch the ports of ``record.captures``; ``folder`` is made.

        Raises
        ------
        emu.errors.SpecError
            For ports, hosts and flows that do not exist.
        emu.errors.RunError
            When a file cannot be made.
        """
        self._engine = engine
        self._scenario = scenario
        self._folder = folder
        self._chosen = resolve_captures(scenario.fabric, scenario.spec.record.captures)
        _check_flows(scenario)
        self.plan = wire_plan(scenario)
        plan = self.plan
        self._core = _core.Capture(
            engine,
            application=f"emu {emu.__version__}",
            node_mac=np.array([_number(mac) for mac in plan.node_mac], dtype=np.uint64),
            node_tier=np.array([node.tier for node in scenario.fabric.nodes], dtype=np.uint8),
            gateway_mac=_number(GATEWAY_MAC),
            endpoint_ip=np.array([int(ip) for ip in plan.endpoint_ip], dtype=np.uint32),
            vtep_ip=np.array([int(ip) for ip in plan.vtep_ip], dtype=np.uint32),
            vtep_node=np.array(plan.vtep_node, dtype=np.uint32),
            src_qpn=plan.src_qpn,
            dst_qpn=plan.dst_qpn,
            udp_sport=plan.udp_sport,
            dscp=list(plan.dscp),
            routed=plan.routed,
            vni=plan.vni,
            underlay_vlan=plan.underlay_vlan,
        )
        folder.mkdir(parents=True, exist_ok=True)
        names = self._names()
        for capture in self._chosen:
            self._add(capture, ports, names)
        self.check()

    def _add(self, capture: PortCapture, ports: PortMap, names: list[tuple[int, str]]) -> None:
        fabric, spec = self._scenario.fabric, capture.spec
        port = fabric.ports[capture.port]
        peer = fabric.ports[port.peer]
        self._core.add_port(
            port=int(ports.to_engine[port.id]),
            path=str(self._folder / file_of_port(port.name)),
            name=port.name,
            description=f"{fabric.links[port.link].name}, to {peer.name}",
            comment=(
                f"experiment {self._scenario.spec.name}, design {self._scenario.plan.design}, "
                f"seed {self._scenario.seed}; simulated; fabric time 0 is 1970-01-01T00:00:00Z"
            ),
            names=names,
            start_ps=spec.start,
            stop_ps=-1 if spec.stop is None else spec.stop,
            priority_mask=0xFF if spec.priorities is None else mask(spec.priorities),
            inbound=spec.direction != "tx",
            outbound=spec.direction != "rx",
            pfc=spec.pfc,
            endpoints=list(capture.endpoints),
            flows=sorted(set(spec.flows or ())),
            pattern=spec.payload == "pattern",
            engine=self._engine,
        )

    def check(self) -> None:
        """RunError when a file could not be written."""
        if self._core.error:
            why = os.strerror(self._core.error)
            raise RunError(f"{self._folder}: cannot write the captures: {why}")

    def finish(self) -> list[dict[str, Any]]:
        """Write what is left and the table of addresses; ``captures`` of run.json."""
        self._core.finish(self._engine.now_ps)
        self.check()
        path = self._folder / ADDRESSES
        path.write_text(canonical_json(self._table()), encoding="utf-8")
        return [
            about_port(self._scenario.fabric, capture.port, frames)
            for capture, frames in zip(self._chosen, self._core.frames, strict=True)
        ]

    def _names(self) -> list[tuple[int, str]]:
        fabric, plan = self._scenario.fabric, self.plan
        nics = [(int(ip), fabric.nodes[e].name) for e, ip in enumerate(plan.endpoint_ip)]
        vteps = zip(plan.vtep_ip, plan.vtep_node, strict=True)
        return nics + [(int(ip), f"{fabric.nodes[node].name}.vtep") for ip, node in vteps]

    def _table(self) -> dict[str, Any]:
        fabric, plan, qps = self._scenario.fabric, self.plan, self._scenario.workload.qp_table
        nics = [
            {
                "endpoint": e,
                "nic": fabric.nodes[e].name,
                "ip": str(plan.endpoint_ip[e]),
                "mac": plan.node_mac[e],
            }
            for e in fabric.endpoints
        ]
        vteps = dict(zip(plan.vtep_node, plan.vtep_ip, strict=True))
        switches = [
            {
                "switch": fabric.nodes[node].name,
                "mac": plan.node_mac[node],
                **({"vtep_ip": str(vteps[node])} if node in vteps else {}),
            }
            for node in fabric.switches
        ]
        names = ["qp_id", "src_endpoint", "dst_endpoint", "priority", "udp_sport"]
        pairs = qps.select(names).having(src_qpn=plan.src_qpn, dst_qpn=plan.dst_qpn)
        return {
            "routed": plan.routed,
            "gateway_mac": GATEWAY_MAC if plan.routed else "",
            "vni": plan.vni,
            "underlay_vlan": plan.underlay_vlan,
            "dscp_by_priority": list(plan.dscp),
            "nics": nics,
            "switches": switches,
            "queue_pairs": pairs.records(),
        }


def file_of_port(name: str) -> str:
    """Name of the file of a port: leaf0:Ethernet4 is in leaf0-Ethernet4.pcapng."""
    return f"{name.replace(':', '-')}.pcapng"


def about_port(fabric: Fabric, number: int, frames: int) -> dict[str, Any]:
    """A captured port in run.json."""
    port = fabric.ports[number]
    return {
        "port": port.name,
        "node": fabric.nodes[port.node].name,
        "peer": fabric.nodes[fabric.ports[port.peer].node].name,
        "file": f"{FOLDER}/{file_of_port(port.name)}",
        "frames": frames,
    }


def _number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)


def _check_flows(scenario: Scenario) -> None:
    count = scenario.workload.stream.count
    wrong = [
        Fault(
            f"there is no flow {flow}: this workload has {count}, numbered from 0",
            f"record.captures.{i}.flows.{j}",
        )
        for i, capture in enumerate(scenario.spec.record.captures)
        for j, flow in enumerate(capture.flows or ())
        if flow >= count
    ]
    if wrong:
        raise scenario.spec.located(SpecError(wrong))
