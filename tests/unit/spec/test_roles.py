# SPDX-License-Identifier: Apache-2.0
"""Which hosts prefill and which decode."""

from __future__ import annotations

import pytest

from emu.spec import load_topology, match_names, pick_names

NAMES = [f"h{i}" for i in range(25)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("h3", ["h3"]),
        ("h[2-4]", ["h2", "h3", "h4"]),
        ("h[9-11]", ["h9", "h10", "h11"]),
        ("h?", NAMES[:10]),
        ("h2*", ["h2", "h20", "h21", "h22", "h23", "h24"]),
        ("*", NAMES),
        ("h[02-04]", ["h2", "h3", "h4"]),
        ("h[4-2]", []),
        ("H3", []),
        ("h.", []),
    ],
)
def test_patterns(pattern: str, found: list[str]) -> None:
    assert match_names(pattern, NAMES) == found


def test_a_range_of_racks_and_hosts() -> None:
    names = [f"gpu-r{r}-h{h}" for r in range(3) for h in range(3)]
    assert match_names("gpu-r[1-2]-h[0-1]", names) == [
        "gpu-r1-h0",
        "gpu-r1-h1",
        "gpu-r2-h0",
        "gpu-r2-h1",
    ]


def test_each_host_is_picked_once_in_the_order_of_the_fabric() -> None:
    assert pick_names(["h[3-4]", "h1", "h4"], NAMES) == ["h1", "h3", "h4"]


def test_without_roles_the_first_half_prefills() -> None:
    topology = load_topology("leaf-spine-16x400G")
    assert topology.prefill_hosts == tuple(f"h{i}" for i in range(8))
    assert topology.decode_hosts == tuple(f"h{i}" for i in range(8, 16))


def test_the_two_rack_pair_is_told_apart_by_rack() -> None:
    topology = load_topology("two-rack-pd")
    assert {name.rstrip("0123456789") for name in topology.prefill_hosts} == {"gpu"}
    assert {name.rstrip("0123456789") for name in topology.decode_hosts} == {"acc"}
