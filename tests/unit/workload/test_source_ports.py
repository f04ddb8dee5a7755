# SPDX-License-Identifier: Apache-2.0
"""Who chooses the source ports of queue pairs, and from how many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emu.spec import SourcePortsSpec
from emu.workload.queue_pairs import assign_qps
from emu.workload.table import Table

LANES = 8


def ports(spec: SourcePortsSpec | None, pairs: int = 40, seed: int = 3) -> pd.Series:
    """Source ports of some pairs of NICs with eight queue pairs each: list per pair."""
    rows = [(s, s + 1, lane, 3) for s in range(pairs) for lane in range(LANES)]
    names = ("src_endpoint", "dst_endpoint", "lane", "priority")
    table = Table(dict(zip(names, np.array(rows).T, strict=True)))
    _, qps = assign_qps(table, seed, spec)
    return qps.frame().groupby("src_endpoint")["udp_sport"].agg(list)


def test_the_default_is_the_port_that_linux_computes() -> None:
    assert ports(None).equals(ports(SourcePortsSpec()))


@pytest.mark.parametrize("by", ["nic", "library"])
@pytest.mark.parametrize("values", [1, 4, 64, 16384])
def test_no_more_ports_are_used_than_there_are_values(by: str, values: int) -> None:
    used = {p for own in ports(SourcePortsSpec.model_validate({"by": by, "values": values}))
            for p in own}  # fmt: skip
    assert used <= set(range(0xC000, 0xC000 + values))
    assert len(used) == min(values, len(used))
    assert len(used) == values or values > 4


@pytest.mark.parametrize("values", [8, 64, 16384])
def test_a_library_gives_the_queue_pairs_of_two_nics_different_ports(values: int) -> None:
    spec = SourcePortsSpec(by="library", values=values)
    assert all(len(set(own)) == LANES for own in ports(spec))
    drawn = ports(SourcePortsSpec(by="nic", values=8))
    assert any(len(set(own)) < LANES for own in drawn), "a NIC's ports meet by chance"


def test_pairs_do_not_all_begin_with_one_port() -> None:
    firsts = {own[0] for own in ports(SourcePortsSpec(by="library", values=64))}
    assert len(firsts) > 10
