# SPDX-License-Identifier: Apache-2.0
"""Shipped profiles and topologies: they load, and every number has its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emu.spec import (
    DcqcnParams,
    NicProfile,
    SwitchProfile,
    TopologySpec,
    load_topology,
    preset_names,
)
from emu.spec.preset import expander, preset

MODELS: dict[str, type[SwitchProfile] | type[NicProfile] | type[DcqcnParams]] = {
    "switch": SwitchProfile,
    "nic": NicProfile,
    "dcqcn": DcqcnParams,
}
PROFILES = [(kind, name) for kind in MODELS for name in preset_names(kind)]
TOPOLOGIES = sorted(path.stem for path in (Path(__file__).parents[3] / "topologies").glob("*.yaml"))
NOT_NUMBERS = {"name", "description", "sources", "enabled", "priorities", "forwarding"}


@pytest.mark.parametrize(("kind", "name"), PROFILES)
def test_a_preset_is_a_whole_profile(kind: str, name: str) -> None:
    profile = MODELS[kind].model_validate(preset(kind, name))
    assert profile.name == name


def _numbers(data: dict[str, Any], prefix: str = "") -> list[str]:
    paths = []
    for key, value in data.items():
        if key in NOT_NUMBERS or value is None:
            continue
        path = f"{prefix}{key}"
        nested = isinstance(value, dict) and key in ("pfc", "lossy", "formula")
        paths += _numbers(value, f"{path}.") if nested else [path]
    return paths


@pytest.mark.parametrize(("kind", "name"), PROFILES)
def test_every_source_is_of_a_field_that_exists(kind: str, name: str) -> None:
    profile = MODELS[kind].model_validate(preset(kind, name))
    for path, source in profile.sources.items():
        node: Any = profile
        for key in path.split("."):
            assert hasattr(node, key), path
            node = getattr(node, key)
        assert len(source) >= 10


@pytest.mark.parametrize("name", [n for n in preset_names("switch") if n != "hpcc-ns3"])
def test_every_number_of_a_switch_has_a_source(name: str) -> None:
    data = preset("switch", name)
    sourced = set(data["sources"])
    missing = [p for p in _numbers(data) if p not in sourced and p != "lossy.reserved"]
    assert missing == []


@pytest.mark.parametrize("name", preset_names("dcqcn"))
def test_every_number_of_dcqcn_has_a_source(name: str) -> None:
    data = preset("dcqcn", name)
    missing = set(_numbers(data)) - set(data["sources"]) - {
        "clamp_target_rate",
        "clamp_after_increase",
    }  # fmt: skip
    assert missing == set()


def test_chips_have_the_buffers_of_their_data_sheets() -> None:
    sizes = {
        "tomahawk3": 66_394_076,
        "tomahawk4": 113_620_296,
        "tomahawk5": 164_624_512,
        "spectrum3": 60_817_392,
        "spectrum4": 158_229_504,
        "hpcc-ns3": 32 * 2**20,
    }
    for name, size in sizes.items():
        assert SwitchProfile.model_validate(preset("switch", name)).buffer == size


def test_dcqcn_presets_differ_as_published() -> None:
    vendor, paper, hpcc = (
        DcqcnParams.model_validate(preset("dcqcn", name)) for name in ("vendor", "paper", "hpcc")
    )
    assert (vendor.g, paper.g, hpcc.g) == (5 / 1024, 1 / 256, 1 / 256)
    assert (vendor.increase_timer, paper.increase_timer) == (300_000_000, 55_000_000)
    assert (hpcc.increase_timer, hpcc.byte_counter) == (900_000_000, 0)
    assert (vendor.cnp_interval, paper.cnp_interval) == (4_000_000, 50_000_000)


def test_a_base_is_changed_only_where_it_is_named() -> None:
    expand = expander("switch")
    changed = SwitchProfile.model_validate(expand({"base": "tomahawk4", "pfc": {"alpha": 0.5}}))
    plain = SwitchProfile.model_validate(expand("tomahawk4"))
    assert changed.pfc.alpha == 0.5
    assert changed.pfc.model_copy(update={"alpha": plain.pfc.alpha}) == plain.pfc
    assert changed.name == "tomahawk4 (changed)"


def test_a_preset_can_be_changed_without_changing_the_next_one() -> None:
    first = preset("switch", "tomahawk4")
    first["pfc"]["alpha"] = 99
    assert preset("switch", "tomahawk4")["pfc"]["alpha"] != 99


def test_the_sizes_that_are_promised_are_there() -> None:
    ports = {load_topology(name).n_endpoints for name in TOPOLOGIES}
    assert ports >= {16, 64, 128, 1024, 8192}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_shipped_topology_loads_and_is_named_like_its_file(name: str) -> None:
    topology = load_topology(name)
    assert topology.name == name
    assert len(topology.description) > 30
    assert set(topology.prefill_hosts) | set(topology.decode_hosts) == set(topology.host_names)


# The first says so in its name; the second is the smallest with an incast of 8, for the lab.
OVERSUBSCRIBED = {"leaf-spine-64x400G-2to1", "lab-2x2x10"}


@pytest.mark.parametrize("name", [n for n in TOPOLOGIES if n not in OVERSUBSCRIBED])
def test_a_shipped_clos_is_not_oversubscribed(name: str) -> None:
    clos = load_topology(name).clos
    if clos is None:
        pytest.skip("explicit")
    up = clos.spines * clos.links_per_spine * clos.fabric_rate
    assert up == clos.leaf_host_bps
    if clos.tiers == 3:
        assert clos.supers_per_spine * clos.super_links == clos.leaves * clos.links_per_spine


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_topology_can_be_dumped_and_read_again(name: str) -> None:
    topology = load_topology(name)
    if topology.n_endpoints > 2000:
        pytest.skip("the same code as the small ones")
    again = TopologySpec.model_validate(topology.model_dump(mode="json"))
    assert again.model_dump() == topology.model_dump()
