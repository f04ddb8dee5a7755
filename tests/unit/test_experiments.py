# SPDX-License-Identifier: Apache-2.0
"""The shipped experiments and topologies fit the fabric that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.spec import load_experiment, load_topology

REPOSITORY = Path(__file__).resolve().parent.parent.parent
EXPERIMENTS = sorted((REPOSITORY / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_variant_can_be_planned(path: Path) -> None:
    spec = load_experiment(path)
    assert spec.name == path.stem
    assert spec.question.endswith("?")
    planned = set()
    for variant in spec.variants():
        # Load and seed change nothing for the fabric: plan each design and fault set once.
        key = (variant.design.key, variant.design.label, variant.spec.faults)
        if key not in planned:
            planned.add(key)
            plan_design(build_fabric(variant.spec.topology), variant.spec, spec.seeds[0])


def test_readme_lists_every_experiment() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text.split("## Experiments\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", section, flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in EXPERIMENTS)


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "topologies").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_topology_is_named_after_its_file(path: Path) -> None:
    assert load_topology(path.stem).name == path.stem
