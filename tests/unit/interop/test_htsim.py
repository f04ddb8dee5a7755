# SPDX-License-Identifier: Apache-2.0
"""Files of htsim become fabrics and flows, or are refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import InputError
from emu.fabric.build import build_fabric
from emu.interop.htsim import import_htsim
from emu.sim.run import run_variant
from emu.spec import load_experiment
from emu.telemetry import Run

TIER = "Downlink_speed_Gbps {}\nRadix_Down {}\nRadix_Up {}\nDownlink_Latency_ns 1000\n"
TWO = (
    "Nodes 16\nTiers 2\n\nTier 0\n" + TIER.format(100, 4, 2) + "\nTier 1\n" + TIER.format(100, 4, 0)
)
THREE = (
    "# a comment\nNodes 16\nTiers 3\nPodsize 8\nTier 0\n" + TIER.format(100, 4, 2)
    + "Tier 1\n" + TIER.format(100, 2, 2) + "Tier 2\n" + TIER.format(100, 4, 0)
    + "Switch_Latency_ns 500\nBundle 2\n"
)  # fmt: skip
MATRIX = "Nodes 16\nConnections 2\n0->15 start 0 size 100000\n3->8 id 2 start 5000000 size 50000\n"


def _import(tmp_path: Path, topology: str, matrix: str = MATRIX) -> Path:
    (tmp_path / "t.topo").write_text(topology)
    (tmp_path / "m.cm").write_text(matrix)
    import_htsim(tmp_path / "t.topo", tmp_path / "m.cm", tmp_path / "case.yaml")
    return tmp_path / "case.yaml"


@pytest.mark.parametrize(
    ("topology", "switches", "links"), [(TWO, 6, 16 + 8), (THREE, 10, 16 + 8 + 8)]
)
def test_an_imported_case_runs(tmp_path: Path, topology: str, switches: int, links: int) -> None:
    spec = load_experiment(_import(tmp_path, topology))
    fabric = build_fabric(spec.topology)
    assert (fabric.n_endpoints, fabric.n_switches, len(fabric.links)) == (16, switches, links)
    (variant,) = spec.variants()
    flows = Run(run_variant(variant, 1, tmp_path / "run")).flows
    assert flows["status"].tolist() == ["done", "done"]
    assert flows["post_ps"].tolist() == [0, 5_000_000]


@pytest.mark.parametrize(
    ("topology", "matrix", "message"),
    [
        (TWO.replace("Radix_Down 4\nRadix_Up 2", "Radix_Down 3\nRadix_Up 2"), MATRIX,
         "16 does not divide by 3"),
        (TWO.replace("Radix_Up 2", "Radix_Uo 2"), MATRIX, "t.topo:7:1: unknown key Radix_Uo here"),
        (TWO.replace("Tiers 2", "Tiers 3"), MATRIX, "3 tiers are announced and 2 are there"),
        (TWO, MATRIX.replace("Connections 2", "Connections 3"), "3 connections are announced"),
        (TWO, MATRIX.replace("size 50000", "size 0"), "size 0 means a flow without end"),
        (TWO, MATRIX.replace("start 5000000", "trigger 1"), "the flow starts when another ends"),
        (TWO, MATRIX.replace("3->8", "3->80"), "m.cm:4:1: a host is 80: 0 to 15 are allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, topology: str, matrix: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _import(tmp_path, topology, matrix)
