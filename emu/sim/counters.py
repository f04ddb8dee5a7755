# SPDX-License-Identifier: Apache-2.0
"""What switches and NICs count, under their SAI names, at any moment of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.fabric.graph import Fabric
from emu.sim.build import PRIORITIES
from emu.sim.ports import PortMap

Array = npt.NDArray[np.int64]

_IN_DISCARDS = (
    "headroom_exceeded",
    "buffer_full",
    "no_route",
    "stp_blocked",
    "hop_limit",
    "same_port",
    "receiver_overflow",
    "host_silent",
)
_PG = "SAI_INGRESS_PRIORITY_GROUP_STAT_"


class SaiReader:
    """Reads the counters of an engine; whatever does not change is worked out once."""

    def __init__(self, engine: _core.Engine, fabric: Fabric, ports: PortMap) -> None:
        self._engine = engine
        numbers = ports.to_fabric
        self.port_names = np.array([fabric.ports[p].name for p in numbers], dtype=object)
        self.switch_names = np.array([fabric.nodes[n].name for n in fabric.switches], dtype=object)
        self._peer = ports.to_engine[[fabric.ports[p].peer for p in numbers]]
        self._switch_port = np.array([fabric.ports[p].node >= fabric.n_endpoints for p in numbers])

    def read(self) -> dict[str, dict[str, Array]]:
        """Values by object and SAI name: a row per port (and queue), or per switch."""
        queues = {k: v.reshape(-1, PRIORITIES) for k, v in self._engine.queues().items()}
        more = _core.counters(self._engine)
        gap = int(more["gap_bytes"])
        octets = queues["tx_bytes"] - gap * queues["tx_packets"]
        by_queue = {
            k: v.reshape(-1, PRIORITIES) for k, v in more.items() if k.startswith(("q", "gr", "he"))
        }
        return {
            "port": self._ports(queues, octets, more),
            "queue": {
                "SAI_QUEUE_STAT_PACKETS": queues["tx_packets"],
                "SAI_QUEUE_STAT_BYTES": octets,
                "SAI_QUEUE_STAT_DROPPED_PACKETS": by_queue["queue_dropped_packets"],
                "SAI_QUEUE_STAT_WRED_ECN_MARKED_PACKETS": queues["ecn_marked_packets"],
                "SAI_QUEUE_STAT_CURR_OCCUPANCY_BYTES": by_queue["queue_bytes"],
                "SAI_QUEUE_STAT_WATERMARK_BYTES": queues["egress_watermark_bytes"],
                "PFC_WD_QUEUE_STATS_DEADLOCK_DETECTED": queues["pfc_wd_detected"],
                "PFC_WD_QUEUE_STATS_DEADLOCK_RESTORED": queues["pfc_wd_restored"],
            },
            "priority-group": {
                f"{_PG}CURR_OCCUPANCY_BYTES": by_queue["group_bytes"] + by_queue["headroom_bytes"],
                f"{_PG}WATERMARK_BYTES": by_queue["group_watermark_bytes"],
                f"{_PG}XOFF_ROOM_CURR_OCCUPANCY_BYTES": by_queue["headroom_bytes"],
                f"{_PG}XOFF_ROOM_WATERMARK_BYTES": queues["headroom_watermark_bytes"],
                f"{_PG}DROPPED_PACKETS": by_queue["group_dropped_packets"],
            },
            "buffer-pool": self._pools(),
        }

    def rows(self) -> list[list[Any]]:
        """[object, name, index, counter, value] of everything that is not 0."""
        rows: list[list[Any]] = []
        for kind, counters in self.read().items():
            names = self.switch_names if kind == "buffer-pool" else self.port_names
            for counter, values in counters.items():
                whole = values.reshape(len(names), -1)
                row, index = np.nonzero(whole)
                found = (names[row].tolist(), index.tolist(), whole[row, index].tolist())
                # A counter of one class has its number in its name.
                plain = whole.shape[1] > 1 and "{}" not in counter
                rows += [
                    [kind, name, at if plain else -1, counter.format(at), value]
                    for name, at, value in zip(*found, strict=True)
                ]
        return rows

    def _ports(
        self, queues: dict[str, Array], octets: Array, more: dict[str, Any]
    ) -> dict[str, Array]:
        drops = {k: v["packets"] for k, v in self._engine.port_drops().items()}
        sent, sent_octets = queues["tx_packets"].sum(axis=1), octets.sum(axis=1)
        lost, gap = more["wire_lost_packets"], int(more["gap_bytes"])
        lost_octets = more["wire_lost_bytes"] - gap * lost
        flying = more["arriving_packets"]
        flying_octets = more["arriving_bytes"] - gap * flying
        peer = self._peer
        refused = more["queue_dropped_packets"].reshape(-1, PRIORITIES).sum(axis=1)
        pfc = "SAI_PORT_STAT_PFC_{}"
        return {
            "SAI_PORT_STAT_IF_IN_OCTETS": (sent_octets - lost_octets)[peer] - flying_octets,
            "SAI_PORT_STAT_IF_IN_UCAST_PKTS": (sent - lost)[peer] - flying,
            "SAI_PORT_STAT_IF_IN_ERRORS": drops["link_error"][peer],
            "SAI_PORT_STAT_ETHER_RX_OVERSIZE_PKTS": drops["mtu_exceeded"],
            "SAI_PORT_STAT_IF_IN_DISCARDS": np.sum([drops[k] for k in _IN_DISCARDS], axis=0),
            "SAI_PORT_STAT_IF_OUT_OCTETS": sent_octets,
            "SAI_PORT_STAT_IF_OUT_UCAST_PKTS": sent,
            "SAI_PORT_STAT_IF_OUT_DISCARDS": refused + drops["pfc_watchdog"],
            "SAI_PORT_STAT_ECN_MARKED_PACKETS": queues["ecn_marked_packets"].sum(axis=1),
            f"{pfc}_RX_PKTS": queues["pfc_rx_frames"],
            f"{pfc}_TX_PKTS": queues["pfc_tx_frames"],
            f"{pfc}_ON2OFF_RX_PKTS": more["pfc_on_off_frames"].reshape(-1, PRIORITIES),
            f"{pfc}_RX_PAUSE_DURATION_US": queues["pfc_rx_pause_ps"] // 1_000_000,
        }

    def _pools(self) -> dict[str, Array]:
        raw = self._engine.switches()
        return {
            "SAI_BUFFER_POOL_STAT_CURR_OCCUPANCY_BYTES": raw["pool_used_bytes"],
            "SAI_BUFFER_POOL_STAT_WATERMARK_BYTES": raw["buffer_watermark_bytes"],
        }
