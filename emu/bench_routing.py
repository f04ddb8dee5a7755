# SPDX-License-Identifier: Apache-2.0
"""What routing policies cost: the same permutation under each, over what it takes with ECMP.

Seconds per packet-hop are the price of a policy's decisions. Packet-hops are a price too: where
packets overtake each other, receivers acknowledge more often.
"""

from __future__ import annotations

from typing import Any

from emu.bench import POLICY_CASES, measure

__all__ = ["CASE", "measure_routing"]

CASE = "routing"
ROUNDS = 2


def measure_routing(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Cost of every policy; each runs several times in turn, and the least counts.

    Returns
    -------
    list of dict
        policy, packet_hops, cpu_s, ns_per_packet_hop, and hops_over_ecmp and over_ecmp (shares
        of what ECMP takes with the same receivers, of the packet-hops and of the time for each).
    """
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for policy, case in POLICY_CASES.items():
            found = measure(case)
            if policy not in best or found["cpu_s"] < best[policy]["cpu_s"]:
                best[policy] = found
    ecmp = best["ecmp"]
    return [
        {
            "policy": policy,
            "packet_hops": found["packet_hops"],
            "cpu_s": found["cpu_s"],
            "ns_per_packet_hop": found["ns_per_packet_hop"],
            "hops_over_ecmp": found["packet_hops"] / ecmp["packet_hops"] - 1,
            "over_ecmp": found["ns_per_packet_hop"] / ecmp["ns_per_packet_hop"] - 1,
        }
        for policy, found in best.items()
    ]
