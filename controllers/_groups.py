# SPDX-License-Identifier: Apache-2.0
"""Select groups whose hash sees the 5-tuple, UDP ports included.

What OpenFlow 1.3 says of a select group is its buckets; the hash is the switch's own. Open
vSwitch 3.1 hashes addresses and, of TCP and SCTP only, ports: all RoCEv2 between two hosts
would take one uplink. Asking it for another hash takes OpenFlow 1.5. But it has two hashes:

- one in its datapath, used where the weights of a group fit into 256 slots;
- an older one, used otherwise, which takes the MACs too (``flow_hash_symmetric_l4``), and which
  keeps flows in place when a bucket comes or goes (rendezvous hashing).

So a group gets a last bucket of a tiny weight that is never alive, and before the group the
source MAC, which the bucket is about to rewrite anyway, carries what the hash is to see: the UDP
ports in the low 32 bits, and above them a number of the switch's own, so that the tiers do not
repeat each other's choice. A switch that hashes ports by itself is not disturbed by either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WEIGHT = 1000
"""Of a real bucket: 256 slots cannot hold 1000 to 1."""
NO_PORT = 0xFEFF
"""A port number that is allowed and that no switch has."""


@dataclass(frozen=True)
class Bucket:
    """Actions, and the port without which they are not taken."""

    watch_port: int
    actions: tuple[Any, ...]


def hash_seed(parser: Any, dpid: int) -> list[Any]:
    """Actions for every routed packet: the switch's own number into the source MAC."""
    number = dpid * 40503 & 0xFFFF
    return [parser.OFPActionSetField(eth_src=f"{number >> 8:02x}:{number & 255:02x}:00:00:00:00")]


def hash_ports(parser: Any) -> list[Any]:
    """Actions for UDP after ``hash_seed``: both ports into the source MAC."""
    return [
        parser.NXActionRegMove("udp_src", "eth_src", n_bits=16, src_ofs=0, dst_ofs=0),
        parser.NXActionRegMove("udp_dst", "eth_src", n_bits=16, src_ofs=0, dst_ofs=16),
    ]


def hash_mark(parser: Any) -> list[Any]:
    """Actions for tunnel packets after ``hash_seed``: their mark into the source MAC."""
    return [parser.NXActionRegMove("pkt_mark", "eth_src", n_bits=16, src_ofs=0, dst_ofs=0)]


def keep_source(parser: Any) -> list[Any]:
    """Actions before ``hash_seed`` where the packet is bridged and keeps its source MAC."""
    return [
        parser.NXActionRegMove("eth_src", "reg1", n_bits=32, src_ofs=0, dst_ofs=0),
        parser.NXActionRegMove("eth_src", "reg2", n_bits=16, src_ofs=32, dst_ofs=0),
    ]


def restore_source(parser: Any) -> list[Any]:
    """Actions of such a packet's bucket: the source MAC as it was."""
    return [
        parser.NXActionRegMove("reg1", "eth_src", n_bits=32, src_ofs=0, dst_ofs=0),
        parser.NXActionRegMove("reg2", "eth_src", n_bits=16, src_ofs=0, dst_ofs=32),
    ]


def select_group(datapath: Any, group: int, buckets: Sequence[Bucket], *, new: bool) -> Any:
    """The message that adds or changes a select group."""
    proto, parser = datapath.ofproto, datapath.ofproto_parser
    made = [
        parser.OFPBucket(WEIGHT, bucket.watch_port, proto.OFPG_ANY, list(bucket.actions))
        for bucket in buckets
    ]
    made.append(parser.OFPBucket(1, NO_PORT, proto.OFPG_ANY, []))
    command = proto.OFPGC_ADD if new else proto.OFPGC_MODIFY
    return parser.OFPGroupMod(datapath, command, proto.OFPGT_SELECT, group, made)
