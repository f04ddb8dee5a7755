# SPDX-License-Identifier: Apache-2.0
"""Counts that follow from the parameters of a Clos."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from emu.fabric import build_fabric
from emu.spec import ClosSpec, load_topology
from emu.spec.clos import Tier


def _clos(**changes: Any) -> ClosSpec:
    base: dict[str, Any] = {
        "leaves": 4,
        "spines": 2,
        "hosts_per_leaf": 4,
        "host_rate": "400G",
        "fabric_rate": "400G",
        "host_cable": "3m",
        "fabric_cable": "30m",
    }
    return ClosSpec.model_validate({**base, **changes})


@pytest.mark.parametrize(
    ("changes", "links"),
    [
        ({"oversubscription": 1.0}, 2),
        ({"oversubscription": 2.0}, 1),
        ({"oversubscription": 1.0, "host_rate": "200G"}, 1),
        ({"oversubscription": 1.0, "homing": "dual"}, 4),
        ({"oversubscription": 0.5}, 4),
        ({"parallel_links": 3}, 3),
        ({}, 1),
    ],
)
def test_links_per_spine(changes: dict[str, Any], links: int) -> None:
    assert _clos(**changes).links_per_spine == links


def test_oversubscription_that_does_not_divide_shows_its_arithmetic() -> None:
    with pytest.raises(ValidationError, match=r"1600G of hosts per leaf / \(3 x 2 spines x 400G\)"):
        _clos(oversubscription=3.0)


def test_a_pair_of_leaves_serves_twice_as_many_hosts() -> None:
    single, dual = _clos(), _clos(homing="dual")
    assert single.n_hosts == dual.n_hosts == 16
    assert (single.leaf_host_ports, dual.leaf_host_ports) == (4, 8)


def test_rail_groups() -> None:
    rail = _clos(
        placement="rail", hosts_per_leaf=None, hosts=16, nics_per_host=2, leaves=8, spines=4
    )
    assert (rail.rail_groups, rail.n_endpoints, rail.leaf_host_ports) == (4, 32, 4)


def test_8192_ports_take_64_port_switches_at_every_tier() -> None:
    clos = load_topology("clos3-8192x400G").clos
    assert clos is not None
    assert clos.n_endpoints == 8192
    assert clos.leaf_host_ports + clos.fabric_ports("leaf") == 64
    assert clos.fabric_ports("spine") == 64
    assert clos.fabric_ports("super_spine") == 64


def test_both_ends_of_the_super_spine_links_count_the_same() -> None:
    for name in ("clos3-8192x400G", "clos3-64x400G"):
        clos = load_topology(name).clos
        assert clos is not None
        from_spines = clos.n_spines * clos.supers_per_spine * clos.super_links
        assert from_spines == clos.super_spines * clos.fabric_ports("super_spine")


@given(
    leaves=st.integers(1, 12),
    spines=st.integers(1, 8),
    hosts=st.integers(1, 16),
    nics=st.integers(1, 4),
    homing=st.sampled_from(["single", "dual"]),
    placement=st.sampled_from(["rack", "rail"]),
    oversubscription=st.sampled_from([None, 0.5, 1.0, 1.5, 2.0, 4.0]),
)
def test_a_clos_that_is_accepted_has_whole_counts(
    leaves: int,
    spines: int,
    hosts: int,
    nics: int,
    homing: str,
    placement: str,
    oversubscription: float | None,
) -> None:
    where = {"hosts": hosts, "hosts_per_leaf": None} if placement == "rail" else {}
    try:
        clos = _clos(
            leaves=leaves,
            spines=spines,
            nics_per_host=nics,
            homing=homing,
            placement=placement,
            oversubscription=oversubscription,
            **where,
        )
    except ValidationError:
        return
    homes = 2 if homing == "dual" else 1
    if placement == "rail":
        assert clos.n_hosts % clos.rail_groups == 0
        assert clos.leaf_host_ports == clos.n_hosts // clos.rail_groups
    assert clos.leaf_host_ports * clos.n_leaves == clos.n_endpoints * homes
    if oversubscription is not None:
        up = clos.spines * clos.links_per_spine * clos.fabric_rate
        assert clos.leaf_host_bps == pytest.approx(oversubscription * up)
    assert ClosSpec.model_validate(clos.model_dump(mode="json")) == clos


@pytest.mark.parametrize("name", ["leaf-spine-32x400G-dual", "clos3-64x400G", "rail-16x8x400G"])
def test_the_fabric_has_the_ports_that_were_counted(name: str) -> None:
    """What is checked against buffers and chips is what is cabled."""
    topology = load_topology(name)
    assert topology.clos is not None
    fabric = build_fabric(topology)
    tiers: tuple[Tier, ...] = ("leaf", "spine", "super_spine")
    for tier in tiers:
        wanted = topology.clos.fabric_ports(tier)
        wanted += topology.clos.leaf_host_ports if tier == "leaf" else 0
        for node in fabric.nodes:
            if node.kind == tier:
                assert len(fabric.ports_of(node.id)) == wanted
