# SPDX-License-Identifier: Apache-2.0
"""The drawing of a fabric: well-formed, described in words, themed, bounded."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from emu.fabric.build import build_fabric
from emu.fabric.draw import describe, fabric_svg
from emu.spec.loader import load_topology

SVG = "{http://www.w3.org/2000/svg}"


def test_drawing_is_well_formed_and_has_a_text_alternative(make_clos):
    fabric = make_clos(homing="dual", peer_links=1)
    root = ET.fromstring(fabric_svg(fabric))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "test"
    assert root.findtext(f"{SVG}desc") == describe(fabric)
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


def test_every_switch_and_nic_of_a_small_fabric_is_drawn(make_clos):
    fabric = make_clos(leaves=4, spines=2, hosts_per_leaf=4)
    root = ET.fromstring(fabric_svg(fabric))
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {fabric.nodes[s].name for s in fabric.switches} <= words
    squares = [r for r in root.iter(f"{SVG}rect") if r.find(f"{SVG}title") is not None]
    assert len(squares) == fabric.n_endpoints
    assert len([r for r in squares if r.get("class") == "prefill"]) == 8


def test_description_counts_what_there_is(make_clos):
    assert describe(make_clos(leaves=2, spines=1, hosts_per_leaf=1)) == (
        "1 spine, 2 leaves; 2 hosts (1 prefill, 1 decode) with 2 NICs and 2 NIC ports; 4 links."
    )


@pytest.mark.parametrize("name", ["leaf-spine-128x400G", "clos3-8192x400G"])
def test_large_fabrics_stay_small_drawings(repository, name):
    spec = load_topology(str(repository / "topologies" / f"{name}.yaml"))
    svg = fabric_svg(build_fabric(spec))
    assert len(svg) < 60_000
    for number in ET.fromstring(svg).get("viewBox", "").split()[2:]:
        assert 0 < float(number) < 2200
