# SPDX-License-Identifier: Apache-2.0
"""The forwarding plan of a routed design as OpenFlow rules: real switches, the plan's paths.

An ECMP group's member is picked by a hash, and no two kinds of switch hash alike. Here each
queue pair gets a rule per switch and direction, with the member that the plan's own hash
picks. So the same flows share the same links in the lab and in the simulator, and what
differs is what the packets meet on the way. Everything else (ping, iperf3) follows one rule
per destination.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np

from emu.errors import InputError
from emu.fabric import forwarding as fw
from emu.lab.launch import run
from emu.lab.plan import LabPlan, plan_lab
from emu.sim.scenario import Scenario

_M64 = (1 << 64) - 1
ROCE_PORT = 4791


def mix64(x: int) -> int:
    """SplitMix64's output function, as in ``emu/core/rng.h``."""
    x = (x + 0x9E3779B97F4A7C15) & _M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _M64
    return x ^ (x >> 31)


def flow_entropy(src: int, dst: int, udp_sport: int) -> int:
    """What a switch hashes of a queue pair's packets from ``src`` to ``dst`` (endpoints)."""
    return mix64((src << 40) ^ (dst << 16) ^ udp_sport) & 0xFFFFFFFF


def hash_member(entropy: int, seed: int, n: int) -> int:
    """Member of a group of ``n``, as in ``emu/core/forwarding.h``."""
    return ((mix64(seed ^ entropy) >> 32) * n) >> 32


@dataclass(frozen=True)
class Rule:
    """One rule of one switch."""

    switch: int
    """Row of the plan's tables."""
    priority: int
    match: str
    port: int
    """Fabric port that the packet leaves by; -1 drops it."""


Address = Callable[[int], str]


class StaticPipeline:
    """Rules of all switches, and what of them changes when the plan changes."""

    def __init__(self, scenario: Scenario, address: Address) -> None:
        """Prepare the rules of time 0.

        Parameters
        ----------
        scenario : Scenario
            Of a design without bridges and tunnels.
        address : callable
            IPv4 address of an endpoint.

        Raises
        ------
        emu.errors.InputError
            For another design.
        """
        plan = scenario.plan
        if plan.bridged.any() or plan.tunnels:
            raise InputError(
                f"{plan.design} has bridges or tunnels: rules can be computed for routed designs",
                hint="choose another control, such as frr",
            )
        self._fabric = scenario.fabric
        self._plan = plan
        self._groups = list(plan.groups)
        self._fib = np.array(plan.fib, copy=True)
        self._flows = _directions(scenario)
        self._address = address

    def rules(self, rows: Iterable[int] | None = None) -> list[Rule]:
        """All rules of these switches (all of them by default)."""
        out: list[Rule] = []
        for row in rows if rows is not None else range(self._fabric.n_switches):
            for endpoint in self._fabric.endpoints:
                match = f"ip,nw_dst={self._address(endpoint)}"
                out.append(Rule(row, 100, match, self._member(row, endpoint, 0)))
            for src, dst, sport in self._flows:
                match = (
                    f"udp,nw_src={self._address(src)},nw_dst={self._address(dst)},"
                    f"tp_src={sport},tp_dst={ROCE_PORT}"
                )
                port = self._member(row, dst, flow_entropy(src, dst, sport))
                out.append(Rule(row, 200, match, port))
        return out

    def apply(self, update: fw.Update) -> list[int]:
        """Take over a change of the plan; returns the rows whose rules change."""
        match update:
            case fw.SetGroup():
                old = self._groups[update.group]
                self._groups[update.group] = update.ports
                ports = old or update.ports
                if not ports:
                    return []
                node = self._fabric.ports[ports[0]].node
                return [node - self._fabric.n_endpoints] if node in self._fabric.switches else []
            case fw.SetFib():
                self._fib[update.switch, list(update.routes)] = update.value
                return [update.switch]
            case _:
                return []

    def _member(self, row: int, endpoint: int, entropy: int) -> int:
        value = int(self._fib[row, endpoint])
        if value >= fw.TUNNEL_BIT:
            return -1
        ports = self._groups[value]
        if not ports:
            return -1
        seed = int(self._plan.hash_seed[row])
        return ports[0] if len(ports) == 1 else ports[hash_member(entropy, seed, len(ports))]


def _directions(scenario: Scenario) -> list[tuple[int, int, int]]:
    """Source, destination and UDP source port of both directions of every queue pair."""
    qps = scenario.workload.qps
    columns = (qps["src_endpoint"], qps["dst_endpoint"], qps["udp_sport"])
    out = []
    for src, dst, sport in zip(*(c.tolist() for c in columns), strict=True):
        out += [(src, dst, sport), (dst, src, sport)]
    return out


class StaticRules:
    """Writes rules of a static pipeline into the bridges of an Open vSwitch."""

    def __init__(self, scenario: Scenario, plan: LabPlan, folder: Path) -> None:
        """Prepare for the Open vSwitch whose sockets are in ``folder``."""
        self._plan = plan
        self._pipeline = StaticPipeline(scenario, lambda e: plan.addresses[e].ip)
        places = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")
        self._environment = {**os.environ, **dict.fromkeys(places, str(folder))}

    def install(self, rows: Iterable[int] | None = None) -> None:
        """Replace all rules of these switches (all by default), each in one transaction."""
        rows = range(len(self._plan.switches)) if rows is None else list(rows)
        by_row: dict[int, list[str]] = {row: ["delete"] for row in rows}
        for row in rows:
            by_row[row] += [f"add {text}" for text in self._arp(row)]
        for rule in self._pipeline.rules(rows):
            by_row[rule.switch].append(f"add {self._text(rule)}")
        for row, lines in by_row.items():
            bridge = self._plan.switches[row].name
            command = ["ovs-ofctl", "-O", "OpenFlow14", "--bundle", "add-flows", bridge, "-"]
            run(command, text="\n".join(lines) + "\n", env=self._environment)

    def change(self, update: fw.Update) -> None:
        """Take over a change of the plan."""
        rows = self._pipeline.apply(update)
        if rows:
            self.install(rows)

    def _text(self, rule: Rule) -> str:
        head = f"priority={rule.priority},{rule.match},actions="
        if rule.port < 0:
            return head + "drop"
        out = self._plan.ports[rule.port]
        return (
            f"{head}dec_ttl,mod_dl_src:{out.mac},mod_dl_dst:{self._plan.peer(out).mac},"
            f"output:{out.ofport}"
        )

    def _arp(self, row: int) -> list[str]:
        """The leaf answers for its hosts' gateway, with the MAC of the port asked through."""
        out = []
        switch = self._plan.switches[row]
        for port in self._plan.host_ports(switch):
            endpoint = self._plan.fabric.ports[port.peer].node
            gateway = self._plan.addresses[endpoint].gateway
            mac, number = port.mac.replace(":", ""), int(IPv4Address(gateway))
            out.append(
                f"priority=300,arp,in_port={port.ofport},arp_op=1,arp_tpa={gateway},actions="
                "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],"
                f"mod_dl_src:{port.mac},load:2->NXM_OF_ARP_OP[],"
                "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],"
                f"load:0x{mac}->NXM_NX_ARP_SHA[],load:0x{number:08x}->NXM_OF_ARP_SPA[],in_port"
            )
        return out


class StaticRepairs:
    """Applies the plan's repairs during a run.

    The caller is kept until the switches have the new rules, and with it the fabric's clock: so
    the repair has its moment, although it takes a real switch some milliseconds of wall time.
    """

    def __init__(self, scenario: Scenario, folder: str) -> None:
        plan = plan_lab(scenario.fabric)
        self._rules = StaticRules(scenario, plan, Path(folder))
        # A worker of its own: the caller has real-time priority, which children would inherit.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="repairs")

    def apply(self, update: fw.Update) -> None:
        """Change the rules; returns when they are in force."""
        self._worker.submit(self._rules.change, update).result()
