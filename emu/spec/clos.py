# SPDX-License-Identifier: Apache-2.0
"""ClosSpec: a fabric by its parameters."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Float, Int, Spec
from emu.spec.located import at
from emu.units import Length, Rate, Time, format_rate

HOSTS_MAX = 65_000
"""Endpoints are numbered in 16 bits beside the reserved values."""

Tier = Literal["leaf", "spine", "super_spine"]


class ClosSpec(Spec):
    """A leaf-spine (2 tiers) or a Clos with super-spines (3 tiers)."""

    tiers: Literal[2, 3] = 2
    leaves: Annotated[Int, Field(ge=1, le=8192)]
    """Leaves; per pod when there are 3 tiers."""
    spines: Annotated[Int, Field(ge=1, le=1024)]
    """Spines; per pod when there are 3 tiers."""
    pods: Annotated[Int, Field(ge=1, le=1024)] = 1
    super_spines: Annotated[Int, Field(ge=0, le=4096)] = 0
    planes: Annotated[Int, Field(ge=1, le=1024)] = 1
    """Spine i of each pod reaches only the super-spines of plane i mod planes;
    super-spine j is in plane j mod planes."""
    super_links: Annotated[Int, Field(ge=1, le=256)] = 1
    """Links between a spine and each super-spine of its plane."""
    hosts_per_leaf: Annotated[Int, Field(ge=1, le=1024)] | None = None
    """Rack placement: hosts per leaf. With two homes a pair of leaves serves twice as many."""
    hosts: Annotated[Int, Field(ge=1, le=HOSTS_MAX)] | None = None
    """Rail placement: hosts in all."""
    nics_per_host: Annotated[Int, Field(ge=1, le=64)] = 1
    placement: Literal["rack", "rail"] = "rack"
    """rack: all NICs of a host at its leaf; rail: NIC i at leaf i of the host's group."""
    homing: Literal["single", "dual"] = "single"
    """dual: each NIC has a port to either leaf of a pair (leaf 2k and 2k+1)."""
    host_rate: Annotated[Rate, Field(gt=0)]
    fabric_rate: Annotated[Rate, Field(gt=0)]
    parallel_links: Annotated[Int, Field(ge=1, le=256)] | None = None
    """Links between each leaf and each spine."""
    oversubscription: Annotated[Float, Field(gt=0, le=64)] | None = None
    """Host bandwidth of a leaf / its uplink bandwidth: gives parallel_links."""
    host_cable: Length | None = None
    host_delay: Time | None = None
    fabric_cable: Length | None = None
    fabric_delay: Time | None = None
    peer_links: Annotated[Int, Field(ge=0, le=64)] = 0
    """Links inside each pair of leaves and each pair of spines."""

    @model_validator(mode="after")
    def _tiers(self) -> Self:
        if self.tiers == 2 and (self.pods, self.super_spines) != (1, 0):
            raise at(
                "super_spines",
                f"pods is {self.pods} and super_spines {self.super_spines}: "
                "they belong to tiers: 3",
            )
        if self.tiers == 3 and self.super_spines == 0:
            raise at(
                "super_spines", "tiers is 3 and super_spines 0: give super_spines, or tiers: 2"
            )
        for name, count in (("spines", self.spines), ("super_spines", self.super_spines)):
            if self.planes > 1 and count % self.planes:
                raise at("planes", f"planes is {self.planes}: it does not divide {name} {count}")
        if self.tiers == 2 and (self.planes, self.super_links) != (1, 1):
            raise at("planes", "planes and super_links belong to tiers: 3")
        return self

    @model_validator(mode="after")
    def _cables(self) -> Self:
        for kind, cable, delay in (
            ("host", self.host_cable, self.host_delay),
            ("fabric", self.fabric_cable, self.fabric_delay),
        ):
            if (cable is None) == (delay is None):
                given = "neither" if cable is None else "both"
                raise ValueError(
                    f"{given} of {kind}_cable and {kind}_delay are given: exactly one is wanted"
                )
        return self

    @model_validator(mode="after")
    def _hosts(self) -> Self:
        if self.placement == "rack":
            if self.hosts_per_leaf is None or self.hosts is not None:
                raise at("placement", "placement rack takes hosts_per_leaf, and not hosts")
        elif self.hosts is None or self.hosts_per_leaf is not None:
            raise at("placement", "placement rail takes hosts (in all), and not hosts_per_leaf")
        if self.homing == "dual" and self.leaves % 2:
            raise at(
                "homing",
                f"homing is dual and leaves {self.leaves}: leaves come in pairs, "
                "their number must be even",
            )
        if self.placement == "rail":
            self._check_rails()
        if self.peer_links and self.leaves % 2:
            raise at(
                "peer_links",
                f"peer_links is {self.peer_links} and leaves {self.leaves}: leaves come in pairs, "
                "their number must be even",
            )
        if self.n_endpoints > HOSTS_MAX:
            raise ValueError(
                f"{self.n_hosts} hosts x {self.nics_per_host} NICs = {self.n_endpoints} NICs: "
                f"at most {HOSTS_MAX} can be addressed"
            )
        return self

    def _check_rails(self) -> None:
        wanted = self.nics_per_host * (2 if self.homing == "dual" else 1)
        if self.leaves % wanted:
            per_nic = "two leaves" if self.homing == "dual" else "one leaf"
            raise at(
                "leaves",
                f"rail placement takes {per_nic} per NIC of a host: leaves {self.leaves} is "
                f"not a multiple of {wanted}",
            )
        if self.n_hosts % self.rail_groups:
            raise at(
                "hosts",
                f"hosts {self.n_hosts} do not divide into {self.rail_groups} groups of "
                f"{wanted} leaves",
            )

    @model_validator(mode="after")
    def _uplinks(self) -> Self:
        if self.parallel_links is not None and self.oversubscription is not None:
            raise at(
                "oversubscription",
                "both of parallel_links and oversubscription are given: one gives the other",
            )
        if self.oversubscription is not None:
            wanted = self.leaf_host_bps / (self.oversubscription * self.spines * self.fabric_rate)
            if wanted < 1 or abs(wanted - round(wanted)) > 1e-9:
                raise at(
                    "oversubscription",
                    f"oversubscription {self.oversubscription:g} does not divide: "
                    f"{format_rate(self.leaf_host_bps)} of hosts per leaf / "
                    f"({self.oversubscription:g} x {self.spines} spines x "
                    f"{format_rate(self.fabric_rate)}) = {wanted:g} links per spine, "
                    "which must be a whole number of 1 or more",
                )
        return self

    @property
    def n_leaves(self) -> int:
        """Leaves of the whole fabric."""
        return self.leaves * self.pods

    @property
    def n_spines(self) -> int:
        """Spines of the whole fabric, super-spines not counted."""
        return self.spines * self.pods

    @property
    def n_hosts(self) -> int:
        """Hosts of the whole fabric."""
        return self.hosts if self.hosts is not None else self.n_leaves * (self.hosts_per_leaf or 0)

    @property
    def n_endpoints(self) -> int:
        """NICs of the whole fabric."""
        return self.n_hosts * self.nics_per_host

    @property
    def rail_groups(self) -> int:
        """Groups of leaves between which hosts are divided (rail placement)."""
        return self.n_leaves // (self.nics_per_host * (2 if self.homing == "dual" else 1))

    @property
    def leaf_host_ports(self) -> int:
        """Ports towards hosts of the fullest leaf."""
        homes = 2 if self.homing == "dual" else 1
        return math.ceil(self.n_endpoints * homes / self.n_leaves)

    @property
    def leaf_host_bps(self) -> int:
        """Bandwidth towards hosts of one leaf."""
        return self.leaf_host_ports * self.host_rate

    @property
    def links_per_spine(self) -> int:
        """Links between each leaf and each spine, given or computed."""
        if self.oversubscription is not None:
            return round(
                self.leaf_host_bps / (self.oversubscription * self.spines * self.fabric_rate)
            )
        return self.parallel_links or 1

    @property
    def supers_per_spine(self) -> int:
        """Super-spines that each spine reaches."""
        return self.super_spines // self.planes

    def fabric_ports(self, tier: Tier) -> int:
        """Ports of one switch of a tier that do not lead to hosts."""
        spine_up = self.supers_per_spine * self.super_links
        return {
            "leaf": self.spines * self.links_per_spine + self.peer_links,
            "spine": self.leaves * self.links_per_spine + spine_up + self.peer_links,
            "super_spine": self.n_spines // self.planes * self.super_links,
        }[tier]
