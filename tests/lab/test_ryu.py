# SPDX-License-Identifier: Apache-2.0
"""The same apps under Ryu 4.34, in its own venv."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emu.errors import RunError
from emu.lab.controller import runtime_python
from emu.lab.faults import apply_fault
from emu.lab.reach import unreachable_pairs
from tests.lab.conftest import REQUIRED
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


VARIANTS = [
    ("l3", "controller"),
    ("l3", "adaptive"),
    ("stretched-l2/mlag", "controller"),
    ("evpn/l2vni", "controller"),
]


@pytest.fixture(scope="module", params=VARIANTS, ids="-".join)
def lab(start_lab: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    try:
        runtime_python("ryu")
    except RunError as error:
        if REQUIRED:
            pytest.fail(f"{error}, and EMU_LAB_REQUIRED is set")
        pytest.skip(str(error).splitlines()[0])
    design, control = request.param
    return start_lab(design, control, runtime="ryu")


def test_the_app_runs_under_ryu_as_under_os_ken(lab: Any) -> None:
    assert lab.controller.get("/topology")["runtime"] == "ryu"
    assert unreachable_pairs(lab) == []
    assert min(spread(lab, "h0", "h2", UPLINKS)) >= 10
    apply_fault(lab, "link down leaf1-spine0")
    assert wait_until(lambda: spread(lab, "h0", "h2", UPLINKS)[0] == 0)
    assert wait_until(lambda: not unreachable_pairs(lab))
