# SPDX-License-Identifier: Apache-2.0
"""Applies a plan's updates to the engine, and words them for events.parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emu.core import _core
from emu.fabric import forwarding as fw
from emu.fabric.graph import Fabric
from emu.sim.build import mask
from emu.sim.ports import PortMap
from emu.units import format_rate

if TYPE_CHECKING:
    from emu.sim.steering import Steering


class Timeline:
    """What happens to the fabric from outside, in order of time."""

    def __init__(self, engine: _core.Engine, fabric: Fabric, ports: PortMap) -> None:
        self._engine = engine
        self._fabric = fabric
        self.ports = ports
        self.steering: Steering | None = None
        """The controller that has worked beside this timeline, if any."""

    def apply(self, update: fw.Update) -> None:
        """Make the update happen now: the engine stands at ``update.at_ps``."""
        e, to_engine = self._engine, self.ports.to_engine
        match update:
            case fw.SetGroup():
                e.set_group(update.group, self.ports.engine_ports(update.ports))
            case fw.SetFib():
                e.set_fib(update.switch, list(update.routes), update.value)
            case fw.SetTunnel():
                e.set_tunnel(update.tunnel, list(update.vteps))
            case fw.SetPortGroup():
                e.set_port_group(int(to_engine[update.port]), update.group)
            case fw.SetFlood():
                e.set_flood(update.switch, update.ingress, list(update.groups))
            case fw.SetFloodTunnels():
                e.set_flood_tunnels(update.switch, list(update.vteps))
            case fw.FlushMacs():
                e.flush_macs(update.switch, list(update.groups))
            case fw.SetEndpointGroup():
                e.set_endpoint_group(update.endpoint, update.group)
            case fw.LinkState():
                e.set_link(self._link_port(update.link), update.up)
            case fw.PortDetected():
                e.port_detected(int(to_engine[update.port]), update.up)
            case fw.LinkLoss():
                e.set_loss(int(to_engine[update.port]), update.loss)
            case fw.CodewordLoss():
                e.set_codeword_loss(int(to_engine[update.port]), update.codeword_bytes, update.loss)
            case fw.FrameLimit():
                e.set_frame_limit(int(to_engine[update.port]), update.bytes)
            case fw.LosslessClasses():
                wanted = update.priorities
                e.set_lossless(update.switch, None if wanted is None else mask(wanted))
            case fw.HashSeed():
                e.set_hash_seed(update.switch, update.seed)
            case fw.LinkRate():
                link = self._fabric.links[update.link]
                rate = round(self._fabric.ports[link.a].rate_bps * update.share)
                e.set_rate(self._link_port(update.link), rate)
            case fw.EcnMarking():
                e.set_marking(update.switch, update.on)
            case fw.BlackHole():
                e.set_black_hole(int(to_engine[update.port]), update.on, list(update.routes or ()))
            case fw.ReceiverRate():
                e.set_receive_rate(update.endpoint, update.rate_bps)
            case fw.NicStorm():
                e.set_storm(
                    update.endpoint, update.priority, update.on, update.quanta, update.every_ps,
                    update.frame,
                )  # fmt: skip
            case fw.SilentHost():
                e.set_silent(update.endpoint, update.on)
            case fw.Broadcast():
                e.broadcast(update.endpoint)
            case fw.Note() | fw.BridgingLoop():
                pass
            case _:
                raise AssertionError(f"no engine call for {type(update).__name__}")

    def _link_port(self, link: int) -> int:
        return int(self.ports.to_engine[self._fabric.links[link].a])

    def event(self, update: fw.Update) -> dict[str, Any]:
        """A row of events.parquet."""
        kind, phase, node, port, detail = self._words(update)
        return {
            "t_ps": update.at_ps,
            "kind": kind,
            "phase": phase,
            "node": node,
            "port": port,
            "detail": f"{detail} ({update.reason})" if update.reason else detail,
        }

    def _words(self, update: fw.Update) -> tuple[str, str, str, str, str]:
        fabric = self._fabric
        match update:
            case fw.LinkState():
                phase, word = ("end", "up") if update.up else ("start", "down")
                return "link-state", phase, "", fabric.links[update.link].name, f"link {word}"
            case fw.LinkLoss():
                phase = "start" if update.loss > 0 else "end"
                port = fabric.ports[update.port]
                node = fabric.nodes[port.node].name
                name = fabric.links[port.link].name
                return "link-loss", phase, node, name, f"loses {update.loss:g} of what it sends"
            case fw.CodewordLoss():
                phase = "start" if update.loss > 0 else "end"
                port = fabric.ports[update.port]
                node, name = fabric.nodes[port.node].name, fabric.links[port.link].name
                words = f"{update.loss:.3g} of its codewords are beyond repair"
                return "link-loss", phase, node, name, words
            case fw.FrameLimit():
                phase = "start" if update.bytes else "end"
                port = fabric.ports[fabric.ports[update.port].peer]
                node, name = fabric.nodes[port.node].name, fabric.links[port.link].name
                words = f"discards frames above {update.bytes} bytes"
                return "frame-limit", phase, node, name, words if update.bytes else "takes all"
            case fw.LosslessClasses():
                node = self._switch(update.switch)
                if update.priorities is None:
                    return "pfc-classes", "end", node, "", "lossless are those of its profile"
                listed = ", ".join(map(str, update.priorities)) or "none"
                return "pfc-classes", "start", node, "", f"lossless priorities: {listed}"
            case fw.HashSeed():
                phase = "end" if update.own else "start"
                node = self._switch(update.switch)
                words = "hashes with its own seed" if update.own else "hashes with another's seed"
                return "hash-seed", phase, node, "", words
            case fw.LinkRate():
                phase = "start" if update.share < 1 else "end"
                name = fabric.links[update.link].name
                return "link-rate", phase, "", name, f"runs at {update.share:g} of its rate"
            case fw.EcnMarking():
                phase, word = ("end", "marks again") if update.on else ("start", "marks nothing")
                return "ecn-marking", phase, self._switch(update.switch), "", word
            case fw.BlackHole():
                port = fabric.ports[update.port]
                phase = "start" if update.on else "end"
                return "black-hole", phase, fabric.nodes[port.node].name, port.name, "black hole"
            case fw.ReceiverRate():
                name = fabric.nodes[update.endpoint].name
                if update.rate_bps == 0:
                    return "receiver-rate", "end", name, "", "receives at line rate"
                rate = format_rate(update.rate_bps)
                return "receiver-rate", "start", name, "", f"receives at {rate}"
            case fw.BridgingLoop():
                phase, word = ("start", "forwards") if update.on else ("end", "blocks again")
                name = fabric.links[update.link].name.partition("[")[0]
                return "bridging-loop", phase, "", name, f"a blocked port {word}"
            case fw.NicStorm():
                phase = "start" if update.on else "end"
                name = fabric.nodes[update.endpoint].name
                return "nic-storm", phase, name, "", f"pauses priority {update.priority}"
            case fw.SilentHost():
                phase = "start" if update.on else "end"
                return "silent-host", phase, fabric.nodes[update.endpoint].name, "", "sends nothing"
            case fw.PortDetected():
                port = fabric.ports[update.port]
                word = "up" if update.up else "down"
                node = fabric.nodes[port.node].name
                return "port-detected", "step", node, port.name, f"noticed: {word}"
            case fw.FlushMacs():
                return "mac-flush", "step", self._switch(update.switch), "", "addresses forgotten"
            case fw.Broadcast():
                name = fabric.nodes[update.endpoint].name
                return "note", "step", name, "", "broadcasts an ARP request"
            case fw.Note():
                return "note", "step", "", "", update.text
            case fw.SetGroup():
                port_ids = update.ports
                node = self._owner(update.group, port_ids)
                return "forwarding", "step", node, "", f"next hops now {len(port_ids)}"
            case fw.SetFib():
                node = self._switch(update.switch)
                return "forwarding", "step", node, "", f"{len(update.routes)} routes changed"
            case fw.SetEndpointGroup():
                name = fabric.nodes[update.endpoint].name
                return "forwarding", "step", name, "", "sends on other ports"
            case fw.SetTunnel():
                return "forwarding", "step", "", "", f"tunnel ends now {len(update.vteps)}"
            case fw.SetFlood() | fw.SetFloodTunnels():
                return "forwarding", "step", self._switch(update.switch), "", "flood list changed"
            case fw.SetPortGroup():
                port = fabric.ports[update.port]
                state = "discarding" if update.group == fw.PORT_BLOCKED else "forwarding"
                return "forwarding", "step", fabric.nodes[port.node].name, port.name, state
        raise AssertionError(f"no words for {type(update).__name__}")

    def _switch(self, row: int) -> str:
        return self._fabric.nodes[self._fabric.n_endpoints + row].name

    def _owner(self, group: int, ports: tuple[int, ...]) -> str:
        if not ports:
            return ""
        return self._fabric.nodes[self._fabric.ports[ports[0]].node].name


def engine_events(engine: _core.Engine, fabric: Fabric, ports: PortMap) -> list[dict[str, Any]]:
    """Rows for what the engine noted itself; thousands of equal ones become a count."""
    raw = engine.events()
    rows: list[dict[str, Any]] = []
    kinds = {0: "retransmission timeouts", 1: "go-back-N rewinds", 4: "pause episodes"}
    for code, words in kinds.items():
        chosen = raw["kind"] == code
        count = int(np.count_nonzero(chosen))
        if count:
            first = int(raw["t_ps"][chosen].min())
            text = f"first of {count} {words}"
            rows.append(_row(first, "note", fabric, int(raw["node"][chosen][0]), text))
    for i in np.flatnonzero(raw["kind"] == 2).tolist():
        node, qp = int(raw["node"][i]), int(raw["detail"][i])
        text = f"queue pair {qp} gave up: retries exhausted"
        rows.append(_row(int(raw["t_ps"][i]), "transfer-failed", fabric, node, text))
    for i in np.flatnonzero(raw["kind"] == 3).tolist():
        port = fabric.ports[int(ports.to_fabric[raw["port"][i]])]
        reason = list(engine.port_drops())[int(raw["detail"][i])]
        row = _row(int(raw["t_ps"][i]), "note", fabric, port.node, f"first drop here: {reason}")
        rows.append({**row, "port": port.name})
    rows += _watchdog_rows(raw, fabric, ports)
    return rows + _deadlock_rows(raw, fabric, ports)


def _watchdog_rows(raw: Any, fabric: Fabric, ports: PortMap) -> list[dict[str, Any]]:
    rows = []
    for code, phase, words in ((5, "start", "stopped by pauses"), (6, "end", "obeys pauses again")):
        for i in np.flatnonzero(raw["kind"] == code).tolist():
            port = fabric.ports[int(ports.to_fabric[raw["port"][i]])]
            text = f"priority {raw['detail'][i]} {words}"
            row = _row(int(raw["t_ps"][i]), "pfc-watchdog", fabric, port.node, text)
            rows.append({**row, "phase": phase, "port": port.name})
    return rows


def _deadlock_rows(raw: Any, fabric: Fabric, ports: PortMap) -> list[dict[str, Any]]:
    """One row per circle, which names its queues in order."""
    found = np.flatnonzero(raw["kind"] == 7)
    rows = []
    for circle in np.unique(raw["detail"][found] >> 8).tolist():
        own = [i for i in found.tolist() if raw["detail"][i] >> 8 == circle]
        members = [fabric.ports[int(ports.to_fabric[raw["port"][i]])] for i in own]
        priority = int(raw["detail"][own[0]]) & 0xFF
        names = " > ".join(port.name for port in (*members, members[0]))
        text = f"priority {priority} waits in a circle: {names}"
        row = _row(int(raw["t_ps"][own[0]]), "pfc-deadlock", fabric, members[0].node, text)
        rows.append({**row, "port": members[0].name})
    return rows


def _row(at_ps: int, kind: str, fabric: Fabric, node: int, detail: str) -> dict[str, Any]:
    name = fabric.nodes[node].name
    return {
        "t_ps": at_ps,
        "kind": kind,
        "phase": "step",
        "node": name,
        "port": "",
        "detail": detail,
    }
