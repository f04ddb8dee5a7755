# SPDX-License-Identifier: Apache-2.0
"""Traffic that is not KV transfers: messages of one size at Poisson times.

``load`` is the mean share of all endpoints' ingress rate, headers included.

- ``uniform``: each message has its own random source and destination, among the hosts
  that are named where some are; or every pair of them sends periodically.
- ``incast``: ``fan_in`` random sources send to one random destination at once.
- ``all-to-all``: in a random group of ``fan_in`` endpoints everybody sends to everybody
  else at once, as expert parallelism does.
"""

from __future__ import annotations

import numpy as np

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec import BackgroundSpec, pick_names
from emu.workload.messages import MESSAGES_MAX
from emu.workload.scaling import ingress_bps
from emu.workload.seeds import stream
from emu.workload.table import Table
from emu.workload.trace import PS_PER_S, IntArray
from emu.workload.wire import wire_bytes

# Endpoints drawn at a time; bounds the memory of the draw.
_DRAW_CELLS = 4_000_000


def background_flows(
    specs: tuple[BackgroundSpec, ...], fabric: Fabric, stop_ps: int, seed: int
) -> list[Table]:
    """One table per entry; an entry without its own stop ends at ``stop_ps``.

    Raises
    ------
    SpecError
        When the fabric has too few endpoints, or there would be too many messages.
    """
    tables = [_flows(spec, number, fabric, stop_ps, seed) for number, spec in enumerate(specs)]
    for number, (spec, table) in enumerate(zip(specs, tables, strict=True)):
        if spec.queue_pairs == "per-message":
            # Lanes of entry n are -1 - n, and so on in steps of the number of entries.
            steps = len(specs) * (1 + np.arange(len(table), dtype=np.int64))
            tables[number] = table.having(lane=table["lane"] - steps)
    return tables


def _flows(spec: BackgroundSpec, number: int, fabric: Fabric, stop_ps: int, seed: int) -> Table:
    if spec.sources or spec.destinations or spec.spacing == "periodic":
        return _between(spec, number, fabric, stop_ps, seed)
    endpoints = fabric.n_endpoints
    members = {"uniform": 2, "incast": spec.fan_in + 1, "all-to-all": spec.fan_in}[spec.pattern]
    if not 2 <= members <= endpoints:
        raise _fault(
            number,
            f"{spec.pattern} with fan_in {spec.fan_in} takes {members} endpoints",
            f"2 to {endpoints}, the endpoints of this fabric",
        )
    per_event = members * (members - 1) if spec.pattern == "all-to-all" else members - 1
    size = np.array([spec.size], dtype=np.int64)
    event_bits = int(wire_bytes(size, fabric.spec.nic.mtu)[0]) * per_event * 8
    rate = spec.load * ingress_bps(fabric, np.arange(endpoints)) / event_bits
    window = max((stop_ps if spec.stop is None else spec.stop) - spec.start, 0)
    mean = rate * window / PS_PER_S
    if mean * per_event > MESSAGES_MAX:
        raise _fault(
            number,
            f"about {mean * per_event:,.0f} messages; at most {MESSAGES_MAX:,} fit",
            "lower load, raise size, or set stop",
        )
    rng = stream(seed, f"background {number}")
    times = np.sort(rng.integers(0, max(window, 1), size=rng.poisson(mean))) + spec.start
    chosen = _distinct(rng, len(times), members, endpoints)
    if spec.pattern == "all-to-all":
        src, dst = np.nonzero(~np.eye(members, dtype=bool))
    else:
        src, dst = np.arange(1, members), np.zeros(members - 1, dtype=np.int64)
    return Table(
        {
            "transfer_id": np.int64(-1),
            "src_endpoint": chosen[:, src].ravel(),
            "dst_endpoint": chosen[:, dst].ravel(),
            # Below 0: never a queue pair of a transfer.
            "lane": np.int64(-1 - number),
            "payload_bytes": np.int64(spec.size),
            "post_ps": np.repeat(times, per_event),
            "verb": "write",
            "priority": np.int64(spec.priority),
        }
    )


def _between(spec: BackgroundSpec, number: int, fabric: Fabric, stop_ps: int, seed: int) -> Table:
    """Messages from chosen hosts to chosen hosts."""
    sides = [_endpoints_of(names, fabric) for names in (spec.sources, spec.destinations)]
    pairs = np.array([(s, d) for s in sides[0] for d in sides[1] if s != d], dtype=np.int64)
    if len(pairs) == 0:
        raise _fault(number, "sources and destinations are one host", "name another host")
    size = np.array([spec.size], dtype=np.int64)
    bits = int(wire_bytes(size, fabric.spec.nic.mtu)[0]) * 8
    rate = spec.load * ingress_bps(fabric, pairs[:, 1]) / bits
    window = max((stop_ps if spec.stop is None else spec.stop) - spec.start, 0)
    mean = rate * window / PS_PER_S
    if mean > MESSAGES_MAX:
        raise _fault(
            number,
            f"about {mean:,.0f} messages; at most {MESSAGES_MAX:,} fit",
            "lower load, raise size, or set stop",
        )
    rng = stream(seed, f"background {number}")
    if spec.spacing == "poisson":
        times = np.sort(rng.integers(0, max(window, 1), size=rng.poisson(mean)))
        chosen = pairs[rng.integers(0, len(pairs), size=len(times))]
    else:
        interval = len(pairs) * PS_PER_S / rate
        phases = rng.random(len(pairs)) * interval
        each = [np.arange(phase, window, interval) for phase in phases]
        chosen = np.repeat(pairs, [len(times) for times in each], axis=0)
        times = np.concatenate(each).astype(np.int64)
    return Table(
        {
            "transfer_id": np.int64(-1),
            "src_endpoint": chosen[:, 0],
            "dst_endpoint": chosen[:, 1],
            "lane": np.int64(-1 - number),
            "payload_bytes": np.int64(spec.size),
            "post_ps": times + spec.start,
            "verb": "write",
            "priority": np.int64(spec.priority),
        }
    )


def _endpoints_of(patterns: tuple[str, ...], fabric: Fabric) -> list[int]:
    """Endpoints of the hosts that the patterns name, of all hosts without patterns."""
    names = [host.name for host in fabric.hosts]
    chosen = set(pick_names(patterns, names)) if patterns else set(names)
    return [nic for host in fabric.hosts if host.name in chosen for nic in host.nics]


def _distinct(rng: np.random.Generator, events: int, members: int, endpoints: int) -> IntArray:
    """``members`` different endpoints per event."""
    rows = max(_DRAW_CELLS // endpoints, 1)
    parts = [
        np.argsort(rng.random((min(rows, events - begin), endpoints)), axis=1)[:, :members]
        for begin in range(0, events, rows)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, members), dtype=np.int64)


def _fault(number: int, message: str, hint: str) -> SpecError:
    field = f"workload.background[{number}]"
    return SpecError([Fault(field=field, message=message, hint=hint)])
