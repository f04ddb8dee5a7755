# SPDX-License-Identifier: Apache-2.0
"""As ``l3.py``, and moves traffic among uplinks by what telemetry says of them.

Towards each leaf the flows of a switch are hashed into slots, each a bucket of the select
group that sends through one uplink. Every interval the policy of ``emu.fabric.steering`` looks
at the uplinks and points slots at other uplinks, ``--reaction-delay`` after it has looked; the
simulator calls the same function (``routing.policy: controller``).

What the policy sees is, per port, the rate over the last interval (from the switch's port
counters), and per slot the rate of its bucket. More comes from ``--telemetry FILE``, a JSON
document that is written anew as often as its writer likes, such as the lab's traffic manager:

    {"ports": {"leaf0-p2": {"queue_bytes": 120000, "rate_bps": 50000000, "sent_bps": 48000000}}}

``rate_bps`` is the port's capacity; without it ``--uplink-rate-bps`` holds for all. Where
``sent_bps`` is given it is believed instead of the switch's own counter, which counts what a
port was given to send and not what a paused port has sent. Better still is ``sent_bytes``, a
counter, beside the document's ``wall_ns``: the rate is then that since the last look, as the
slots' rates are, and not that of the moment.

REST: as l3.py, and /steering.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from controllers._api import (
    CONF,
    MAIN_DISPATCHER,
    cfg,
    ofp_event,
    register_options,
    set_ev_cls,
)
from controllers._fabric import Point, Switch
from controllers.l3 import L3
from emu.fabric.steering import CountedRates, Move, SteeringParams, UplinkLoad, steer

register_options(
    [
        cfg.StrOpt("telemetry", default="", help="JSON file with queue depths per port"),
        cfg.IntOpt("uplink-rate-bps", default=50_000_000, help="capacity of an uplink"),
        cfg.FloatOpt("steer-interval", default=1.0, help="seconds between two looks"),
        cfg.FloatOpt("reaction-delay", default=0.0, help="seconds from a look to what follows"),
        cfg.FloatOpt("imbalance-min", default=0.1, help="difference below which nothing moves"),
        cfg.IntOpt("moves-max", default=1, help="slots of a group moved after one look"),
        cfg.IntOpt("hold-intervals", default=3, help="looks for which a moved slot stays"),
        cfg.IntOpt("slots", default=64, help="shares into which a group hashes its flows"),
    ]
)


class Adaptive(L3):
    """L3 with slots."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slots: dict[tuple[int, int], list[Point]] = {}
        """(switch, group) to the hop of each slot."""
        self._held: dict[tuple[int, int], dict[int, int]] = {}
        self._bucket_bytes: dict[tuple[int, int], list[int]] = {}
        self._slot_bps: dict[tuple[int, int], list[int]] = {}
        self._port_bytes: dict[Point, tuple[float, int]] = {}
        self._port_bps: dict[Point, int] = {}
        self._rates = CountedRates()
        """Of the ports of the telemetry file."""
        self._bucket_time: dict[int, float] = {}
        self._due = 0.0
        self._asked = False
        self.beat_s = min(0.5, max(0.05, CONF.steer_interval / 10))
        self._decided: list[tuple[float, int, int, list[Move]]] = []
        """When, switch, group: moves that wait for the reaction delay to pass."""
        self.moves = 0

    # -- groups ------------------------------------------------------------------

    def install_group(self, switch: Switch, group: int, hops: tuple[Point, ...]) -> bool:
        """Slots keep their hop where it is still there; the others are dealt out."""
        key = (switch.dpid, group)
        if self.groups.get(key) == hops:
            return False
        old = self._slots.get(key, [])
        slots = []
        if hops:
            for number in range(CONF.slots):
                kept = old[number] if number < len(old) else None
                slots.append(kept if kept in hops else hops[number % len(hops)])
        # A hop that has come back gets its share again at once.
        if old and set(hops) - set(old):
            slots = [hops[number % len(hops)] for number in range(CONF.slots)]
        self._slots[key] = slots
        self._send_slots(switch, group, new=key not in self.groups)
        self.groups[key] = hops
        return True

    def _send_slots(self, switch: Switch, group: int, *, new: bool) -> None:
        slots = self._slots[switch.dpid, group]
        buckets = [self.bucket(switch, hop) for hop in slots]
        self.send_select_group(switch, group, buckets, new=new)
        # The switch counts a changed group's buckets from zero.
        self._bucket_bytes.pop((switch.dpid, group), None)
        self._slot_bps.pop((switch.dpid, group), None)

    # -- telemetry ---------------------------------------------------------------

    def tick(self) -> None:
        """Ask for counters, and a beat later steer by the answers."""
        now = time.monotonic()
        while self._decided and self._decided[0][0] <= now:
            _, dpid, group, moves = self._decided.pop(0)
            self._move(dpid, group, moves)
        if self._asked:
            self._asked = False
            self._steer_all()
        if now < self._due:
            return
        self._due = max(self._due + CONF.steer_interval, now)
        self._asked = True
        for switch in self.switches.values():
            datapath = switch.datapath
            parser, proto = datapath.ofproto_parser, datapath.ofproto
            datapath.send_msg(parser.OFPPortStatsRequest(datapath, 0, proto.OFPP_ANY))
            datapath.send_msg(parser.OFPGroupStatsRequest(datapath, 0, proto.OFPG_ALL))

    @set_ev_cls(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def _ports_counted(self, event: Any) -> None:
        now = time.monotonic()
        with self.lock:
            for stat in event.msg.body:
                at = Point(event.msg.datapath.id, stat.port_no)
                then, before = self._port_bytes.get(at, (now, stat.tx_bytes))
                if now > then:
                    self._port_bps[at] = int((stat.tx_bytes - before) * 8 / (now - then))
                self._port_bytes[at] = (now, stat.tx_bytes)

    @set_ev_cls(ofp_event.EventOFPGroupStatsReply, MAIN_DISPATCHER)
    def _groups_counted(self, event: Any) -> None:
        now, dpid = time.monotonic(), event.msg.datapath.id
        with self.lock:
            passed = now - self._bucket_time.get(dpid, now)
            self._bucket_time[dpid] = now
            for stat in event.msg.body:
                key = (dpid, stat.group_id)
                counts = [bucket.byte_count for bucket in stat.bucket_stats][: CONF.slots]
                before = self._bucket_bytes.get(key)
                if before is not None and passed > 0 and len(before) == len(counts):
                    self._slot_bps[key] = [
                        int(max(0, b - a) * 8 / passed) for a, b in zip(before, counts, strict=True)
                    ]
                self._bucket_bytes[key] = counts

    def _queues(self) -> dict[str, dict[str, int]]:
        """What the telemetry file says per port; nothing while it is being replaced."""
        if not CONF.telemetry:
            return {}
        try:
            told = json.loads(Path(CONF.telemetry).read_text(encoding="utf-8"))
            ports = told["ports"]
        except (OSError, ValueError, KeyError):
            return {}
        if not isinstance(ports, dict):
            return {}
        if "wall_ns" in told:
            for name, port in ports.items():
                if "sent_bytes" in port:
                    port["sent_bps"] = self._rates.since(name, told["wall_ns"], port["sent_bytes"])
        return ports

    # -- steering ----------------------------------------------------------------

    def _steer_all(self) -> None:
        queues = self._queues()
        for (dpid, group), hops in sorted(self.groups.items()):
            switch = self.switches.get(dpid)
            rates = self._slot_bps.get((dpid, group))
            if switch is None or len(hops) < 2:
                continue
            if rates is None or len(rates) != CONF.slots:
                # Not known since the group was changed. Time passes for held slots all the same.
                rates = [0] * CONF.slots
            self._steer_one(switch, group, hops, rates, queues)

    def _steer_one(
        self, switch: Switch, group: int, hops: tuple[Point, ...], rates: list[int],
        queues: dict[str, dict[str, int]],
    ) -> None:  # fmt: skip
        key = (switch.dpid, group)
        loads = {}
        for hop in hops:
            port = switch.ports.get(hop.port)
            told = queues.get(port.name if port else "", {})
            loads[hop.port] = UplinkLoad(
                rate_bps=int(told.get("rate_bps", CONF.uplink_rate_bps)),
                sent_bps=int(
                    told.get("sent_bps", self._port_bps.get(Point(switch.dpid, hop.port), 0))
                ),
                queue_bytes=int(told.get("queue_bytes", 0)),
                up=port is not None and port.up,
            )
        params = SteeringParams(
            interval_ps=int(CONF.steer_interval * 1e12),
            imbalance_min=CONF.imbalance_min,
            moves_max=CONF.moves_max,
            hold_intervals=CONF.hold_intervals,
        )
        moves, self._held[key] = steer(
            [hop.port for hop in self._slots[key]], rates, loads, params, self._held.get(key, {})
        )
        if not moves:
            return
        if CONF.reaction_delay > 0:
            due = time.monotonic() + CONF.reaction_delay
            self._decided.append((due, switch.dpid, group, moves))
        else:
            self._move(switch.dpid, group, moves)

    def _move(self, dpid: int, group: int, moves: list[Move]) -> None:
        """Point slots at other hops, where switch and hops are still there."""
        switch = self.switches.get(dpid)
        by_port = {hop.port: hop for hop in self.groups.get((dpid, group), ())}
        slots = self._slots.get((dpid, group), [])
        moves = [m for m in moves if m.target in by_port and m.slot < len(slots)]
        if switch is None or not moves:
            return
        for move in moves:
            slots[move.slot] = by_port[move.target]
            self.moves += 1
            self.note(
                "slot moved",
                switch=switch.name,
                slot=move.slot,
                source=self.port_name(Point(switch.dpid, move.source)),
                target=self.port_name(Point(switch.dpid, move.target)),
            )
        self._send_slots(switch, group, new=False)

    # -- REST --------------------------------------------------------------------

    def views(self) -> dict[str, Any]:
        """Those of L3, and the slots."""
        return {**super().views(), "/steering": self.view_steering}

    def view_steering(self) -> dict[str, Any]:
        """How many slots each port has, what the ports carry, and how often a slot moved."""
        groups = []
        for (dpid, group), slots in sorted(self._slots.items()):
            names = [self.port_name(Point(dpid, hop.port)) for hop in slots]
            share = {name: names.count(name) for name in sorted(set(names))}
            groups.append({"switch": self.switch_name(dpid), "group": group, "slots": share})
        return {
            "moves": self.moves,
            "groups": groups,
            "sent_bps": {
                self.port_name(at): bps
                for at, bps in sorted(self._port_bps.items())
                if at.dpid in self.switches and at.port in self.switches[at.dpid].ports
            },
        }
