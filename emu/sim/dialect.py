# SPDX-License-Identifier: Apache-2.0
"""Tells the engine to follow another simulator's model where the experiment says so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emu.core import _core
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.fabric.numbering import address, node_number
from emu.spec import DialectSpec
from emu.workload.table import Table


def set_dialect(engine: _core.Engine, dialect: DialectSpec) -> None:
    """Frames, time and pauses; before links are made."""
    if dialect.framing is not None:
        framing = dialect.framing
        engine.set_framing(
            header_bytes=framing.header,
            ack_bytes=framing.ack,
            cnp_bytes=framing.cnp,
            pfc_bytes=framing.pfc,
            gap_bytes=framing.gap,
        )
    engine.set_time_grain(dialect.time_grain)
    engine.set_pauses_hold(dialect.pauses == "hold")
    engine.set_turns_by_due(dialect.turns == "due")


def switch_hash_seeds(
    fabric: Fabric, plan: ForwardingPlan, dialect: DialectSpec
) -> npt.NDArray[np.uint32]:
    """Hash seed per switch row: the plan's, or the node numbers."""
    if dialect.hash != "murmur3":
        return plan.hash_seed
    return np.array([node_number(fabric, node) for node in fabric.switches], dtype=np.uint32)


def hash_words(fabric: Fabric, qps: Table, dialect: DialectSpec) -> npt.NDArray[np.uint32]:
    """What switches hash: addresses and both ports, per queue pair there and back."""
    numbers = [address(node_number(fabric, e)) for e in fabric.endpoints]
    addresses = np.array(numbers, dtype=np.uint32)
    src = addresses[qps["src_endpoint"]]
    dst = addresses[qps["dst_endpoint"]]
    sport = qps["udp_sport"].astype(np.uint32)
    dport = np.uint32(dialect.hash_dport)
    there = sport | dport << np.uint32(16)
    back = dport | sport << np.uint32(16)
    return np.stack([src, dst, there, dst, src, back], axis=1).ravel()
