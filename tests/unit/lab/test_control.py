# SPDX-License-Identifier: Apache-2.0
"""Who forwards in the lab, where the experiment's routing policy has a say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from emu.errors import InputError
from emu.lab.designs.l3_adaptive import options_of
from emu.lab.limits import FAULTS, check_variant
from emu.lab.run import LabOptions, run_lab_experiment, stand
from emu.spec import Variant, load_experiment
from emu.spec.fault import FaultSpec

COLLISION = Path(__file__).resolve().parents[3] / "experiments" / "agreement" / "collision.yaml"


def _variant(tmp_path: Path, **changes: Any) -> Variant:
    given = yaml.safe_load(COLLISION.read_text())
    given["topology"] = str(COLLISION.parents[2] / "topologies" / "lab-2x2x10.yaml")
    given["workload"]["trace"]["file"] = str(COLLISION.with_suffix(".csv"))
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump({**given, **changes}))
    (variant,) = load_experiment(path).variants()
    return variant


def test_a_policy_that_real_switches_do_not_have_is_refused_by_name(tmp_path: Path) -> None:
    variant = _variant(tmp_path, routing={"policy": "flowlet"})
    with pytest.raises(InputError, match="flowlet is for the simulator"):
        stand(variant, LabOptions(dilation=10_000))


@pytest.mark.parametrize(
    ("design", "control"), [("l3", "frr"), ({"name": "evpn", "variant": "l2vni"}, None)]
)
def test_the_controller_policy_is_l3_under_adaptive(
    tmp_path: Path, design: Any, control: str | None
) -> None:
    variant = _variant(tmp_path, routing={"policy": "controller"}, designs=[design])
    with pytest.raises(InputError, match="in the lab it is l3 under adaptive"):
        stand(variant, LabOptions(dilation=10_000, control=control))


@pytest.mark.parametrize("control", ["controller", "adaptive", "frr"])
def test_a_controller_is_not_given_a_short_cut_between_leaves(tmp_path: Path, control: str) -> None:
    topology = COLLISION.parents[2] / "topologies" / "leaf-spine-16x100G.yaml"
    variant = _variant(tmp_path, topology=str(topology))
    if control == "frr":
        check_variant(variant, control)
    else:
        with pytest.raises(InputError, match="leaf0 has a cable to leaf1, which is for MLAG"):
            check_variant(variant, control)


def test_the_app_gets_the_fabrics_times_in_wall_time(tmp_path: Path) -> None:
    routing = {"policy": "controller", "controller": {"interval": "50us", "delay": "5us"}}
    spec = _variant(tmp_path, routing=routing).spec.routing.controller
    options = options_of(spec, 20_000)
    assert (options["interval_s"], options["delay_s"], options["slots"]) == ("1", "0.1", "64")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"designs": ["evpn/l3vni"]}, "the lab has no design 'evpn/l3vni'"),
        ({"routing": {"polarised": True}}, "routing.polarised is for the simulator"),
        ({"routing": {"ecmp": {"resilient": True}}}, "routing.ecmp: resilient tables"),
        ({"routing": {"ecmp": {"weights": "capacity"}}}, "routing.ecmp: resilient tables"),
        (
            {"faults": [{"kind": "wrong-route", "switch": "leaf0", "to": ["h9"], "via": "spine0",
                         "at": "10us"}]},
            "faults: wrong-route is for the simulator",
        ),
    ],
)  # fmt: skip
def test_what_the_lab_cannot_do_is_told_before_anything_is_built(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run_lab_experiment(
            _variant(tmp_path, **changes).spec, tmp_path / "runs", LabOptions(dilation=10_000)
        )
    assert not (tmp_path / "runs").exists()


def test_an_adaptive_control_is_the_controller_policy_on_both_backends(tmp_path: Path) -> None:
    variant = _variant(tmp_path, designs=[{"name": "l3", "control": "adaptive"}])
    assert variant.spec.routing.policy == "controller"
    (again,) = variant.spec.variants()
    assert again.spec == variant.spec


def test_of_all_faults_those_of_forwarding_tables_are_not_in_the_lab() -> None:
    kinds = {
        get_args(kind.model_fields["kind"].annotation)[0]
        for kind in get_args(get_args(FaultSpec)[0])
    }
    assert kinds - set(FAULTS) == {"bridging-loop", "same-hash-seed", "wrong-route"}
    assert set(FAULTS) < kinds
