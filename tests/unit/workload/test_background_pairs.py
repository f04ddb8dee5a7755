# SPDX-License-Identifier: Apache-2.0
"""Background between chosen hosts, at random and at constant intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from emu.fabric.build import build_fabric
from emu.spec import BackgroundSpec
from emu.workload.background import background_flows
from tests.golden.lab import MS, experiment


def _flows(**fields: object) -> pd.DataFrame:
    spec = BackgroundSpec.model_validate({"pattern": "uniform", "size": "4096B", **fields})
    fabric = build_fabric(experiment().topology)
    return background_flows((spec,), fabric, 2 * MS, seed=1)[0].frame()


def test_load_is_the_share_of_the_destinations_rate() -> None:
    flows = _flows(load=0.5, sources=["h[0-1]"], destinations=["h3"])
    assert set(flows["src_endpoint"]) == {0, 1}
    assert set(flows["dst_endpoint"]) == {3}
    used = len(flows) * (4096 + 98) * 8 / (2e-3 * 400e9)
    assert used == pytest.approx(0.5, rel=0.03)


def test_periodic_pairs_send_at_constant_intervals() -> None:
    flows = _flows(load=0.25, sources=["h0", "h1"], destinations=["h3"], spacing="periodic")
    for _, own in flows.groupby("src_endpoint"):
        gaps = np.diff(own["post_ps"].to_numpy())
        assert gaps.max() - gaps.min() <= 1
        assert gaps.mean() == pytest.approx(2 * (4096 + 98) * 8 / (0.25 * 400e9) * 1e12, rel=1e-4)


def test_chosen_hosts_belong_to_uniform() -> None:
    with pytest.raises(ValidationError, match="belong to uniform"):
        BackgroundSpec.model_validate({"pattern": "incast", "load": 0.1, "destinations": ["h1"]})
