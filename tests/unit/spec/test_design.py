# SPDX-License-Identifier: Apache-2.0
"""Designs and their options."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from emu.spec import DesignSpec, design_keys


@pytest.mark.parametrize("key", design_keys())
def test_a_key_names_its_design(key: str) -> None:
    design = DesignSpec.model_validate(key)
    assert design.key == key
    assert design.label == key.replace("/", " ")


@pytest.mark.parametrize(
    ("name", "key"), [("evpn", "evpn/l2vni"), ("stretched-l2", "stretched-l2/rstp")]
)
def test_the_first_variant_is_the_default(name: str, key: str) -> None:
    assert DesignSpec.model_validate(name).key == key
    assert DesignSpec.model_validate({"name": name}).key == key


def test_only_a_tunnel_adds_bytes() -> None:
    overhead = {key: DesignSpec.model_validate(key).overhead_bytes for key in design_keys()}
    assert overhead.pop("evpn/l2vni") == overhead.pop("evpn/l3vni") == 50
    assert set(overhead.values()) == {0}


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "evpn l2vni"),
        ({"ecn_copy_decap": False}, "evpn l2vni, no ecn copy decap"),
        ({"vxlan_overhead": 0}, "evpn l2vni, vxlan overhead 0"),
        ({"label": "ours"}, "ours"),
    ],
)
def test_a_label_tells_options_apart(options: dict[str, Any], label: str) -> None:
    assert DesignSpec.model_validate({"name": "evpn", **options}).label == label


def test_a_design_can_be_dumped_and_read_again() -> None:
    for key in design_keys():
        design = DesignSpec.model_validate(key)
        assert DesignSpec.model_validate(design.model_dump()) == design


@pytest.mark.parametrize("value", [3, None, [], {"variant": "rstp"}, {"name": 3}])
def test_what_is_no_design_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        DesignSpec.model_validate(value)
