# SPDX-License-Identifier: Apache-2.0
"""Matrix and cases become variants."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from emu.errors import SpecError
from emu.spec import ExperimentSpec

from .conftest import Load

MATRIX = """
designs: [l3, evpn/l2vni]
matrix:
  workload.load.fraction: [0.4, 0.7]
  transport.dcqcn: [vendor, paper]
cases:
  - name: link failure
    set:
      workload.load.fraction: 0.7
      faults: [{kind: link-down, link: leaf0-spine0, at: 1ms, for: 2ms}]
    designs: [l3]
"""


def test_variants_are_the_product_of_designs_and_matrix_then_the_cases(load: Load) -> None:
    variants = load(MATRIX).variants()
    assert len(variants) == 2 * 2 * 2 + 1
    assert variants[0].labels == {
        "design": "l3",
        "case": "base",
        "workload.load.fraction": "0.4",
        "transport.dcqcn": "vendor",
    }
    assert variants[-1].labels == {
        "design": "l3",
        "case": "link failure",
        "workload.load.fraction": "0.7",
        "transport.dcqcn": "default",
        "faults": "link-down",
    }


def test_a_variant_is_one_design_with_its_values(load: Load) -> None:
    for variant in load(MATRIX).variants():
        assert variant.spec.designs == (variant.design,)
        assert variant.spec.matrix == {}
        assert variant.spec.cases == ()
        assert variant.labels["design"] == variant.design.label
        assert str(variant.spec.workload.load.fraction) == variant.labels["workload.load.fraction"]
        assert [v.labels["design"] for v in variant.spec.variants()] == [variant.design.label]


def test_ids_are_unique_and_safe_as_folder_names(load: Load) -> None:
    ids = [variant.id for variant in load(MATRIX).variants()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,110}", id_) for id_ in ids)
    assert ids[0] == "l3_fraction-0.4_dcqcn-vendor"
    assert ids[-1] == "link-failure_l3"


def test_the_same_file_gives_the_same_ids_and_fingerprints(load: Load) -> None:
    first, second = load(MATRIX).variants(), load(MATRIX).variants()
    assert [v.id for v in first] == [v.id for v in second]
    assert [v.spec.fingerprint() for v in first] == [v.spec.fingerprint() for v in second]
    assert len({v.spec.fingerprint() for v in first}) == len(first)


def test_values_that_look_alike_in_a_name_still_get_ids_of_their_own(load: Load) -> None:
    spec = load('designs: [l3]\nmatrix: {workload.model: ["a b", "a-b"]}\n')
    assert len({variant.id for variant in spec.variants()}) == 2


def test_ids_tell_paths_apart_that_end_alike(load: Load) -> None:
    spec = load(
        "designs: [l3]\n"
        "matrix:\n"
        "  overrides.switches.leaf.pfc.alpha: [0.25]\n"
        "  overrides.switches.spine.pfc.alpha: [2.0]\n"
        "  workload.load.fraction: [0.5]\n"
    )
    assert spec.variants()[0].id == "l3_leaf-pfc-alpha-0.25_spine-pfc-alpha-2.0_fraction-0.5"


def test_only_cases(load: Load) -> None:
    spec = load("designs: [l3, l3-host]\nbase: false\ncases: [{name: a}, {name: b}]\n")
    assert [v.id for v in spec.variants()] == ["a_l3", "a_l3-host", "b_l3", "b_l3-host"]


def test_a_path_leads_into_a_preset(load: Load) -> None:
    spec = load(
        "designs: [l3]\n"
        "matrix:\n"
        "  overrides.switches.leaf.pfc.alpha: [0.25, 2.0]\n"
        "  overrides.switches.spine.ecn.by_rate.400G.kmin: [100KB, 200KB]\n"
    )
    found = {
        (v.spec.topology.switches.leaf.pfc.alpha,
         v.spec.topology.switches.spine.ecn_for(400 * 10**9).kmin)
        for v in spec.variants()
    }  # fmt: skip
    assert found == {(0.25, 100_000), (0.25, 200_000), (2.0, 100_000), (2.0, 200_000)}


def test_a_path_into_a_topology_that_is_given_by_name(load: Load) -> None:
    spec = load("designs: [l3]\nmatrix: {topology.nic.ack_interval: [1, 16]}\n")
    assert [v.spec.topology.nic.ack_interval for v in spec.variants()] == [1, 16]


def test_whole_topologies_vary(load: Load) -> None:
    spec = load("designs: [l3]\nmatrix: {topology: [leaf-spine-16x400G, leaf-spine-64x400G]}\n")
    assert [v.spec.topology.n_endpoints for v in spec.variants()] == [16, 64]


def test_an_override_keeps_what_it_does_not_name(load: Load) -> None:
    plain = load("designs: [l3]\n").topology.switches.leaf
    spec = load("designs: [l3]\noverrides: {switches: {leaf: {pfc: {alpha: 0.5}}}}\n")
    leaf = spec.topology.switches.leaf
    assert leaf.pfc.alpha == 0.5
    assert leaf.buffer == plain.buffer
    assert spec.topology.switches.spine.pfc.alpha == plain.pfc.alpha


def test_all_tiers_are_overridden_at_once(load: Load) -> None:
    spec = load("designs: [l3]\nmatrix: {overrides.switches.all.pfc.alpha: [0.25, 4.0]}\n")
    for variant, alpha in zip(spec.variants(), (0.25, 4.0), strict=True):
        switches = variant.spec.topology.switches
        assert {switches.leaf.pfc.alpha, switches.spine.pfc.alpha} == {alpha}
        assert switches.super_spine.pfc.alpha == alpha


def test_a_wrong_combination_is_blamed_on_the_value_that_made_it(load: Load) -> None:
    with pytest.raises(SpecError) as caught:
        load("designs: [evpn]\nmatrix: {overrides.nic.ip_mtu: [9000B, 9200B]}\n")
    (fault,) = caught.value.faults
    assert "9200 + 50 bytes of VXLAN" in fault.message
    assert (fault.line, fault.column) == (7, 40)


def test_an_experiment_survives_pickling_and_json(load: Load) -> None:
    spec = load(MATRIX)
    copy = pickle.loads(pickle.dumps(spec))
    assert [v.id for v in copy.variants()] == [v.id for v in spec.variants()]
    for variant in spec.variants():
        again = ExperimentSpec.model_validate(variant.spec.model_dump(mode="json"))
        assert again.fingerprint() == variant.spec.fingerprint()


def test_the_trace_is_found_from_the_folder_of_the_file(load: Load, tmp_path: Path) -> None:
    spec = load("designs: [l3]\n")
    assert spec.workload.trace.path == tmp_path / "trace.jsonl"
    assert spec.variants()[0].spec.workload.trace.path == tmp_path / "trace.jsonl"
    assert str(tmp_path) not in spec.model_dump_json()
