# SPDX-License-Identifier: Apache-2.0
"""Counters under the names of the Switch Abstraction Interface, which SONiC uses.

Names are those of SAI's saiport.h, saiqueue.h and saibuffer.h. A name with `{}` has one counter
per priority; in Prometheus the priority is a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["SAI_COUNTERS", "SaiCounter", "sai_name"]


@dataclass(frozen=True)
class SaiCounter:
    """One counter: what it is of, whether it only grows, what it means here."""

    object: str
    """port | queue | priority-group | buffer-pool."""
    grows: bool
    """True: a counter; False: a level or a watermark."""
    doc: str

    @property
    def kind(self) -> str:
        """OpenMetrics type."""
        return "counter" if self.grows else "gauge"


def _counters(object_: str, rows: list[tuple[str, bool, str]]) -> dict[str, SaiCounter]:
    return {name: SaiCounter(object_, grows, doc) for name, grows, doc in rows}


SAI_COUNTERS: Final[Mapping[str, SaiCounter]] = {
    **_counters(
        "port",
        [
            ("SAI_PORT_STAT_IF_IN_OCTETS", True, "bytes of frames received"),
            ("SAI_PORT_STAT_IF_IN_UCAST_PKTS", True, "frames received, pause frames left out"),
            ("SAI_PORT_STAT_IF_IN_ERRORS", True, "frames received with a wrong checksum"),
            ("SAI_PORT_STAT_ETHER_RX_OVERSIZE_PKTS", True, "frames received above the port's MTU"),
            (
                "SAI_PORT_STAT_IF_IN_DISCARDS",
                True,
                "whole frames received and dropped: no buffer, no route, hop limit, blocked port",
            ),
            ("SAI_PORT_STAT_IF_OUT_OCTETS", True, "bytes of frames sent"),
            ("SAI_PORT_STAT_IF_OUT_UCAST_PKTS", True, "frames sent, pause frames left out"),
            (
                "SAI_PORT_STAT_IF_OUT_DISCARDS",
                True,
                "frames that a queue of this port or the PFC watchdog refused, or lost when the "
                "port went down",
            ),
            ("SAI_PORT_STAT_ECN_MARKED_PACKETS", True, "frames that this port set CE on"),
            ("SAI_PORT_STAT_PFC_{}_RX_PKTS", True, "pause frames received (XOFF)"),
            ("SAI_PORT_STAT_PFC_{}_TX_PKTS", True, "pause frames sent (XOFF)"),
            ("SAI_PORT_STAT_PFC_{}_ON2OFF_RX_PKTS", True, "pauses ended by an XON"),
            (
                "SAI_PORT_STAT_PFC_{}_RX_PAUSE_DURATION_US",
                True,
                "microseconds during which the priority was paused, rounded down",
            ),
        ],
    ),
    **_counters(
        "queue",
        [
            ("SAI_QUEUE_STAT_PACKETS", True, "frames sent"),
            ("SAI_QUEUE_STAT_BYTES", True, "bytes of them"),
            ("SAI_QUEUE_STAT_DROPPED_PACKETS", True, "frames the queue refused"),
            ("SAI_QUEUE_STAT_WRED_ECN_MARKED_PACKETS", True, "frames the queue set CE on"),
            ("SAI_QUEUE_STAT_CURR_OCCUPANCY_BYTES", False, "bytes in the queue now"),
            ("SAI_QUEUE_STAT_WATERMARK_BYTES", False, "most bytes in the queue at any time"),
            (
                "PFC_WD_QUEUE_STATS_DEADLOCK_DETECTED",
                True,
                "storms that the PFC watchdog found (a counter of SONiC, not of SAI)",
            ),
            ("PFC_WD_QUEUE_STATS_DEADLOCK_RESTORED", True, "those that it saw end"),
        ],
    ),
    **_counters(
        "priority-group",
        [
            (
                "SAI_INGRESS_PRIORITY_GROUP_STAT_CURR_OCCUPANCY_BYTES",
                False,
                "buffer used now, headroom included",
            ),
            (
                "SAI_INGRESS_PRIORITY_GROUP_STAT_WATERMARK_BYTES",
                False,
                "most buffer used, without headroom",
            ),
            (
                "SAI_INGRESS_PRIORITY_GROUP_STAT_XOFF_ROOM_CURR_OCCUPANCY_BYTES",
                False,
                "headroom used now",
            ),
            (
                "SAI_INGRESS_PRIORITY_GROUP_STAT_XOFF_ROOM_WATERMARK_BYTES",
                False,
                "most headroom used",
            ),
            (
                "SAI_INGRESS_PRIORITY_GROUP_STAT_DROPPED_PACKETS",
                True,
                "frames dropped for lack of buffer or headroom",
            ),
        ],
    ),
    **_counters(
        "buffer-pool",
        [
            ("SAI_BUFFER_POOL_STAT_CURR_OCCUPANCY_BYTES", False, "shared buffer used now"),
            ("SAI_BUFFER_POOL_STAT_WATERMARK_BYTES", False, "most shared buffer used"),
        ],
    ),
}
"""Every counter, by SAI name."""


def sai_name(counter: str) -> tuple[str, int]:
    """The name in `SAI_COUNTERS` and the priority within it, -1 if it has none.

    >>> sai_name("SAI_PORT_STAT_PFC_3_RX_PKTS")
    ('SAI_PORT_STAT_PFC_{}_RX_PKTS', 3)
    >>> sai_name("SAI_QUEUE_STAT_BYTES")
    ('SAI_QUEUE_STAT_BYTES', -1)
    """
    head, found, rest = counter.partition("_PFC_")
    if not found or counter in SAI_COUNTERS:
        return counter, -1
    priority, _, tail = rest.partition("_")
    return f"{head}_PFC_{{}}_{tail}", int(priority)
