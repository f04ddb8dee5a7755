# SPDX-License-Identifier: Apache-2.0
"""Small fabrics for the tests of the designs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emu.fabric.build import build_fabric
from emu.fabric.graph import Fabric
from emu.spec.topology import TopologySpec

MakeClos = Callable[..., Fabric]

SWITCHES = {"leaf": "tomahawk4"}


def clos_spec(**clos: Any) -> TopologySpec:
    """A Clos with short defaults; every parameter can be overridden."""
    given = {
        "leaves": 4,
        "spines": 2,
        "host_rate": "400G",
        "fabric_rate": "400G",
        "host_cable": "3m",
        "fabric_cable": "30m",
        **clos,
    }
    if given.get("placement") != "rail":
        given.setdefault("hosts_per_leaf", 2)
    return TopologySpec.model_validate(
        {"name": "test", "clos": given, "switches": SWITCHES, "nic": "connectx7"}
    )


@pytest.fixture(scope="session")
def make_clos() -> MakeClos:
    """Builds a small Clos from the parameters that differ from the default."""
    return lambda **clos: build_fabric(clos_spec(**clos))
