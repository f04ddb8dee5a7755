# SPDX-License-Identifier: Apache-2.0
"""Checks across the parts of an experiment, before any work starts.

Each gives the faults it found as (path within the experiment, message).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emu.spec.capture import HEADER_OVERHEADS
from emu.spec.fault import BlackHole, MtuMismatch, fault_names, fault_windows
from emu.spec.hostset import pick_names
from emu.spec.located import At
from emu.spec.routing import PER_PACKET
from emu.units import format_size, format_time

if TYPE_CHECKING:
    from emu.spec.experiment import ExperimentSpec

IP_HEADERS_BYTES = 20 + 8 + 12 + 16 + 4 + 4
"""Of the largest RoCEv2 packet: IP, UDP, BTH, RETH, immediate data, ICRC."""

Item = tuple[tuple[Any, ...], str]


def check_designs(spec: ExperimentSpec) -> Iterator[Item]:
    """Labels apart from each other, and tunnels that fit the fabric's MTU."""
    labels: dict[str, int] = {}
    for i, design in enumerate(spec.designs):
        if design.label in labels:
            yield (
                ("designs", i),
                f"design {labels[design.label]} has the label {design.label!r} too: "
                "give one of them another `label`",
            )
        labels.setdefault(design.label, i)
        yield from _check_mtu(spec, i)


def _check_mtu(spec: ExperimentSpec, i: int) -> Iterator[Item]:
    overhead = spec.designs[i].overhead_bytes
    if not overhead:
        return
    topology, ip_mtu = spec.topology, spec.topology.nic.ip_mtu
    tiers = ("leaf", "spine", "super_spine")
    fabric_mtu = min(getattr(topology.switches, tier).mtu for tier in tiers)
    if ip_mtu + overhead > fabric_mtu:
        yield (
            ("designs", i),
            f"{spec.designs[i].label}: NIC ip_mtu {ip_mtu} + {overhead} bytes of VXLAN "
            f"(inner Ethernet 14, IP 20, UDP 8, VXLAN 8) = {ip_mtu + overhead} > fabric mtu "
            f"{fabric_mtu}: VTEPs must not fragment, so lower nic.ip_mtu to "
            f"{fabric_mtu - overhead} or raise the switches' mtu",
        )


def check_faults(spec: ExperimentSpec) -> Iterator[Item]:
    """Names, order and times of faults."""
    try:
        names = fault_names(spec.faults)
        windows = fault_windows(spec.faults)
    except At as error:
        yield from ((("faults", *path), message) for path, message in error.items)
        return
    for i, (name, window) in enumerate(zip(names, windows, strict=True)):
        if spec.stop.at is not None and window.start_ps >= spec.stop.at:
            yield (
                ("faults", i),
                f"{name} begins at {format_time(window.start_ps)} and the run stops at "
                f"{format_time(spec.stop.at)}: it would never happen",
            )
        if isinstance(window.fault, MtuMismatch):
            # Outer and inner headers, RETH, immediate data and ICRC around the payload.
            largest = spec.topology.nic.mtu + IP_HEADERS_BYTES
            largest += max(design.overhead_bytes for design in spec.designs)
            if window.fault.mtu >= largest:
                yield (
                    ("faults", i, "mtu"),
                    f"mtu is {window.fault.mtu} bytes and no IP packet here has more than "
                    f"{largest}: nothing would be discarded",
                )
        if isinstance(window.fault, BlackHole):
            try:
                pick_names(window.fault.to, spec.topology.host_names)
            except ValueError as error:
                yield ("faults", i, "to"), str(error)


def _check_captures(spec: ExperimentSpec) -> Iterator[Item]:
    """Windows within the run, and tunnels whose bytes are headers."""
    for i, capture in enumerate(spec.record.captures):
        if spec.stop.at is not None and capture.start >= spec.stop.at:
            yield (
                ("record", "captures", i, "start"),
                f"start is {format_time(capture.start)} and the run stops at "
                f"{format_time(spec.stop.at)}: nothing would be captured",
            )
    for i, design in enumerate(spec.designs if spec.record.captures else ()):
        if design.name == "evpn" and design.vxlan_overhead not in HEADER_OVERHEADS:
            yield (
                ("designs", i),
                f"{design.label}: vxlan_overhead is {design.vxlan_overhead} and captures show "
                "real headers: they have 50 bytes, or 54 with an 802.1Q tag",
            )


def _check_routing(spec: ExperimentSpec) -> Iterator[Item]:
    """Packets that overtake each other need NICs that bear it, or somebody who knows."""
    routing, receiver = spec.routing, spec.transport.receiver
    go_back_n = receiver == "go-back-n"
    if routing.policy in PER_PACKET and go_back_n and not routing.accept_retransmissions:
        yield (
            ("routing", "policy"),
            f"{routing.policy} lets packets of a queue pair overtake each other, and go-back-N "
            "NICs send everything again from the first that is late: choose transport.receiver "
            "in-order or selective-repeat, or set routing.accept_retransmissions: true to see "
            "what that costs",
        )
    if routing.policy == "spray" and routing.spray.entropy == "feedback" and go_back_n:
        yield (
            ("routing", "spray", "entropy"),
            "feedback needs a receiver that tells of each arrival: choose transport.receiver "
            "in-order or selective-repeat",
        )
    if routing.policy != "ecmp" and spec.dialect.hash == "murmur3":
        yield (
            ("routing", "policy"),
            f"{routing.policy} and dialect.hash murmur3 exclude each other: that dialect "
            "picks next hops as another simulator's ECMP does",
        )
    if receiver == "in-order" and spec.transport.reorder_buffer < 2 * spec.topology.nic.mtu:
        yield (
            ("transport", "reorder_buffer"),
            f"reorder_buffer is {format_size(spec.transport.reorder_buffer)}: it has to hold two "
            f"packets of {spec.topology.nic.mtu} bytes at least",
        )


def check_rest(spec: ExperimentSpec) -> Iterator[Item]:
    """Seeds, cases, transport and background."""
    for i, seed in enumerate(spec.seeds):
        if seed in spec.seeds[:i]:
            yield ("seeds", i), f"seed {seed} is given twice: the same run would be done again"
    names = [case.name for case in spec.cases]
    for i, name in enumerate(names):
        if name in names[:i] or name == "base":
            reason = "means the product of matrix and designs" if name == "base" else "is taken"
            yield ("cases", i, "name"), f"the name {name!r} {reason}: choose another"
    if not spec.base and not spec.cases:
        yield ("base",), "base is false and there are no cases: nothing would be run"
    if spec.transport.cc == "dcqcn" and spec.cc is None:
        yield (
            ("transport", "cc"),
            f"cc is dcqcn and the NIC {spec.topology.nic.name} has no parameters for it: "
            "give transport.dcqcn",
        )
    yield from _check_routing(spec)
    yield from _check_captures(spec)
    hosts = len(spec.topology.host_names)
    for i, background in enumerate(spec.workload.background):
        for side in ("sources", "destinations"):
            try:
                pick_names(getattr(background, side), spec.topology.host_names)
            except ValueError as error:
                yield ("workload", "background", i, side), str(error)
        if background.pattern == "incast" and background.fan_in >= hosts:
            yield (
                ("workload", "background", i, "fan_in"),
                f"fan_in is {background.fan_in} and there are {hosts} hosts: an incast has at "
                f"most {hosts - 1} senders",
            )
