# SPDX-License-Identifier: Apache-2.0
"""What an experiment resolves to, and what a loader says about whole files."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.errors import Fault, SpecError
from emu.spec import ExperimentSpec, Variant, load_experiment, load_topology

from .conftest import BASE, Load


def test_what_is_not_given_has_a_default(load: Load) -> None:
    spec = load("designs: [l3]\n")
    assert spec.seeds == (1,)
    assert spec.workload.engine == "nixl-pull"
    assert spec.routing.policy == "ecmp"
    assert spec.record.sample_interval == 100_000_000
    assert spec.timers.detection_ps == 1_000_000_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "vendor"),
        ("transport: {cc: dcqcn}\n", "vendor"),
        ("transport: {dcqcn: paper}\n", "paper"),
        ("transport: {cc: none}\n", None),
        ("transport: {cc: none, rate: 100G}\n", None),
        ("overrides: {nic: {cc: null}}\n", None),
        ("overrides: {nic: {cc: hpcc}}\n", "hpcc"),
        ("overrides: {nic: {cc: null}}\ntransport: {dcqcn: paper}\n", "paper"),
    ],
)
def test_congestion_control_in_effect(load: Load, text: str, name: str | None) -> None:
    cc = load("designs: [l3]\n" + text).cc
    assert (cc.name if cc else None) == name


def test_a_topology_is_a_name_a_path_or_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "fabrics").mkdir()
    preset = Path(__file__).parents[3] / "topologies" / "leaf-spine-16x400G.yaml"
    text = preset.read_text(encoding="utf-8")
    (tmp_path / "fabrics" / "mine.yaml").write_text(text, encoding="utf-8")
    inline = "\n  ".join(["", *text.splitlines()])
    file = tmp_path / "e.yaml"
    for topology in ("leaf-spine-16x400G", "fabrics/mine.yaml", inline):
        body = BASE.replace("leaf-spine-16x400G", topology) + "designs: [l3]\n"
        file.write_text(body, encoding="utf-8")
        assert load_experiment(file).topology.n_endpoints == 16


def test_presets_of_the_users_own_folder_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = Path(__file__).parents[3] / "topologies" / "leaf-spine-16x400G.yaml"
    text = preset.read_text(encoding="utf-8").replace("leaves: 4", "leaves: 8")
    (tmp_path / "topologies").mkdir()
    (tmp_path / "topologies" / "leaf-spine-16x400G.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_topology("leaf-spine-16x400G").n_endpoints == 32


def test_faults_of_several_parts_come_in_the_order_of_the_file(load: Load) -> None:
    with pytest.raises(SpecError) as caught:
        load(
            "designs: [l4]\nseeds: [x]\n"
            "faults: [{kind: link-down}]\nrecord: {blocks: 1}\nstopp: {}\n"
        )
    lines = [fault.line for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert set(lines) == {6, 7, 8, 9, 10}


def test_a_python_caller_gets_the_same_checks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown design"):
        ExperimentSpec.model_validate(
            {
                "name": "x",
                "topology": "leaf-spine-16x400G",
                "workload": {"trace": {"file": "t"}},
                "designs": ["l4"],
            }
        )


def test_a_missing_file_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_experiment(tmp_path / "nothing.yaml")
    with pytest.raises(SpecError, match="unknown topology 'leaf-spin-16x400G': did you mean"):
        load_topology("leaf-spin-16x400G")


def test_the_fingerprint_changes_with_the_content_only(load: Load) -> None:
    first = load("designs: [l3]\n").fingerprint()
    assert load("# a comment\ndesigns:\n  - l3\n").fingerprint() == first
    assert load("designs: [l3-host]\n").fingerprint() != first
    assert len(first) == 64


def test_what_later_parts_find_gets_its_place_from_the_file(load: Load, tmp_path: Path) -> None:
    spec = load("  model: lama\ndesigns: [l3]\nfaults: [{kind: link-down, link: a-b, at: 1ms}]\n")
    error = spec.located(
        SpecError([Fault("unknown", "workload.model"), Fault("no link", "faults[0].link")])
    )
    places = [(Path(f.file).name, f.line, f.column) for f in error.faults]
    assert places == [("experiment.yaml", 6, 10), ("experiment.yaml", 8, 34)]


def test_a_variant_knows_where_its_values_are_written(load: Load) -> None:
    spec = load(
        "designs: [l3]\n"
        "matrix: {workload.model: [a, b], overrides.nic.ack_interval: [1]}\n"
        "cases:\n"
        "  - name: broken\n"
        "    set: {faults: [{kind: link-down, link: a-b, at: 1ms}]}\n"
    )
    second, broken = spec.variants()[1:]

    def place(variant: Variant, field: str) -> tuple[int, int]:
        error = variant.spec.located(SpecError([Fault("wrong", field)]))
        return error.line, error.column

    assert place(second, "workload.model") == (7, 30)
    assert place(second, "topology.nic.ack_interval") == (7, 63)
    assert place(broken, "faults.0.link") == (10, 44)
    assert place(broken, "workload.trace.file") == (5, 17)


def test_a_spec_that_is_from_no_file_leaves_faults_as_they_are() -> None:
    spec = ExperimentSpec.model_validate(
        {
            "name": "x",
            "topology": "leaf-spine-16x400G",
            "workload": {"trace": {"file": "t"}},
            "designs": ["l3"],
        }
    )
    fault = Fault("wrong", "workload.model")
    assert spec.located(SpecError([fault])).faults == [fault]
    assert len(spec.variants()) == 1
