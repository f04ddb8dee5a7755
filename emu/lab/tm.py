# SPDX-License-Identifier: Apache-2.0
"""The traffic manager's process: ``python -m emu.lab.tm CONFIG``.

One thread has real-time priority and is in C++ all the time. The main thread listens for
commands, prepares scenarios and writes results; the interpreter's lock is free for it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emu.core import _core
from emu.errors import EmuError, RunError
from emu.fabric import forwarding as fw
from emu.fabric.build import build_fabric
from emu.lab.captures import LabCaptures
from emu.lab.lateness import base_rtt_ps, judge
from emu.lab.port_report import PortReporter, report_ports
from emu.lab.processes import cpu_s
from emu.lab.response import lab_responses, last_by_switch
from emu.lab.static_flows import StaticRepairs
from emu.lab.traffic import TrafficConfig
from emu.sim.build import build_engine
from emu.sim.captures import FOLDER, wire_plan
from emu.sim.code import code_sha256
from emu.sim.ports import PortMap, map_ports
from emu.sim.recording import Recording
from emu.sim.run import end_ps, transfers_done
from emu.sim.scenario import Scenario, make_scenario
from emu.sim.timeline import Timeline
from emu.sim.write import write_run
from emu.telemetry import RunWriter
from emu.workload import ListedFlows

PRIORITY = 20
"""SCHED_FIFO, above everything that has none."""
TURN_NS = 100_000_000
FOREVER_PS = 1 << 61
ORDER_PATIENCE_S = 10.0
FOREIGN_PRIORITY = 0
"""Class of ping, iperf3 and the like: lossy in every preset."""

PHYSICS = (
    fw.LinkState, fw.PortDetected, fw.LinkLoss, fw.CodewordLoss, fw.FrameLimit, fw.LinkRate,
    fw.EcnMarking, fw.LosslessClasses, fw.BlackHole,
    fw.ReceiverRate, fw.NicStorm, fw.SilentHost, fw.SetEndpointGroup, fw.Note,
)  # fmt: skip
"""What happens to links and hosts. Everything else is for the real switches to decide."""


def mac_number(mac: str) -> int:
    """A MAC address as an integer."""
    return int(mac.replace(":", ""), 16)


@dataclass
class _Part:
    """An engine and the traffic manager that drives it."""

    scenario: Scenario
    ports: PortMap
    engine: _core.Engine
    manager: _core.TrafficManager
    timeline: Timeline
    links_up: dict[int, bool] = field(default_factory=dict)
    """By link, where somebody has set it by hand."""
    by_hand: list[fw.Update] = field(default_factory=list)


class Process:
    """State of the process."""

    def __init__(self, config: TrafficConfig) -> None:
        self._config = config
        variant = config.options.variant
        fabric = build_fabric(variant.spec.topology)
        ports = map_ports(fabric)
        self._network = _core.LabNetwork(config.far_netns, len(fabric.ports))
        for port, interface in enumerate(config.far):
            self._network.add_port(int(ports.to_engine[port]), interface)
        for port, netns, interface in config.nics:
            self._network.add_nic(int(ports.to_engine[port]), netns, interface)
        self._stop = threading.Event()
        self._orders: queue.SimpleQueue[LinkOrder] = queue.SimpleQueue()
        self._down: set[int] = set()
        """Links that somebody has taken down, whichever engine is at work."""
        self._idle = self._part(_without_traffic(make_scenario(variant, variant.spec.seeds[0])))
        self._thread: threading.Thread | None = None
        self.realtime: dict[str, bool] = {}
        self.telemetry = PortReporter(
            config.feed,
            config.telemetry,
            report_ports(fabric, dict(config.switch_ports)),
            config.options.dilation,
        )

    def carry(self) -> None:
        """Carry what hosts and switches send, until told otherwise."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._carry, name="carry")
        self._thread.start()

    def pause(self) -> None:
        """Stop carrying."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _carry(self) -> None:
        self.realtime = _core.ask_for_realtime(PRIORITY)
        self._take_over(self._idle)
        while not self._stop.is_set():
            self._obey(self._idle)
            self._idle.manager.run(FOREVER_PS, False, TURN_NS)

    def set_links(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take links down or bring them back; returns once it has happened."""
        order = LinkOrder(tuple(int(link) for link in request["links"]), bool(request["up"]))
        self._orders.put(order)
        if not order.done.wait(ORDER_PATIENCE_S):
            raise RunError("the traffic manager does not get to its next turn")
        return {"fabric_ps": order.at_ps}

    def _take_over(self, part: _Part) -> None:
        """The links of an engine that begins to work are as somebody left them."""
        links = part.scenario.fabric.links
        for link in range(len(links)):
            up = link not in self._down
            if part.links_up.get(link, True) != up:
                _set_link(part, link, up)

    def _obey(self, part: _Part) -> None:
        """Between two turns: what was ordered meanwhile."""
        while not self._orders.empty():
            order = self._orders.get()
            for link in order.links:
                (self._down.discard if order.up else self._down.add)(link)
                _set_link(part, link, order.up)
            order.at_ps = part.engine.now_ps
            order.done.set()

    def _part(self, scenario: Scenario, next_hop: list[str] | None = None) -> _Part:
        config, fabric = self._config, scenario.fabric
        ports = map_ports(fabric)
        engine = build_engine(scenario, ports)
        wire = wire_plan(scenario)
        macs = list(config.endpoint_mac) + list(wire.node_mac[fabric.n_endpoints :])
        hops = next_hop or list(config.endpoint_mac)
        manager = _core.TrafficManager(
            engine,
            self._network,
            dilation=config.options.dilation,
            hold_ns=int(config.options.hold_ms * 1e6),
            sample_ps=scenario.spec.record.sample_interval,
            foreign_priority=FOREIGN_PRIORITY,
            next_hop=np.array([mac_number(m) for m in hops], dtype=np.uint64),
            node_mac=np.array([mac_number(m) for m in macs], dtype=np.uint64),
            node_tier=np.array([node.tier for node in fabric.nodes], dtype=np.uint8),
            endpoint_ip=np.array([_ip_number(ip) for ip in config.endpoint_ip], dtype=np.uint32),
            src_qpn=wire.src_qpn,
            dst_qpn=wire.dst_qpn,
            udp_sport=wire.udp_sport,
            dscp=list(wire.dscp),
            routed=config.routed_hosts,
        )
        manager.open_feed(str(config.feed))
        return _Part(scenario, ports, engine, manager, Timeline(engine, fabric, ports))

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """One seed of the variant: its traffic, in real time, into a run directory."""
        began, cpu_began = time.perf_counter(), time.process_time()
        variant = self._config.options.variant
        scenario = make_scenario(variant, int(request["seed"]))
        part = self._part(scenario, request.get("next_hop"))
        timeline = part.timeline
        recording = Recording(part.engine, scenario, part.ports)
        repairs = StaticRepairs(scenario, request["static"]) if request.get("static") else None
        applied = _schedule(part, timeline, repairs)
        stack, captures = ExitStack(), None
        writer = RunWriter(Path(request["directory"]), replace=True)
        if scenario.spec.record.captures:  # they are written while it runs
            stack.enter_context(writer)
            captures = LabCaptures(part.engine, scenario, part.ports, writer.partial / FOLDER)
            part.manager.set_tap(captures.tap)
        self.pause()
        watched = [int(pid) for pid in request.get("watch", [])]
        wall, cpu = time.perf_counter(), time.process_time() + cpu_s(watched)
        self._in_real_time(part, end_ps(scenario))
        wall = time.perf_counter() - wall
        cpu = time.process_time() + cpu_s(watched) - cpu
        self.carry()
        recording.finish()
        report = part.manager.report()
        swallowed = _swallowed(part)
        answers = lab_responses(
            scenario, applied, swallowed, injected=repairs is not None, whole=_all_delivered(part)
        )
        lab = {
            "dilation": self._config.options.dilation,
            "dilation_origin": self._config.options.origin,
            "hold_ms": self._config.options.hold_ms,
            "control": request["control"],
            "runs": request.get("runs", ""),
            "swallowed_last_ps": last_by_switch(swallowed),
            **judge(report, base_rtt_ps(scenario.fabric, scenario.spec), bool(variant.spec.faults)),
        }
        applied += part.by_hand
        shown = replace_timeline(scenario, sorted(applied, key=lambda update: update.at_ps))
        with stack:
            if captures is None:
                stack.enter_context(writer)
            captured = {} if captures is None else {"captures": captures.finish()}
            write_run(
                writer, variant, shown, part.engine, part.ports, timeline, recording,
                command=request["command"], fingerprint=request["fingerprint"],
                more={"backend": "lab", "responses": [asdict(answer) for answer in answers],
                      "lab": {**lab, "counters": report}, **captured},
            )  # fmt: skip
            writer.write_timing(
                wall_s=time.perf_counter() - began,
                cpu_s=time.process_time() - cpu_began,
                code_sha256=code_sha256(),
                lab_wall_s=wall,
                lab_cpu_s=cpu,
                cores=len(os.sched_getaffinity(0)),
            )
        return {
            "lab": lab,
            "report": report,
            "wall_s": wall,
            "cpu_s": cpu,
            "fabric_ps": part.engine.now_ps,
            "packets": part.engine.packets,
            "realtime": self.realtime,
            "send_errors": self._network.send_errors,
            "ring_drops": self._network.ring_drops,
            "late_packets": part.manager.late_packets(),
        }

    def _in_real_time(self, part: _Part, until_ps: int) -> None:
        failed: list[BaseException] = []

        def body() -> None:
            try:
                _core.ask_for_realtime(PRIORITY)
                self._take_over(part)
                for stop_ps in _stops(part.scenario, until_ps):
                    while part.manager.run(stop_ps, True, TURN_NS):
                        self._obey(part)
                    if _has_ended(part):
                        break
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=body, name="run")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]


@dataclass
class LinkOrder:
    """Somebody at the keyboard cuts cables, or mends them."""

    links: tuple[int, ...]
    up: bool
    at_ps: int = 0
    done: threading.Event = field(default_factory=threading.Event)


def _set_link(part: _Part, link: int, up: bool) -> None:
    """The link's state, and that the ports at both ends have noticed: carriers are seen at once."""
    cable = part.scenario.fabric.links[link]
    now, why = part.engine.now_ps, "by hand"
    updates: list[fw.Update] = [fw.LinkState(now, why, link, up)]
    updates += [fw.PortDetected(now, why, port, up) for port in (cable.a, cable.b)]
    for update in updates:
        part.timeline.apply(update)
    part.by_hand += updates
    part.links_up[link] = up


def _ip_number(text: str) -> int:
    return int.from_bytes(socket.inet_aton(text), "big")


def _swallowed(part: _Part) -> list[tuple[str, int]]:
    """Switch and fabric time of each packet that did not come out of a switch again."""
    fabric, to_fabric = part.scenario.fabric, part.ports.to_fabric
    nodes = [(fabric.ports[int(to_fabric[n])].node, at) for n, at in part.manager.swallowed()]
    return [(fabric.nodes[node].name, at) for node, at in nodes if node in fabric.switches]


def _stops(scenario: Scenario, until_ps: int) -> Iterator[int]:
    """Fabric times at which to see whether the run is over; with ``stop.transfers`` the moments
    of the samples, as in the simulator."""
    if scenario.spec.stop.transfers is not None:
        interval = scenario.spec.record.sample_interval
        yield from range(interval, until_ps, interval)
    yield until_ps


def _has_ended(part: _Part) -> bool:
    """No message is under way, or as many transfers are done as the experiment asks for."""
    wanted = part.scenario.spec.stop.transfers
    return part.engine.unfinished == 0 or (
        wanted is not None and transfers_done(part.engine, part.scenario) >= wanted
    )


def _all_delivered(part: _Part) -> bool:
    return part.engine.unfinished == 0 and not np.any(part.engine.messages()["failed"])


def _without_traffic(scenario: Scenario) -> Scenario:
    work = scenario.workload
    none = slice(0)
    quiet = replace(
        work,
        stream=ListedFlows(work.flow_table.take(none), 0),
        qp_table=work.qp_table.take(none),
    )
    arp = replace(scenario.plan.arp, period_ps=0)
    return replace(scenario, workload=quiet, plan=replace(scenario.plan, arp=arp, timeline=[]))


def replace_timeline(scenario: Scenario, applied: list[fw.Update]) -> Scenario:
    """The scenario with the updates that were applied, for the table of events."""
    return replace(scenario, plan=replace(scenario.plan, timeline=applied))


def _schedule(part: _Part, timeline: Timeline, repairs: StaticRepairs | None) -> list[fw.Update]:
    """Lets the physical updates happen, and the injected repairs if the rules are static."""
    plan = part.scenario.plan
    hosts = set(plan.endpoint_group.tolist())
    applied: list[fw.Update] = []
    for update in plan.timeline:
        physical = isinstance(update, PHYSICS)
        own = isinstance(update, fw.SetGroup) and update.group in hosts
        if physical or own:
            part.manager.schedule(update.at_ps, _later(timeline.apply, update))
            applied.append(update)
        elif repairs is not None:
            part.manager.schedule(update.at_ps, _later(repairs.apply, update))
            applied.append(update)
    return applied


def _later(action: Callable[[fw.Update], None], update: fw.Update) -> Callable[[], None]:
    return lambda: action(update)


class Server:
    """Answers commands, each client in a thread of its own: a run takes minutes, and links can
    be taken down meanwhile."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._running = threading.Lock()

    def serve(self, path: Path) -> None:
        """Listen until the process is told to end."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            temporary = path.with_name(path.name + ".new")
            temporary.unlink(missing_ok=True)
            listener.bind(str(temporary))
            listener.listen(8)
            temporary.rename(path)  # whoever sees it can connect
            while True:
                stream, _ = listener.accept()
                threading.Thread(target=self._talk, args=(stream,), daemon=True).start()

    def _talk(self, stream: socket.socket) -> None:
        with stream, stream.makefile("rw", encoding="utf-8") as lines:
            request = json.loads(lines.readline() or "{}")
            try:
                answer = self._answer(request)
            except EmuError as error:
                answer = {"error": str(error)}
            except Exception as error:  # whoever asked has to hear of it, not only the log
                traceback.print_exc()
                answer = {"error": f"traffic manager: {type(error).__name__}: {error}"}
            lines.write(json.dumps(answer) + "\n")

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("do") == "links":
            return self._process.set_links(request)
        if request.get("do") != "run":
            raise RunError(f"the traffic manager knows no {request.get('do')!r}")
        if not self._running.acquire(blocking=False):
            raise RunError("a run is under way on this lab", hint="wait for it to finish")
        try:
            return self._process.run(request)
        finally:
            self._running.release()


def main() -> None:
    """Entry point."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever commands
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    faulthandler.enable()
    config: TrafficConfig = pickle.loads(Path(sys.argv[1]).read_bytes())
    os.chdir(config.folder)
    process = Process(config)
    process.carry()
    process.telemetry.start()
    try:
        Server(process).serve(config.socket)
    finally:
        process.telemetry.stop()
        process.pause()


if __name__ == "__main__":
    main()
