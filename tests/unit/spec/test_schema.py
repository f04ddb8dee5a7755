# SPDX-License-Identifier: Apache-2.0
"""The JSON Schemas that editors complete from."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from emu.spec import experiment_schema, json_schema, topology_schema
from emu.spec.preset import preset_names


@pytest.mark.parametrize("kind", ["experiment", "topology"])
def test_a_schema_is_whole(kind: Literal["experiment", "topology"]) -> None:
    schema = json_schema(kind)
    text = json.dumps(schema)
    for name in _references(schema):
        assert name in schema["$defs"], name
    assert schema["additionalProperties"] is False
    assert "kind" in schema["required"]
    assert schema["title"] == f"emu {kind}"
    assert json_schema(kind) == json.loads(text)


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"].removeprefix("#/$defs/")} if "$ref" in node else set()
        return found.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


def test_presets_are_offered() -> None:
    switch = topology_schema()["$defs"]["SwitchProfile"]
    assert switch["anyOf"][0] == {"enum": list(preset_names("switch"))}
    assert "required" not in switch["anyOf"][1]
    assert "leaf-spine-16x400G" in json.dumps(experiment_schema()["properties"]["topology"])


def test_quantities_are_text_with_a_unit() -> None:
    rate = topology_schema()["$defs"]["ClosSpec"]["properties"]["host_rate"]
    assert "400G" in rate["description"] or "400G" in json.dumps(rate)
    assert "pattern" in json.dumps(rate)


def test_fields_are_described() -> None:
    properties = topology_schema()["$defs"]["ClosSpec"]["properties"]
    assert "pair of leaves" in properties["hosts_per_leaf"]["description"]
