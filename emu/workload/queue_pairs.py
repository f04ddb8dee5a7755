# SPDX-License-Identifier: Apache-2.0
"""Queue pairs: numbers, and the UDP source port that ECMP hashes."""

from __future__ import annotations

import numpy as np

from emu.spec import SourcePortsSpec
from emu.workload.seeds import stream
from emu.workload.table import Table, group_rows
from emu.workload.trace import IntArray

QPN_MIN, QPN_MAX = 256, 1 << 24
PORT_MIN = 0xC000
PORT_DRAWN = -1
"""Stands for a UDP source port that follows from the QP numbers."""


def assign_qps(
    flows: Table, seed: int, ports: SourcePortsSpec | None = None
) -> tuple[IntArray, Table]:
    """QP id of each message, and the table of QPs.

    Messages with the same ``src_endpoint``, ``dst_endpoint``, ``lane`` and
    ``priority`` share a QP; it lives as long as the run, as in serving systems that
    set up connections once. A column ``udp_sport``, where given, parts them too: the QP
    has that port unless it is ``PORT_DRAWN``; the others' ports follow from ``ports``.
    """
    keys = ["src_endpoint", "dst_endpoint", "lane", "priority"]
    if "udp_sport" in flows:
        keys.append("udp_sport")
    first, qp_id = group_rows([flows[key] for key in keys])
    qps = flows.select(keys).take(first)
    numbers = stream(seed, "qpn").integers(QPN_MIN, QPN_MAX, size=(2, len(qps)))
    sport = _ports(qps, numbers, ports or SourcePortsSpec(), seed)
    if "udp_sport" in qps:
        given = qps["udp_sport"]
        sport = np.where(given == PORT_DRAWN, sport, given)
    qps = Table(
        {
            "qp_id": np.arange(len(qps), dtype=np.int64),
            "src_endpoint": qps["src_endpoint"],
            "dst_endpoint": qps["dst_endpoint"],
            "src_qpn": numbers[0],
            "dst_qpn": numbers[1],
            "udp_sport": sport,
            "priority": qps["priority"],
        }
    )
    return qp_id, qps


def _ports(qps: Table, numbers: IntArray, how: SourcePortsSpec, seed: int) -> IntArray:
    """Source port of each queue pair, which are in order of their ends."""
    if how.by == "nic":
        drawn = udp_source_port(numbers[0], numbers[1])
        return PORT_MIN + (drawn - PORT_MIN) % how.values
    first, pair = group_rows([qps["src_endpoint"], qps["dst_endpoint"]])
    # Two NICs begin anywhere: all pairs' first ports must not be the same.
    start = stream(seed, "sport").integers(0, how.values, size=len(first))
    turn = start[pair] + np.arange(len(qps)) - first[pair]
    return np.asarray(PORT_MIN + turn % how.values, dtype=np.int64)


def udp_source_port(local_qpn: IntArray, remote_qpn: IntArray) -> IntArray:
    """RoCEv2 source port of a connection.

    Source: Linux, include/rdma/ib_verbs.h, ``rdma_calc_flow_label`` and
    ``rdma_flow_label_to_udp_sport`` (the latter is in rdma-core's verbs.h too).
    """
    v = local_qpn * remote_qpn
    v ^= v >> 20
    v ^= v >> 40
    label = v & 0xFFFFF
    return np.asarray(((label & 0x3FFF) ^ ((label & 0xFC000) >> 14)) | 0xC000, dtype=np.int64)
