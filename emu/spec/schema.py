# SPDX-License-Identifier: Apache-2.0
"""JSON Schema of the file kinds, so that editors can complete and check them."""

from __future__ import annotations

from typing import Any, Literal

from emu.docstrings import describe_fields
from emu.spec.base import Spec
from emu.spec.context import LoadContext, topology_presets
from emu.spec.design import design_keys
from emu.spec.experiment import ExperimentSpec
from emu.spec.preset import preset_names
from emu.spec.topology import TopologySpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PARTIAL = ("PfcSpec", "EcnSpec", "EcnProfile")
"""Parts of a profile: where that has a `base`, they say only what differs."""
_PRESETS = {
    "SwitchProfile": "switch",
    "NicProfile": "nic",
    "DcqcnParams": "dcqcn",
    "TimelyParams": "timely",
}


def topology_schema() -> dict[str, Any]:
    """JSON Schema of topology files."""
    describe_fields(Spec)
    return _finish(TopologySpec.model_json_schema(), "topology")


def experiment_schema() -> dict[str, Any]:
    """JSON Schema of experiment files."""
    describe_fields(Spec)
    schema = _finish(ExperimentSpec.model_json_schema(), "experiment")
    presets = sorted(topology_presets(LoadContext().folder))
    schema["properties"]["topology"] = {
        "anyOf": [
            {"type": "string", "examples": presets},
            {"$ref": "#/$defs/TopologySpec"},
        ]
    }
    schema["$defs"]["DesignSpec"] = {
        "anyOf": [{"enum": list(design_keys())}, schema["$defs"]["DesignSpec"]]
    }
    schema["$defs"]["CaptureSpec"] = {
        "anyOf": [
            {"type": "string", "examples": ["leaf0:Ethernet4", "leaf0:spine1", "h0.0"]},
            schema["$defs"]["CaptureSpec"],
        ]
    }
    return schema


def json_schema(kind: Literal["experiment", "topology"]) -> dict[str, Any]:
    """JSON Schema of a file kind."""
    return experiment_schema() if kind == "experiment" else topology_schema()


def _finish(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """Adds what files may write in short: the names of presets."""
    for model, preset in _PRESETS.items():
        definition = schema["$defs"].get(model)
        if definition is None:
            continue
        # A mapping may start from a preset, so that nothing in it is required.
        changed = {key: value for key, value in definition.items() if key != "required"}
        names = list(preset_names(preset))
        changed["properties"] = {"base": {"enum": names}, **definition["properties"]}
        schema["$defs"][model] = {"anyOf": [{"enum": names}, changed]}
    for part in _PARTIAL:
        schema["$defs"][part].pop("required", None)
    schema["$defs"]["SwitchesSpec"]["required"] = ["leaf"]
    schema["required"] = sorted({"kind", *schema.get("required", [])})
    return {"$schema": DIALECT, **schema, "title": f"emu {kind}"}
