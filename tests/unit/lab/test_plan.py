# SPDX-License-Identifier: Apache-2.0
"""The plan: names that fit, addresses that do not clash, every port in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import InputError
from emu.fabric import build_fabric
from emu.lab.plan import INTERFACE_NAME_MAX, LabPlan, plan_lab
from emu.spec import load_topology

SMALL = ["lab-2x2x4", "leaf-spine-16x400G", "leaf-spine-16x100G", "two-rack-pd"]


def _plan(repository: Path, name: str, **more: bool) -> LabPlan:
    return plan_lab(build_fabric(load_topology(repository / "topologies" / f"{name}.yaml")), **more)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shared", [True, False])
def test_interfaces_are_unique_in_their_namespace_and_short_enough(
    repository: Path, name: str, shared: bool
) -> None:
    plan = _plan(repository, name, shared_switches=shared)
    places = [(port.namespace, port.interface) for port in plan.ports]
    assert len(set(places)) == len(places)
    assert max(len(port.interface) for port in plan.ports) <= INTERFACE_NAME_MAX
    assert len({port.mac for port in plan.ports}) == len(plan.ports)


@pytest.mark.parametrize("name", SMALL)
def test_every_endpoint_has_an_address_of_its_own_in_its_leafs_subnet(
    repository: Path, name: str
) -> None:
    plan = _plan(repository, name)
    assert len({address.ip for address in plan.addresses}) == plan.fabric.n_endpoints
    for address in plan.addresses:
        assert address.ip.startswith("198.18.")
        assert address.ip.rpartition(".")[0] == address.gateway.rpartition(".")[0]
        assert plan.peer(plan.ports[address.port]).node == address.leaf


def test_ports_agree_with_the_fabric(repository: Path) -> None:
    plan = _plan(repository, "leaf-spine-16x400G")
    for port in plan.ports:
        assert plan.ports[port.id] is port
        assert plan.peer(plan.peer(port)) is port
        assert plan.fabric.ports[port.id].index == (0 if port.interface == "eth0" else port.index)


def test_what_does_not_fit_is_refused_with_the_reason(repository: Path) -> None:
    with pytest.raises(InputError, match="a lab carries at most 128"):
        _plan(repository, "leaf-spine-1024x400G")
    with pytest.raises(InputError, match="NICs have one home in the lab"):
        _plan(repository, "leaf-spine-32x400G-dual")
