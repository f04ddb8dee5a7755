# SPDX-License-Identifier: Apache-2.0
"""TopologySpec: nodes, cables, rates and the profiles of the devices."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Literal, Self

from pydantic import model_validator

from emu.spec.base import Name, Spec, Text
from emu.spec.clos import ClosSpec, Tier
from emu.spec.explicit import ExplicitSpec
from emu.spec.hostset import pick_names
from emu.spec.located import At, at
from emu.spec.merge import deep_merge
from emu.spec.nic import ROCE_IP_BYTES, Nic
from emu.spec.switch import Switch, SwitchProfile, cable_of_delay_m
from emu.units import format_rate

ETHERNET_BYTES = 14 + 4
"""Header and FCS."""

Patterns = tuple[Name, ...]
Ports = Counter[tuple[int, float]]
"""(rate in bit/s, cable in m) to the number of such ports of one switch."""


class RolesSpec(Spec):
    """Which hosts prefill and which decode: names, globs or ranges such as h[0-15].

    Nothing given: the first half prefills, the second half decodes."""

    prefill: Patterns = ()
    decode: Patterns = ()

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.prefill) != bool(self.decode):
            missing = "decode" if self.prefill else "prefill"
            raise ValueError(f"{missing} has no hosts: give both roles, or neither")
        return self


def fill_tiers(switches: object) -> object:
    """The mapping of switches with every tier in it.

    A spine that is not given is like the leaf, a super-spine like the spine; what
    stands under ``all`` is laid over every tier.
    """
    if not isinstance(switches, dict):
        return switches
    filled = {key: value for key, value in switches.items() if key != "all"}
    for tier, below in (("spine", "leaf"), ("super_spine", "spine")):
        if tier not in filled and below in filled:
            filled[tier] = filled[below]
    common = switches.get("all")
    if common is not None:
        for tier in ("leaf", "spine", "super_spine"):
            if tier in filled:
                filled[tier] = deep_merge(filled[tier], common)
    return filled


def with_overrides(topology: object, overrides: object) -> object:
    """A topology's mapping with an experiment's overrides laid over it.

    Tiers are told apart first: an override of the leaf leaves the spine alone, also
    where the file says only ``leaf``.
    """
    if not isinstance(topology, dict) or not isinstance(overrides, dict):
        return topology
    topology = {**topology}
    if "switches" in topology and "switches" in overrides:
        topology["switches"] = fill_tiers(topology["switches"])
    return deep_merge(topology, overrides)


class SwitchesSpec(Spec):
    """Profile of each tier; a tier that is not given is like the spine, the spine like the leaf."""

    leaf: Switch
    spine: Switch
    super_spine: Switch
    all: Switch | None = None
    """Laid over every tier when the file is read, and none from then on."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: object) -> object:
        return fill_tiers(value)


class TopologySpec(Spec):
    """One fabric."""

    kind: Literal["topology"] = "topology"
    name: Name
    description: Text = ""
    clos: ClosSpec | None = None
    explicit: ExplicitSpec | None = None
    roles: RolesSpec = RolesSpec()
    switches: SwitchesSpec
    nic: Nic

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if (self.clos is None) == (self.explicit is None):
            given = "neither" if self.clos is None else "both"
            raise ValueError(f"{given} of clos and explicit are given: exactly one is wanted")
        return self

    @model_validator(mode="after")
    def _roles_name_hosts(self) -> Self:
        items = []
        for role in ("prefill", "decode"):
            for i, pattern in enumerate(getattr(self.roles, role)):
                try:
                    pick_names([pattern], self.host_names)
                except ValueError as error:
                    items.append((("roles", role, i), str(error)))
        if items:
            raise At(*items)
        decode = set(self.decode_hosts)
        both = [name for name in self.prefill_hosts if name in decode]
        if both:
            raise at("roles", f"{both[0]} is in both roles: a host prefills or decodes")
        if not self.prefill_hosts or not self.decode_hosts:
            raise ValueError("one host cannot both prefill and decode: at least two are wanted")
        return self

    @model_validator(mode="after")
    def _devices_fit(self) -> Self:
        items = []
        for tier, ports in self._ports().items():
            profile: SwitchProfile = getattr(self.switches, tier)
            for check in (_capacity_fault, self._headroom_fault, self._mtu_fault, _ecn_fault):
                message = check(tier, profile, ports)
                if message:
                    items.append((("switches", tier), message))
        if items:
            raise At(*items)
        return self

    @cached_property
    def host_names(self) -> tuple[str, ...]:
        """Names of all hosts; h0, h1, ... in a Clos."""
        if self.explicit is not None:
            return tuple(node.name for node in self.explicit.nodes if node.kind == "host")
        assert self.clos is not None
        return tuple(f"h{i}" for i in range(self.clos.n_hosts))

    @cached_property
    def prefill_hosts(self) -> tuple[str, ...]:
        """Hosts that prefill, in the order of ``host_names``."""
        if self.roles.prefill:
            return tuple(pick_names(self.roles.prefill, self.host_names))
        return self.host_names[: len(self.host_names) // 2]

    @cached_property
    def decode_hosts(self) -> tuple[str, ...]:
        """Hosts that decode, in the order of ``host_names``."""
        if self.roles.decode:
            return tuple(pick_names(self.roles.decode, self.host_names))
        return self.host_names[len(self.host_names) // 2 :]

    @property
    def n_endpoints(self) -> int:
        """NICs of the whole fabric."""
        if self.clos is not None:
            return self.clos.n_endpoints
        assert self.explicit is not None
        return sum(node.nics for node in self.explicit.nodes if node.kind == "host")

    @property
    def lossless_frame_bytes(self) -> int:
        """Largest lossless frame, room for a VXLAN tunnel header included."""
        return self.nic.mtu + ROCE_IP_BYTES + ETHERNET_BYTES + 50

    def _ports(self) -> dict[Tier, Ports]:
        """Per tier the ports of its fullest switch."""
        if self.clos is not None:
            return _clos_ports(self.clos)
        assert self.explicit is not None
        return _explicit_ports(self.explicit)

    def _mtu_fault(self, tier: Tier, profile: SwitchProfile, ports: Ports) -> str:
        packet = self.nic.mtu + ROCE_IP_BYTES
        if packet <= profile.mtu:
            return ""
        return (
            f"a packet of the NIC is {self.nic.mtu} + {ROCE_IP_BYTES} bytes of headers = "
            f"{packet} > mtu {profile.mtu} of the {tier}"
        )

    def _headroom_fault(self, tier: Tier, profile: SwitchProfile, ports: Ports) -> str:
        pfc, total, parts = profile.pfc, 0, []
        if not pfc.enabled:
            return ""
        classes = len(pfc.priorities)
        try:
            sizes = {port: profile.headroom_for(*port, self.lossless_frame_bytes) for port in ports}
        except ValueError as error:
            return str(error)
        if pfc.headroom_pool is not None:
            reserved = sum(ports.values()) * classes * pfc.reserved
            total = pfc.headroom_pool + reserved
            parts = [f"headroom_pool {pfc.headroom_pool} + reserved {reserved}"]
        else:
            for port, count in ports.items():
                each = sizes[port] + pfc.reserved
                total += count * classes * each
                parts.append(
                    f"{count} ports x {classes} priorities x ({sizes[port]} + {pfc.reserved})"
                )
        if total < profile.buffer:
            return ""
        return (
            f"headroom and reserved buffer of the {tier} do not fit: {' + '.join(parts)} = "
            f"{total} bytes, and {profile.name} has {profile.buffer}"
        )


def _ecn_fault(tier: Tier, profile: SwitchProfile, ports: Ports) -> str:
    """Ports without ECN thresholds."""
    if profile.ecn.enabled:
        try:
            for rate, _ in ports:
                profile.ecn_for(rate)
        except ValueError as error:
            return str(error)
    return ""


def _capacity_fault(tier: Tier, profile: SwitchProfile, ports: Ports) -> str:
    """More ports than the chip has."""
    used = sum(rate * count for (rate, _), count in ports.items())
    if profile.capacity is None or used <= profile.capacity:
        return ""
    kinds: Counter[int] = Counter()
    for (rate, _), count in ports.items():
        kinds[rate] += count
    parts = " + ".join(f"{count} x {format_rate(rate)}" for rate, count in kinds.items())
    return (
        f"the {tier} needs {parts} = {format_rate(used)}, and {profile.name} has "
        f"{format_rate(profile.capacity)}"
    )


def _clos_ports(clos: ClosSpec) -> dict[Tier, Ports]:
    def metres(cable: float | None, delay_ps: int | None) -> float:
        return cable if cable is not None else cable_of_delay_m(delay_ps or 0)

    host_m = metres(clos.host_cable, clos.host_delay)
    fabric_m = metres(clos.fabric_cable, clos.fabric_delay)
    tiers: tuple[Tier, ...] = ("leaf", "spine", "super_spine")
    ports = {
        tier: Counter({(clos.fabric_rate, fabric_m): clos.fabric_ports(tier)})
        for tier in tiers[: clos.tiers]
    }
    ports["leaf"][clos.host_rate, host_m] += clos.leaf_host_ports
    return ports


def _explicit_ports(explicit: ExplicitSpec) -> dict[Tier, Ports]:
    names: dict[str, Tier] = {"leaf": "leaf", "spine": "spine", "super-spine": "super_spine"}
    per_node: dict[str, Ports] = {}
    for link in explicit.links:
        metres = link.cable if link.cable is not None else cable_of_delay_m(link.delay or 0)
        for end in (link.a, link.b):
            per_node.setdefault(end, Counter())[link.rate, metres] += link.count
    fullest: dict[Tier, Ports] = {}
    for node in explicit.nodes:
        ports = per_node.get(node.name)
        if node.kind == "host" or ports is None:
            continue
        tier = names[node.kind]
        load = sum(rate * count for (rate, _), count in ports.items())
        known = fullest.get(tier, Counter())
        if load > sum(rate * count for (rate, _), count in known.items()):
            fullest[tier] = ports
    return fullest
