# SPDX-License-Identifier: Apache-2.0
"""The shipped experiments and topologies fit the fabric that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emu.errors import SpecError
from emu.fabric.build import build_fabric
from emu.fabric.designs import plan_design
from emu.spec import ExperimentSpec, load_experiment, load_topology

REPOSITORY = Path(__file__).resolve().parent.parent.parent
EXPERIMENTS = sorted((REPOSITORY / "experiments").glob("*.yaml"))


def load(path: Path, folder: Path) -> ExperimentSpec:
    """An experiment; where it needs a trace that is not shipped, with a stand-in."""
    text = path.read_text(encoding="utf-8")
    if "origin:" not in text:
        return load_experiment(path)
    file = next(line for line in text.splitlines() if line.startswith("    file: "))
    text = text.replace(file, f"    file: {REPOSITORY / 'traces' / 'mooncake-sample.jsonl'}")
    text = text.replace("../topologies", str(REPOSITORY / "topologies"))
    (folder / path.name).write_text(text, encoding="utf-8")
    return load_experiment(folder / path.name)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_variant_can_be_planned(path: Path, tmp_path: Path) -> None:
    spec = load(path, tmp_path)
    assert spec.name == path.stem
    assert spec.question.endswith("?")
    planned = set()
    for variant in spec.variants():
        # Load and seed change nothing for the fabric: plan each design and fault set once.
        key = (variant.design.key, variant.design.label, variant.spec.faults)
        if key not in planned:
            planned.add(key)
            plan_design(build_fabric(variant.spec.topology), variant.spec, spec.seeds[0])


def test_a_trace_that_is_not_shipped_says_where_it_is(tmp_path: Path) -> None:
    text = (REPOSITORY / "experiments" / "mooncake-hour.yaml").read_text(encoding="utf-8")
    text = text.replace("../topologies", str(REPOSITORY / "topologies"))
    file = tmp_path / "mooncake-hour.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_experiment(file)
    (fault,) = caught.value.faults
    assert fault.field == "workload.trace.file"
    assert "kvcache-ai/Mooncake" in fault.hint
    assert "traces/mooncake-conversation.jsonl" in fault.hint


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
