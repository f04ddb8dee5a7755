# SPDX-License-Identifier: Apache-2.0
"""Definitions shown on hover, focus or tap, and listed at the end of the page."""

from __future__ import annotations

from typing import Final

__all__ = ["TERMS"]

TERMS: Final[dict[str, tuple[str, str]]] = {
    "slowdown": (
        "Slowdown",
        "Time a transfer took, divided by the time it takes alone on an empty fabric of the same "
        "physical links with the header sizes of L3. 1 is ideal. Extra headers and blocked links "
        "therefore count as cost. Of a host with two ports one counts, as in the offered load: the "
        "second is there for the failure of the first, and a design that sends over both can be "
        "below 1. A transfer that failed or had not ended counts as infinite.",
    ),
    "transfer": (
        "Transfer",
        "The KV cache of one request on its way from the prefill to the decode workers. It is "
        "made of one flow or more per pair of ranks and ends with the slowest of them.",
    ),
    "percentile": (
        "P50, P99, P99.9",
        "Half, 99 % or 99.9 % of the transfers were at most this slow. An order statistic, "
        "never interpolated: with fewer than 1000 transfers P99.9 is their maximum.",
    ),
    "interval": (
        "Interval",
        "95 % confidence interval from a bootstrap that draws seeds and, within them, blocks of "
        "time: transfers that share queues are not independent. For counters kept once per run "
        "it is the smallest and the largest seed, and fewer than four seeds mark nothing: "
        "ranges of two seeds part by chance in one case of three.",
    ),
    "lost": (
        "Lost packets",
        "Packets dropped anywhere, per run: buffer overflow, dead links, missing routes, corrupt "
        "frames. Data and control packets alike.",
    ),
    "retransmitted": (
        "Sent again",
        "RDMA payload that senders had to send more than once (go-back-N resends all that "
        "follows a lost packet).",
    ),
    "pause": (
        "Paused",
        "Time for which a port was not allowed to send a priority because its peer had sent PFC "
        "frames, summed over all ports. SONiC: SAI_PORT_STAT_PFC_3_RX_PAUSE_DURATION_US.",
    ),
    "pause-spread": (
        "Ports paused",
        "Egress ports, host NICs included, that were paused at least once. Pauses start at the "
        "port before the full buffer and spread back towards the senders.",
    ),
    "goodput": (
        "Goodput",
        "Payload of finished transfers divided by the time from the first start to the last "
        "end. The draft calls it KV_BW.",
    ),
    "recovery": (
        "Caught up after",
        "Recovery time: from the fault until 95 % of the payload that it held back had been "
        "delivered. Held back is measured against the run with the same seed and no fault, where "
        "there is one. 0 if no dip can be told from noise, ∞ if the run ended first.",
    ),
    "loss-span": (
        "Loses packets for",
        "From the fault to the last packet lost in its wake: how long the fabric kept sending "
        "into a dead end.",
    ),
    "moves": (
        "Moves",
        "Whether another published value of an assumed time would change what any switch or host "
        "of these runs forwards, or when. Found by planning every run anew at both ends of the "
        "range. A time that moves nothing cannot decide an answer.",
    ),
    "jfi": (
        "JFI",
        "Jain's fairness index over the uplinks of a switch: 1 if all carry the same, 1/n if one "
        "of n carries everything. Blocked links count.",
    ),
    "ecmp": ("ECMP", "Equal-cost multi-path: a hash of the packet's 5-tuple picks the link."),
    "pfc": (
        "PFC",
        "Priority flow control (IEEE 802.1Qbb): a switch whose buffer fills tells its neighbour "
        "to stop sending one priority.",
    ),
    "ecn": (
        "ECN",
        "Explicit congestion notification: switches mark packets instead of dropping them and "
        "the receiver tells the sender (CNP) to slow down.",
    ),
    "ttft": (
        "TTFT",
        "Time to first token: from the arrival of the request. TTFT_fabric is the part of it "
        "spent waiting for the KV transfer.",
    ),
    "flooded": (
        "Flooded",
        "Copies a bridge sends to every port because it does not know where the destination is.",
    ),
    "blackholed": (
        "Black-holed",
        "Packets sent into a dead end before the fabric had reacted to a fault.",
    ),
    "header": ("Header bytes", "Bytes on the wires that are not payload."),
    "blocked": (
        "Blocked links",
        "Links that are cabled and carry no data under this design (spanning tree, standby).",
    ),
}
