# SPDX-License-Identifier: Apache-2.0
"""A run written as the HPCC simulator's ``fct.txt``."""

from __future__ import annotations

import heapq
from collections import Counter
from pathlib import Path

from emu.errors import RunError
from emu.fabric.build import build_fabric
from emu.fabric.graph import Fabric
from emu.fabric.numbering import address, node_number
from emu.interop.hpcc.flows import FIRST_PORT, ORIGIN_PS
from emu.spec import ExperimentSpec
from emu.telemetry import Run

NS_PS = 1000
HEADER_BYTES = 48
"""What that simulator adds to each payload; its yardstick counts it, whatever was run."""


def export_fct(run: Path, out: Path) -> int:
    """Write the finished flows, in order of completion, in that simulator's eight columns.

    ``sip dip sport dport size start_ns fct_ns standalone_ns``, times cut off to
    nanoseconds. A flow ends when its sender has the last acknowledgement. A flow's node
    number is the digits at the end of its host's name.

    Returns
    -------
    int
        Flows written.

    Raises
    ------
    RunError
        When the run cannot be read or the file not be written.
    """
    given = Run(run)
    spec = ExperimentSpec.model_validate(given.meta["spec"])
    fabric = build_fabric(spec.topology)
    addresses = [address(node_number(fabric, e)) for e in fabric.endpoints]
    origin = ORIGIN_PS + int(given.meta["workload"].get("trace_origin_ps", 0))
    paths = _Paths(fabric, spec.topology.nic.mtu)
    ports: Counter[tuple[int, int]] = Counter()
    rows = []
    flows = given.flows.sort_values(["post_ps", "flow_id"])
    columns = ("flow_id", "src_endpoint", "dst_endpoint", "payload_bytes", "post_ps", "acked_ps")
    for number, src, dst, size, post, acked in zip(
        *(flows[name].tolist() for name in columns), strict=True
    ):
        sport = FIRST_PORT + ports[src, dst]
        ports[src, dst] += 1
        if acked < 0:
            continue
        text = (
            f"{addresses[src]:08x} {addresses[dst]:08x} {sport} {spec.dialect.hash_dport} {size} "
            f"{(origin + post) // NS_PS} {(acked - post) // NS_PS} "
            f"{paths.standalone_ns(src, dst, size)}"
        )
        rows.append((acked, number, text))
    rows.sort()
    try:
        out.write_text("".join(f"{text}\n" for *_, text in rows), encoding="ascii")
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror}") from None
    return len(rows)


class _Paths:
    """That simulator's yardstick: propagation both ways, one payload per link, then the
    flow at the slowest rate of the path with fewest links (``qp_finish`` in third.cc)."""

    def __init__(self, fabric: Fabric, mtu: int) -> None:
        self._fabric = fabric
        self._mtu = mtu
        self._from: dict[int, dict[int, tuple[int, int, int]]] = {}

    def standalone_ns(self, src: int, dst: int, size: int) -> int:
        """Integer nanoseconds of a flow alone."""
        delay, serialise, rate = self._reach(src)[dst]
        packets = -(-size // self._mtu)
        return 2 * delay + serialise + (size + HEADER_BYTES * packets) * 8 * 10**9 // rate

    def _reach(self, src: int) -> dict[int, tuple[int, int, int]]:
        if src in self._from:
            return self._from[src]
        fabric = self._fabric
        found = {src: (0, 0, 1 << 62)}
        queue = [(0, src)]
        while queue:
            hops, node = heapq.heappop(queue)
            if node != src and node < fabric.n_endpoints:
                continue
            delay, serialise, rate = found[node]
            for number in fabric.ports_of(node):
                peer = fabric.peer_node(number)
                if peer in found:
                    continue
                port = fabric.ports[number]
                found[peer] = (
                    delay + port.delay_ps // NS_PS,
                    serialise + self._mtu * 8 * 10**9 // port.rate_bps,
                    min(rate, port.rate_bps),
                )
                heapq.heappush(queue, (hops + 1, peer))
        self._from[src] = found
        return found
